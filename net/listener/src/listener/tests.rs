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
async fn beyond_the_cap_a_connection_waits_and_is_then_served() {
    let server = Server::start(Limits { connections: 1, ..Limits::default() });
    let mut first = server.connect().await;
    send(&mut first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answer(&mut first).await;

    let mut second = server.connect().await;
    send(&mut second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for _ in 0..20 {
        send(&mut first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        answer(&mut first).await;
    }
    let waiting = second.local_addr().unwrap();
    assert!(!server.stage.served.lock().unwrap().contains(&waiting), "served beyond the cap");

    drop(first);
    answer(&mut second).await;
    assert_eq!(server.stage.served.lock().unwrap().last(), Some(&waiting));
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
