//! The TLS listener against real clients. `PATIENCE` only turns a hang into a failure.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::SigningKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::*;
use crate::listener::{Limits, Listener, ServeSummary};
use crate::testing::{Authority, Issued, named};

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

/// A server with a certificate for 127.0.0.1, and the authorities of both sides.
struct Stage {
    servers: Authority,
    clients: Authority,
    dir: tempfile::TempDir,
    files: TlsFiles,
}

struct Server {
    addr: SocketAddr,
    /// What each request carried.
    seen: mpsc::UnboundedReceiver<(Version, Option<Arc<PeerCertificate>>)>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<ServeSummary>,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let files = TlsFiles {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            client_ca: Some(path("clients.pem")),
        };
        let stage =
            Self { servers: Authority::new("Servers"), clients: Authority::new("Clients"), files, dir };
        stage.renew();
        std::fs::write(stage.dir.path().join("clients.pem"), stage.clients.pem()).unwrap();
        stage
    }

    /// Gives the server another certificate.
    fn renew(&self) {
        let issued = self.servers.server(&["127.0.0.1"]);
        std::fs::write(&self.files.certificate, issued.pem()).unwrap();
        std::fs::write(&self.files.key, issued.key_pem()).unwrap();
    }

    fn load(&self) -> Result<ServerTls, TlsError> {
        ServerTls::load(self.files.clone())
    }

    fn serve(&self, limits: Limits) -> Server {
        Server::start(self.load().unwrap(), limits)
    }

    fn client(&self, identity: Option<&Issued>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.servers.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            None => builder.with_no_client_auth(),
            Some(it) => builder.with_client_auth_cert(vec![it.certificate.clone()], it.key_der()).unwrap(),
        }
    }
}

