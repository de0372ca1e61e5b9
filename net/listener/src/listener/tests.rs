//! The listener against real sockets. Limits are short where a test waits for one to be reached; every test waits
//! for the event itself, and `PATIENCE` only turns a hang into a failure.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use warp::Filter;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What the handler below tells the test, and waits for.
#[derive(Default)]
struct Stage {
    served: Mutex<Vec<SocketAddr>>,
    started: Notify,
    release: Notify,
    dropped: Notify,
}

struct Server {
    addr: SocketAddr,
    stage: Arc<Stage>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<ServeSummary>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let stage = Arc::new(Stage::default());
        let handler_stage = Arc::clone(&stage);
        let service = service_fn(move |request| {
            let stage = Arc::clone(&handler_stage);
            async move { Ok::<_, Infallible>(handle(&stage, request).await) }
        });
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let addr = listener.local_addr();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(listener.serve(service, limits, stopped));
        Self { addr, stage, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    async fn connect_from(&self, address: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(self.addr).await.unwrap()
    }

    async fn stop(self) -> ServeSummary {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.task).await.expect("the listener must return").unwrap()
    }
}

async fn handle(stage: &Arc<Stage>, request: Request<Incoming>) -> Answer {
    let Peer(peer) = *request.extensions().get::<Peer>().expect("every request carries its peer");
    stage.served.lock().unwrap().push(peer);
    match request.uri().path() {
        "/slow" => {
            stage.started.notify_one();
            stage.release.notified().await;
            text(StatusCode::OK, "slow")
        }
        "/endless" => {
            let guard = NotifyOnDrop(Arc::clone(stage));
            let chunks = futures_util::stream::repeat_with(move || {
                let _held = &guard;
                Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 4096])))
            });
            Response::new(StreamBody::new(chunks).boxed())
        }
        "/panic" => panic!("a handler's bug"),
        _ => text(StatusCode::OK, "hello"),
    }
}

