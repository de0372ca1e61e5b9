//! The fetcher against real servers.

mod guarded;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);
const LIMIT: usize = 10_000;

/// A server on a free port, for as long as the runtime lives, and how many connections it has accepted.
async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            let service = service_fn(async |request| Ok::<_, Infallible>(handle(&request).await));
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    (addr, accepted)
}

/// An address that nobody listens on.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn whole(bytes: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    BodyExt::boxed(Full::new(bytes.into()))
}

fn streamed(
    stream: impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + Sync + 'static,
) -> BoxBody<Bytes, Infallible> {
    BodyExt::boxed(StreamBody::new(stream))
}

async fn handle(request: &Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    let chunk = || Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])));
    let empty = || BodyExt::boxed(Full::default());
    let answer = match request.uri().path() {
        "/document" => Response::builder()
            .header(CACHE_CONTROL, "public")
            .header(CACHE_CONTROL, "max-age=60")
            .body(whole("{}")),
        "/accept" => Response::builder().body(whole(request.headers()[ACCEPT].as_bytes().to_vec())),
        "/redirect" => Response::builder()
            .status(302)
            .header(LOCATION, "https://elsewhere.example/a?key=hunter2")
            .body(empty()),
        "/unchanged" => Response::builder().status(304).body(empty()),
        "/gzip" => Response::builder().header("content-encoding", "gzip").body(whole(&b"\x1f\x8b"[..])),
        "/identity" => Response::builder().header("content-encoding", "identity").body(whole("{}")),
        "/page" => {
            Response::builder().header("content-type", "Text/HTML; charset=utf-8").body(whole("\n<html>"))
        }
        "/mislabelled" => Response::builder().header("content-type", "text/html").body(whole("{}")),
        "/codings" => Response::builder().body(whole(request.headers()[ACCEPT_ENCODING].as_bytes().to_vec())),
        "/missing" => Response::builder().status(404).body(empty()),
        "/created" => Response::builder().status(201).body(empty()),
        "/large" => Response::builder().body(whole(vec![b'x'; LIMIT + 1])),
        "/endless" => Response::builder().body(streamed(stream::repeat_with(chunk))),
        "/stuck" => {
            let stuck = stream::iter([chunk()]).chain(stream::pending());
            Response::builder().body(streamed(stuck))
        }
        "/silent" => std::future::pending().await,
        "/binary" => Response::builder().body(whole(&b"{\xff}"[..])),
        path => panic!("the test asked for {path}"),
    };
    answer.unwrap()
}

fn fetcher() -> Fetcher {
    Fetcher::new(FetchOptions { allow_http_loopback: true, ..FetchOptions::default() }).unwrap()
}

async fn fetch(path: &str, timeout: Duration) -> Result<Document, FetchError> {
    let (addr, _) = serve().await;
    fetcher().get(&format!("http://{addr}{path}"), timeout, LIMIT).await
}

#[tokio::test]
async fn a_document_comes_with_its_cache_control() {
    let document = fetch("/document", TIMEOUT).await.unwrap();
    let expected = Document { text: "{}".to_owned(), cache_control: "public, max-age=60".to_owned() };
    assert_eq!(document, expected);
}

/// RFC 7517 §8.5.1 registers a type for key sets: a server that negotiates may have no other.
#[tokio::test]
async fn the_types_of_key_sets_metadata_and_status_lists_are_asked_for() {
    let asked = fetch("/accept", TIMEOUT).await.unwrap().text;
    assert_eq!(asked, "application/jwk-set+json, application/json, application/statuslist+jwt");
}