impl Server {
    fn start(tls: ServerTls, limits: Limits) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap().with_tls(tls);
        let addr = listener.local_addr();
        let (told, seen) = mpsc::unbounded_channel();
        let service = service_fn(move |request: Request<Incoming>| {
            let certificate = request.extensions().get::<Arc<PeerCertificate>>().cloned();
            told.send((request.version(), certificate)).unwrap();
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello")))) }
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(listener.serve(service, limits, stopped));
        Self { addr, seen, stop, task }
    }

    async fn get(&self, config: ClientConfig) -> Result<String, reqwest::Error> {
        let client = reqwest::Client::builder().tls_backend_preconfigured(config).build()?;
        client.get(format!("https://{}/", self.addr)).send().await?.text().await
    }

    /// What the server saw of a client with this configuration.
    async fn sees(&mut self, config: ClientConfig) -> (Version, Option<Arc<PeerCertificate>>) {
        assert_eq!(self.get(config).await.unwrap(), "hello");
        self.seen.recv().await.unwrap()
    }

    async fn connect(&self, config: ClientConfig) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.addr).await?;
        let name = ServerName::from(self.addr.ip());
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

fn for_clients(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

#[tokio::test]
async fn a_client_without_a_certificate_is_served_in_either_protocol_and_version() {
    let stage = Stage::new();
    let mut server = stage.serve(Limits::default());
    for (alpn, expected) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let mut config = stage.client(None);
        config.alpn_protocols = vec![alpn.into()];
        assert_eq!(server.sees(config).await, (expected, None));
    }
    let mut roots = RootCertStore::empty();
    roots.add(stage.servers.certificate.clone()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let stream = server.connect(config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_read_and_its_chain_accepted() {
    let stage = Stage::new();
    let mut server = stage.serve(Limits::default());
    let mut params = for_clients("billing, \"Inc\"");
    params.distinguished_name.push(DnType::OrganizationName, "Shop");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2200, 1, 1);
    params.subject_alt_names = vec![
        SanType::DnsName("billing.example".try_into().unwrap()),
        SanType::URI("spiffe://shop.example/billing".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::IpAddress("fd00::1".parse().unwrap()),
        SanType::Rfc822Name("billing@shop.example".try_into().unwrap()),
    ];
    let issued = stage.clients.issue(&params);
    let (_, peer) = server.sees(stage.client(Some(&issued))).await;
    let mut hash = Context::new(&SHA256);
    hash.update(&issued.certificate);
    let expected = PeerCertificate {
        der: issued.certificate.to_vec(),
        sha256: digest(hash),
        chain: Ok(()),
        not_before: 1_577_836_800,
        not_after: 7_258_118_400,
        subject: "O=Shop,CN=billing\\, \\\"Inc\\\"".to_owned(),
        san_dns: vec!["billing.example".to_owned()],
        san_uri: vec!["spiffe://shop.example/billing".to_owned()],
        san_ip: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        san_email: vec!["billing@shop.example".to_owned()],
    };
    assert_eq!(peer.as_deref(), Some(&expected));
}

#[tokio::test]
async fn what_the_authority_does_not_vouch_for_is_told_and_served() {
    let stage = Stage::new();
    let mut server = stage.serve(Limits::default());
    let expired = |mut params: CertificateParams| {
        params.not_after = date_time_ymd(2020, 1, 1);
        params
    };
    let mut for_servers = named("billing");
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for (issued, reason) in [
        (Authority::new("Others").issue(&for_clients("billing")), "UnknownIssuer"),
        // The name of the authority alone is nothing.
        (Authority::new("Clients").issue(&for_clients("billing")), "BadSignature"),
        (Issued::self_signed(&for_clients("billing")), "UnknownIssuer"),
        (stage.clients.issue(&expired(for_clients("billing"))), "certificate expired"),
        (stage.clients.issue(&for_servers), "does not allow extended key usage for client authentication"),
    ] {
        let (_, peer) = server.sees(stage.client(Some(&issued))).await;
        let chain = peer.unwrap().chain.clone().unwrap_err().to_string();
        assert!(chain.contains(reason), "{chain} should say {reason}");
    }
}

#[tokio::test]
async fn without_an_authority_no_chain_is_accepted() {
    let mut stage = Stage::new();
    stage.files.client_ca = None;
    let mut server = stage.serve(Limits::default());
    let issued = stage.clients.issue(&for_clients("billing"));
    let (_, peer) = server.sees(stage.client(Some(&issued))).await;
    assert_eq!(peer.unwrap().chain, Err(ChainError::NoAuthority));
}

/// Shows a certificate and signs with another key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesClientCert for Thief {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Whether the server ended the handshake by an alert.
fn is_alert(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.map(ToString::to_string).any(|cause| cause.contains("fatal alert"))
}

#[tokio::test]
async fn a_certificate_without_its_key_fails_the_handshake() {
    let stage = Stage::new();
    let mut server = stage.serve(Limits::default());
    let issued = stage.clients.issue(&for_clients("billing"));
    let other = Issued::self_signed(&named("thief")).key_der();
    let key: Arc<dyn SigningKey> =
        aws_lc_rs::default_provider().key_provider.load_private_key(other).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(stage.servers.certificate.clone()).unwrap();
        let stolen = CertifiedKey::new(vec![issued.certificate.clone()], Arc::clone(&key));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(Thief(Arc::new(stolen))));
        let error = server.get(config).await.unwrap_err();
        assert!(is_alert(&error), "{error:?}");
    }
    assert!(server.seen.try_recv().is_err(), "nothing may reach the service");
}

#[tokio::test]
async fn a_certificate_beyond_the_limits_fails_the_handshake() {
    let stage = Stage::new();
    let mut server = stage.serve(Limits::default());
    let names = |count: usize, length: usize| {
        let mut params = for_clients("billing");
        params.subject_alt_names = (0..count)
            .map(|at| SanType::URI(format!("a:{at}{}", "x".repeat(length)).try_into().unwrap()))
            .collect();
        stage.clients.issue(&params)
    };
    let (_, peer) = server.sees(stage.client(Some(&names(100, 10)))).await;
    assert_eq!(peer.unwrap().san_uri.len(), 100);
    let chain = |length| {
        let issued = names(1, 1);
        let chain = vec![issued.certificate.clone(); length];
        let key = issued.key_der();
        let mut roots = RootCertStore::empty();
        roots.add(stage.servers.certificate.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap()
    };
    server.sees(chain(8)).await;
    for config in [stage.client(Some(&names(101, 10))), stage.client(Some(&names(1, 17_000))), chain(9)] {
        let error = server.get(config).await.unwrap_err();
        assert!(is_alert(&error), "{error:?}");
    }
    assert!(server.seen.try_recv().is_err(), "nothing may reach the service");
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut() {
    let stage = Stage::new();
    let server = stage.serve(Limits { header_read: SHORT, ..Limits::default() });
    // Silence, half a record, and a whole handshake without a request.
    for beginning in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let mut read = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the server must close");
        assert_eq!(read, b"");
    }
    let mut stream = server.connect(stage.client(None)).await.unwrap();
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the server must close");
    assert_eq!(read, b"");
}

#[tokio::test]
async fn draining_ends_idle_and_half_open_connections() {
    let stage = Stage::new();
    let server = stage.serve(Limits { header_read: PATIENCE * 2, ..Limits::default() });
    let mut idle = server.connect(stage.client(None)).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut half = TcpStream::connect(server.addr).await.unwrap();
    half.write_all(&[22, 3, 1]).await.unwrap();
    // Accepted in order: this one is served, so the one before was accepted.
    server.get(stage.client(None)).await.unwrap();

    server.stop.send(()).unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("the server must close").unwrap();
    assert!(rest.ends_with(b"hello"));
    let summary = timeout(PATIENCE, server.task).await.expect("the listener must return").unwrap();
    assert_eq!(summary, ServeSummary { accepted: 3, cut: 0 });
}

#[tokio::test]
async fn new_files_are_for_new_connections_and_bad_ones_for_none() {
    let stage = Stage::new();
    let tls = stage.load().unwrap();
    let server = Server::start(tls.clone(), Limits::default());
    let shown = async || {
        let stream = server.connect(stage.client(None)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let mut open = server.connect(stage.client(None)).await.unwrap();
    let first = shown().await;
    assert!(!tls.reload().unwrap(), "nothing changed");

    stage.renew();
    assert!(tls.reload().unwrap());
    let second = shown().await;
    assert_ne!(first, second);
    open.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    open.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    std::fs::write(&stage.files.key, Issued::self_signed(&named("x")).key_pem()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
    assert!(!tls.reload().unwrap(), "it is told once");
    assert_eq!(shown().await, second);
}

#[test]
fn every_fault_of_the_files_is_told_with_its_path() {
    let stage = Stage::new();
    let TlsFiles { certificate, key, client_ca } = stage.files.clone();
    let client_ca = client_ca.unwrap();
    let (good, other) = (std::fs::read(&key).unwrap(), Issued::self_signed(&named("x")).key_pem());
    let said = |path: &Path, text: &[u8]| {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, text).unwrap();
        let error = stage.load().unwrap_err().to_string();
        std::fs::write(path, before).unwrap();
        error
    };
    let shown = |path: &Path| path.display().to_string();
    assert_eq!(said(&certificate, b""), format!("{} holds no certificate in PEM", shown(&certificate)));
    assert_eq!(said(&certificate, &good), format!("{} holds no certificate in PEM", shown(&certificate)));
    assert_eq!(said(&client_ca, b"x"), format!("{} holds no certificate in PEM", shown(&client_ca)));
    assert_eq!(
        said(&client_ca, b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"),
        format!("{} holds a certificate that cannot be used", shown(&client_ca))
    );
    assert_eq!(
        said(&key, b"x"),
        format!("{} holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase)", shown(&key))
    );
    assert_eq!(
        said(&key, b"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"),
        format!("{} holds a private key that cannot be used", shown(&key))
    );
    assert_eq!(
        said(&key, other.as_bytes()),
        format!("the key in {} does not fit the certificate in {}", shown(&key), shown(&certificate))
    );
    stage.load().unwrap();
    std::fs::remove_file(&key).unwrap();
    assert_eq!(stage.load().unwrap_err().to_string(), format!("cannot read {}", shown(&key)));
}