struct NotifyOnDrop(Arc<Stage>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

fn text(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    *answer.status_mut() = status;
    answer
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads one answer with a `Content-Length`, and leaves the connection open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = String::new();
    let whole = async {
        while !(read.contains("\r\n\r\n") && (read.ends_with("hello") || read.contains("content-length: 0")))
        {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the connection ended within an answer: {read}");
            read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    };
    timeout(PATIENCE, whole).await.expect("an answer must come");
    read
}

/// Reads until the server closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset closes the connection as well as an orderly end does.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the server must close");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn a_header_that_does_not_end_is_cut() {
    let server = Server::start(Limits { header_read: SHORT, ..Limits::default() });
    for beginning in ["", "GET / HTTP/1.1\r\nHo", "PRI * HTTP", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = server.connect().await;
        send(&mut stream, beginning).await;
        let read = until_closed(&mut stream).await;
        assert!(!read.contains("HTTP/1.1 200"), "{beginning:?} was answered: {read}");
    }
    assert_eq!(server.stop().await, ServeSummary { accepted: 4, cut: 0 });
}

#[tokio::test]
async fn the_header_of_a_later_request_has_its_own_time() {
    // Long enough for the first request to arrive on a busy machine.
    let header_read = Duration::from_secs(1);
    let server = Server::start(Limits { header_read, idle: PATIENCE * 2, ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answer(&mut stream).await;
    send(&mut stream, "GET / HT").await;
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(Limits { idle: SHORT, ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answer(&mut stream).await;
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let server = Server::start(Limits { idle: SHORT, ..Limits::default() });
    let io = TokioIo::new(server.connect().await);
    let (mut requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://x/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(requests.send_request(request).await.unwrap().status(), StatusCode::OK);
    let _ = timeout(PATIENCE, connection).await.expect("the server must close").unwrap();
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut() {
    let server = Server::start(Limits { write_stall: SHORT, ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(PATIENCE, server.stage.dropped.notified()).await.expect("the answer must be given up");
    drop(stream);
}

#[tokio::test]
async fn an_http2_peer_that_answers_pings_but_takes_no_answer_is_cut() {
    let limits = Limits { write_stall: SHORT, http2_ping: SHORT / 4, ..Limits::default() };
    for path in ["http://x/", "http://x/endless"] {
        let server = Server::start(limits);
        let io = TokioIo::new(server.connect().await);
        let (mut requests, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(0)
            .handshake(io)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get(path).body(Full::<Bytes>::default()).unwrap();
        let answer = requests.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        // An error or an orderly end: the connection is gone either way.
        let _ = timeout(PATIENCE, connection).await.expect("the server must close").unwrap();
        drop(answer);
    }
}

#[tokio::test]
async fn beyond_the_cap_the_longest_idle_goes() {
    let server = Server::start(Limits { connections: 2, ..Limits::default() });
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    send(&mut idle, REQUEST).await;
    answer(&mut idle).await;

    let mut third = server.connect().await;
    send(&mut third, REQUEST).await;
    answer(&mut third).await;
    assert_eq!(until_closed(&mut silent).await, "");
    send(&mut idle, REQUEST).await;
    answer(&mut idle).await;
}

#[tokio::test]
async fn while_all_are_busy_a_connection_waits_and_is_then_served() {
    let limits = Limits { connections: 1, connections_per_address: 1, ..Limits::default() };
    let server = Server::start(limits);
    let mut busy = server.connect_from([127, 0, 0, 2]).await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.stage.started.notified().await;

    let mut second = server.connect().await;
    send(&mut second, REQUEST).await;
    let mut first_byte = [0];
    assert!(timeout(SHORT, second.read(&mut first_byte)).await.is_err(), "served beyond the cap");

    server.stage.release.notify_one();
    answer(&mut second).await;
}

#[tokio::test]
async fn the_connections_of_one_address_leave_room_for_others() {
    let limits = Limits { connections: 8, connections_per_address: 4, ..Limits::default() };
    let server = Server::start(limits);
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(server.connect_from([127, 0, 0, 2]).await);
    }
    let mut other = server.connect().await;
    send(&mut other, REQUEST).await;
    answer(&mut other).await;
    for stream in &mut held[..16] {
        assert_eq!(until_closed(stream).await, "");
    }
    let mut last = held.pop().unwrap();
    send(&mut last, REQUEST).await;
    answer(&mut last).await;
}

#[tokio::test]
async fn an_address_whose_connections_are_all_busy_is_refused() {
    let limits = Limits { connections: 8, connections_per_address: 1, ..Limits::default() };
    let server = Server::start(limits);
    let mut busy = server.connect_from([127, 0, 0, 2]).await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.stage.started.notified().await;
    assert_eq!(until_closed(&mut server.connect_from([127, 0, 0, 2]).await).await, "");
    let mut other = server.connect().await;
    send(&mut other, REQUEST).await;
    answer(&mut other).await;
}

/// PING, SETTINGS, PRIORITY: each costs the server work, and none is a request.
#[tokio::test]
async fn an_http2_flood_of_control_frames_is_cut() {
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[7; 8]].concat();
    let settings = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    let priority = [&[0, 0, 5, 2, 0, 0, 0, 0, 1][..], &[0, 0, 0, 0, 9]].concat();
    let server = Server::start(Limits::default());
    for frame in [ping, settings, priority] {
        let (mut read, mut write) = server.connect().await.into_split();
        write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let batch = frame.repeat(1000);
        let flood = async { while write.write_all(&batch).await.is_ok() {} };
        let answers = async { while read.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {} };
        timeout(PATIENCE, async { tokio::join!(flood, answers) }).await.expect("the server must close");
    }
}

#[tokio::test]
async fn requests_that_http_forbids_do_not_reach_the_service() {
    let server = Server::start(Limits::default());
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: me@x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
    ] {
        let mut stream = server.connect().await;
        send(&mut stream, request).await;
        let read = until_closed(&mut stream).await;
        assert!(
            read.starts_with(&format!("HTTP/1.1 {status}"))
                || read.starts_with(&format!("HTTP/1.0 {status}")),
            "{request:?}: {read:?}"
        );
    }
    assert!(server.stage.served.lock().unwrap().is_empty());
    for request in [
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        send(&mut stream, request).await;
        assert!(answer(&mut stream).await.contains(" 200 OK"), "{request:?}");
    }
}

#[tokio::test]
async fn a_peer_that_has_said_everything_is_answered() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    send(&mut stream, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    stream.shutdown().await.unwrap();
    server.stage.started.notified().await;
    server.stage.release.notify_one();
    assert!(until_closed(&mut stream).await.ends_with("slow"));
}

#[tokio::test]
async fn a_lame_duck_serves_and_sends_its_peers_away() {
    let server = Server::start(Limits { lame_duck: PATIENCE * 2, ..Limits::default() });
    let mut open = server.connect().await;
    send(&mut open, REQUEST).await;
    answer(&mut open).await;
    let io = TokioIo::new(server.connect().await);
    let (mut requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://x/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(requests.send_request(request).await.unwrap().status(), StatusCode::OK);

    server.stop.send(()).unwrap();
    timeout(PATIENCE, connection).await.expect("GOAWAY must come").unwrap().unwrap();
    for mut stream in [open, TcpStream::connect(server.addr).await.unwrap()] {
        send(&mut stream, REQUEST).await;
        let read = until_closed(&mut stream).await;
        assert!(read.contains("connection: close") && read.ends_with("hello"), "{read}");
    }
    assert!(!server.task.is_finished(), "lame ducks still accept");
}

#[tokio::test]
async fn a_request_on_its_way_is_served_when_the_listener_stops() {
    let server = Server::start(Limits::default());
    let mut idle = server.connect().await;
    send(&mut idle, REQUEST).await;
    answer(&mut idle).await;

    let Server { addr, stop, task, .. } = server;
    stop.send(()).unwrap();
    while TcpStream::connect(addr).await.is_ok() {}
    send(&mut idle, REQUEST).await;
    let read = until_closed(&mut idle).await;
    assert!(read.contains("connection: close") && read.ends_with("hello"), "{read}");
    timeout(PATIENCE, task).await.expect("the listener must return").unwrap();
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_takes_nothing_new() {
    let server = Server::start(Limits::default());
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    send(&mut idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answer(&mut idle).await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.stage.started.notified().await;

    let Server { addr, stage, stop, task } = server;
    stop.send(()).unwrap();
    assert_eq!(until_closed(&mut idle).await, "");
    let refused = TcpStream::connect(addr).await.expect_err("the address must be released");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(!task.is_finished(), "a request is in flight");

    stage.release.notify_one();
    assert!(until_closed(&mut busy).await.ends_with("slow"));
    let summary = timeout(PATIENCE, task).await.expect("the listener must return").unwrap();
    assert_eq!(summary, ServeSummary { accepted: 2, cut: 0 });
}

#[tokio::test]
async fn what_outlasts_the_drain_deadline_is_cut() {
    let server = Server::start(Limits { drain: SHORT, ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.stage.started.notified().await;
    assert_eq!(server.stop().await, ServeSummary { accepted: 1, cut: 1 });
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn oversized_headers_are_refused_before_the_service() {
    let server = Server::start(Limits { header_bytes: 8192, header_fields: 10, ..Limits::default() });
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nLong: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10));
    for header in [long, many] {
        let mut stream = server.connect().await;
        // The server may close while the rest is still being sent.
        let _ = stream.write_all(header.as_bytes()).await;
        assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 431"));
    }
    assert!(server.stage.served.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_panic_in_the_service_costs_one_connection() {
    let server = Server::start(Limits { connections: 1, ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(until_closed(&mut stream).await, "");
    let mut stream = server.connect().await;
    send(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answer(&mut stream).await;
}

#[tokio::test]
async fn a_warp_filter_fits_and_sees_its_peer() {
    let peer = warp::path("peer").and(warp::ext::get::<Peer>()).map(|Peer(peer)| format!("{peer} hello"));
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let addr = listener.local_addr();
    let service = TowerToHyperService::new(warp::service(peer));
    tokio::spawn(listener.serve(service, Limits::default(), std::future::pending::<()>()));

    let mut stream = TcpStream::connect(addr).await.unwrap();
    send(&mut stream, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let expected = format!("{} hello", stream.local_addr().unwrap());
    assert!(answer(&mut stream).await.ends_with(&expected));
}

#[tokio::test]
async fn bind_errors_are_told_apart() {
    let held = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let busy = Listener::bind(held.local_addr()).expect_err("the port is taken");
    assert!(matches!(busy, BindError::Busy { addr, .. } if addr == held.local_addr()));

    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    let elsewhere = Listener::bind(([192, 0, 2, 1], 0).into()).expect_err("the address is not here");
    assert!(matches!(elsewhere, BindError::NotLocal { .. }));

    // The test may run as root, which is denied nothing.
    let denied = BindError::new(([127, 0, 0, 1], 80).into(), io::ErrorKind::PermissionDenied.into());
    assert!(matches!(denied, BindError::Denied { .. }));
}