#[tokio::test]
async fn connections_are_reused_and_localhost_is_this_machine() {
    let (addr, accepted) = serve().await;
    let fetcher = fetcher();
    for _ in 0..3 {
        fetcher.get(&format!("http://localhost:{}/document", addr.port()), TIMEOUT, LIMIT).await.unwrap();
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

/// Runs one of these tests in a process of its own, since environment variables belong to a process.
fn run_with(variables: &[(&str, &str)], test: &str) -> String {
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .envs(variables.iter().copied())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9"));
    let said = run_with(&variables, "tests::a_document_comes_with_its_cache_control");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_wrong_file_of_roots_in_the_environment_is_told() {
    let said =
        run_with(&[("SSL_CERT_FILE", "/no/such/file")], "tests::a_document_comes_with_its_cache_control");
    assert!(said.contains("Roots") && said.contains("/no/such/file"), "{said}");
}

#[tokio::test]
async fn v43_only_200_is_a_document() {
    assert!(matches!(
        fetch("/redirect", TIMEOUT).await,
        Err(FetchError::Redirected { status: StatusCode::FOUND, .. })
    ));
    let redirected = fetch("/redirect", TIMEOUT).await.unwrap_err().to_string();
    assert!(
        redirected
            .ends_with(" redirects (302 Found) to https://elsewhere.example/a; configure the final address")
    );
    assert!(matches!(
        fetch("/unchanged", TIMEOUT).await,
        Err(FetchError::Status { status: StatusCode::NOT_MODIFIED, .. })
    ));
    assert!(matches!(
        fetch("/missing", TIMEOUT).await,
        Err(FetchError::Status { status: StatusCode::NOT_FOUND, .. })
    ));
    assert!(matches!(
        fetch("/created", TIMEOUT).await,
        Err(FetchError::Status { status: StatusCode::CREATED, .. })
    ));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_cause() {
    assert_eq!(fetch("/codings", TIMEOUT).await.unwrap().text, "identity");
    for path in ["/identity", "/mislabelled"] {
        assert_eq!(fetch(path, TIMEOUT).await.unwrap().text, "{}");
    }
    assert!(
        matches!(fetch("/gzip", TIMEOUT).await, Err(FetchError::Coding { coding, .. }) if coding == "gzip")
    );
    assert!(matches!(fetch("/page", TIMEOUT).await, Err(FetchError::Page { .. })));
}

#[tokio::test]
async fn too_much_is_refused_announced_or_not() {
    for path in ["/large", "/endless"] {
        let refused = fetch(path, TIMEOUT).await;
        assert!(matches!(refused, Err(FetchError::TooLarge { limit: LIMIT, .. })), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn the_deadline_covers_the_header_and_the_body() {
    for path in ["/silent", "/stuck"] {
        let refused = fetch(path, SHORT).await;
        assert!(matches!(refused, Err(FetchError::Deadline { after: SHORT, .. })), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let Err(FetchError::NotUtf8 { source, .. }) = fetch("/binary", TIMEOUT).await else {
        panic!("binary must be refused");
    };
    assert_eq!(source.valid_up_to(), 1);
}

#[tokio::test]
async fn a_document_that_breaks_off_is_refused() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}").await.unwrap();
    });
    let refused = fetcher().get(&format!("http://{addr}/"), TIMEOUT, LIMIT).await;
    assert!(matches!(refused, Err(FetchError::Broken { .. })), "{refused:?}");
}

#[tokio::test]
async fn nobody_there_is_told_without_the_query() {
    let free = nobody().await;
    let error = fetcher().get(&format!("http://{free}/keys?key=hunter2"), TIMEOUT, LIMIT).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("http://{free}/keys did not answer"));
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn plain_http_is_refused_unless_loopback_is_allowed() {
    let strict = Fetcher::new(FetchOptions::default()).unwrap();
    for (fetcher, url, fault) in [
        (strict, "http://127.0.0.1:1/", UrlFault::LoopbackHttp),
        (fetcher(), "http://issuer.example/", UrlFault::RemoteHttp),
    ] {
        let refused = fetcher.get(url, TIMEOUT, LIMIT).await;
        assert!(
            matches!(refused, Err(FetchError::Destination { source: DestinationError::Url(it) }) if it == fault),
            "{url}: {refused:?}"
        );
    }
}
