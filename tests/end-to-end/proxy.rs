//! The proxy on the wire: what streams through it, and what never gets that far.

use std::{fs, time::Duration};

use tessera_tests::process::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::stage;

/// For one step of an exchange between processes of this machine; one that takes longer is stuck.
const STEP_WITHIN: Duration = Duration::from_secs(30);

/// In YAML, as people write it.
const POLICY: &str = "\
issuers:
  - issuer: nobody
    jwks_uri: https://127.0.0.1:9/never-fetched-in-time
audiences: [orders]
routes:
  - public: true
";

/// A proxy with a public route, before an upstream that is played by the test.
struct Wire {
    proxy: Server,
    upstream: TcpListener,
    _folder: tempfile::TempDir,
}

impl Wire {
    async fn set() -> Self {
        let artefacts = stage().artefacts;
        let folder = tempfile::tempdir().unwrap();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let policy = folder.path().join("policy.yaml");
        fs::write(&policy, POLICY).unwrap();
        let to = format!("http://{}", upstream.local_addr().unwrap());
        let args = ["--listen", "127.0.0.1:0", "--upstream", &to, "--policy"].map(Into::into);
        let files = [policy.into_os_string(), "--component".into(), artefacts.component().into()];
        let proxy = Server::start("proxy", folder.path(), artefacts.proxy(), args.into_iter().chain(files));
        Self { proxy: proxy.await.unwrap(), upstream, _folder: folder }
    }

    async fn connect(&self) -> Peer {
        let port = self.proxy.url().port().unwrap();
        Peer(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    async fn accept(&self) -> Peer {
        Peer(timeout(STEP_WITHIN, self.upstream.accept()).await.unwrap().unwrap().0)
    }
}

/// One end of a connection to the proxy.
struct Peer(TcpStream);

impl Peer {
    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until a text has come, and returns all that came.
    async fn read_until(&mut self, text: &str) -> String {
        let mut came = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&came).contains(text) {
                assert_ne!(self.0.read_buf(&mut came).await.unwrap(), 0, "closed");
            }
        };
        timeout(STEP_WITHIN, read).await.unwrap_or_else(|_| panic!("`{text}` did not come"));
        String::from_utf8(came).unwrap()
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let wire = Wire::set().await;
    let mut client = wire.connect().await;
    client.write("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    let mut upstream = wire.accept().await;
    let head = upstream.read_until("first").await;
    assert!(head.starts_with("POST /up HTTP/1.1\r\n"), "{head}");
    // The answer begins before the request has ended,
    upstream.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nanswer\r\n").await;
    let head = client.read_until("answer").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // and the request goes on after that.
    client.write("6\r\nsecond\r\n0\r\n\r\n").await;
    upstream.read_until("second").await;
    upstream.write("4\r\nlast\r\n0\r\n\r\n").await;
    client.read_until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_get_keeps_its_body() {
    let wire = Wire::set().await;
    let mut client = wire.connect().await;
    client.write("GET /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.write("5\r\nquery\r\n0\r\n\r\n").await;
    let mut upstream = wire.accept().await;
    upstream.read_until("query").await;
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_goes_nowhere() {
    let wire = Wire::set().await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Authorization\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "HTTP/1.1 405"),
        // Two lengths (RFC 9112 §6.3): refused by the HTTP layer.
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 400"),
        // A target that is matched against routes has one reading.
        ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let mut client = wire.connect().await;
        client.write(request).await;
        let answer = client.read_until("\r\n\r\n").await;
        assert!(answer.starts_with(expected), "{request}{answer}");
    }
    // Nobody connected to the upstream: its queue is empty.
    let waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(wire.upstream.poll_accept(cx)));
    assert!(waiting.await.is_pending());
}

#[test]
fn the_problems_of_a_policy_are_told_with_the_lines_of_its_file() {
    let artefacts = stage().artefacts;
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("policy.yaml"),
        POLICY.replace("public", "publik").replace("[orders]", "[]"),
    )
    .unwrap();
    let output = std::process::Command::new(artefacts.proxy())
        .args(["--upstream", "http://127.0.0.1:9", "--policy", "policy.yaml", "--component"])
        .arg(artefacts.component())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "error: policy.yaml:4:12: /audiences: at least one is needed",
            "policy.yaml:6:5: /routes/0/publik: unknown member (did you mean `public`?)",
        ]
    );
}
