//! Which servers are asked, with what, and which are not, against real ones with TLS.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;

use base64::Engine as _;
use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A TLS server on 127.0.0.1 that answers with the `Authorization` field that it was sent.
struct Server {
    port: u16,
    /// Connections accepted.
    accepted: Arc<Mutex<usize>>,
}

impl Server {
    async fn start(identity: &CertifiedKey<rcgen::KeyPair>) -> Self {
        let key = PrivateKeyDer::Pkcs8(identity.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let accepted = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                *counter.lock().unwrap() += 1;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever does not trust the certificate breaks off.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(async |request: Request<Incoming>| {
                        let sent = request.headers().get(AUTHORIZATION);
                        let body = Bytes::from(sent.map_or(Vec::new(), |it| it.as_bytes().to_vec()));
                        Ok::<_, Infallible>(Response::new(Full::new(body)))
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, accepted }
    }

    fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

/// A key with a certificate for `name`, signed by itself: its own root.
fn identity(name: &str) -> CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn pem(identity: &CertifiedKey<rcgen::KeyPair>) -> String {
    let der = base64::engine::general_purpose::STANDARD.encode(identity.cert.der());
    format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
}

/// Files of settings.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Resolves every name to these addresses.
fn resolving(addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
    Arc::new(move |_| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    })
}

fn networks(list: &[&str]) -> Vec<Network> {
    list.iter().map(|it| it.parse().unwrap()).collect()
}

fn public(allowed: &[&str], origins: Vec<OriginAccess>) -> FetchOptions {
    let addresses = Addresses::Public { allowed: networks(allowed) };
    FetchOptions { addresses, origins, ..FetchOptions::default() }
}

fn access(origin: &str, ca: Option<PathBuf>) -> OriginAccess {
    let origin = Origin::parse(origin, PlainHttp::Loopback).unwrap();
    OriginAccess { origin, ca, bearer: None, allowed: Vec::new() }
}

async fn refused(fetcher: &Fetcher, url: &str) -> Forbidden {
    match fetcher.get(url, TIMEOUT, LIMIT).await {
        Err(FetchError::Forbidden { source, .. }) => source,
        other => panic!("{url}: {other:?}"),
    }
}

fn forbidden(address: &str, class: AddressClass) -> Forbidden {
    Forbidden { address: address.parse().unwrap(), class }
}

#[tokio::test]
async fn literal_addresses_are_judged() {
    let fetcher = Fetcher::new(public(&[], Vec::new())).unwrap();
    for (host, address, class) in [
        ("127.0.0.1", "127.0.0.1", AddressClass::Loopback),
        ("[::1]", "::1", AddressClass::Loopback),
        ("[0:0:0:0:0:0:0:1]", "::1", AddressClass::Loopback),
        ("[::ffff:169.254.169.254]", "::ffff:169.254.169.254", AddressClass::Metadata),
        ("[::ffff:a00:1]", "::ffff:10.0.0.1", AddressClass::Private),
        ("[fd00:ec2::254]", "fd00:ec2::254", AddressClass::Metadata),
        ("[fe80::1]", "fe80::1", AddressClass::LinkLocal),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1", AddressClass::Loopback),
    ] {
        let url = format!("https://{host}/keys");
        assert_eq!(refused(&fetcher, &url).await, forbidden(address, class), "{host}");
    }
}

/// [`tessera_url::check`] refuses these spellings before; the guard does not rely on it.
#[test]
fn odd_spellings_of_addresses_are_judged_too() {
    let guard = Guard::new(Vec::new(), guard::system());
    for (host, address, class) in [
        ("2130706433", "127.0.0.1", AddressClass::Loopback),
        ("0177.0.0.1", "127.0.0.1", AddressClass::Loopback),
        ("127.0.0.1.", "127.0.0.1", AddressClass::Loopback),
        ("127%2e0.0.1", "127.0.0.1", AddressClass::Loopback),
        ("１２７.0.0.1", "127.0.0.1", AddressClass::Loopback),
        ("0", "0.0.0.0", AddressClass::Unspecified),
        ("10.1", "10.0.0.1", AddressClass::Private),
        ("0xa9fea9fe", "169.254.169.254", AddressClass::Metadata),
    ] {
        let url = url::Url::parse(&format!("https://{host}/keys")).unwrap();
        assert_eq!(guard.literal(&url), Err(forbidden(address, class)), "{host}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    for (found, address, class) in [
        (&["10.0.0.1"][..], "10.0.0.1", AddressClass::Private),
        (&["169.254.169.254"], "169.254.169.254", AddressClass::Metadata),
        (&["::ffff:127.0.0.1", "fd00::1"], "::ffff:127.0.0.1", AddressClass::Loopback),
    ] {
        let fetcher = Fetcher::with_lookup(public(&[], Vec::new()), &resolving(found)).unwrap();
        let refusal = refused(&fetcher, "https://metadata.google.internal/keys?key=hunter2").await;
        assert_eq!(refusal, forbidden(address, class));
    }
    let fetcher = Fetcher::new(public(&[], Vec::new())).unwrap();
    assert_eq!(
        refused(&fetcher, "https://localhost:1/").await,
        forbidden("127.0.0.1", AddressClass::Loopback),
        "by this machine's own rule"
    );
}

#[tokio::test]
async fn the_refusal_says_what_was_refused_and_what_to_do() {
    let fetcher = Fetcher::with_lookup(public(&[], Vec::new()), &resolving(&["10.0.0.1"])).unwrap();
    let error = fetcher.get("https://id.example/keys?key=hunter2", TIMEOUT, LIMIT).await.unwrap_err();
    assert_eq!(
        chain(&error),
        "https://id.example/keys is not a public address: 10.0.0.1 is a private address; if it is meant, list it \
         in `fetch.allow_addresses`"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

/// The server is at 127.0.0.1 and would answer there: what is not allowed is left out, not tried later.
#[tokio::test]
async fn only_the_allowed_addresses_of_a_name_are_connected_to() {
    let identity = identity("id.example");
    let server = Server::start(&identity).await;
    let files = Files::new();
    let ca = files.write("ca.pem", &pem(&identity));
    let url = format!("https://id.example:{}/", server.port);
    let origin = || vec![access(&url, Some(ca.clone()))];

    let both = resolving(&["127.0.0.2", "127.0.0.1"]);
    let allowed = public(&["127.0.0.1"], origin());
    let fetcher = Fetcher::with_lookup(allowed, &both).unwrap();
    assert_eq!(fetcher.get(&url, TIMEOUT, LIMIT).await.unwrap().text, "");
    assert_eq!(server.accepted(), 1);

    let none = Fetcher::with_lookup(public(&[], origin()), &both).unwrap();
    assert_eq!(refused(&none, &url).await, forbidden("127.0.0.2", AddressClass::Loopback));
    assert_eq!(server.accepted(), 1, "a refusal connects to nothing");
}

/// The second answer of the name server is the one that is connected to, so it is the one that is judged.
#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_again() {
    let answers = Arc::new(Mutex::new(vec!["127.0.0.2", "127.0.0.1"]));
    let lookup: Lookup = Arc::new(move |_| {
        let address = answers.lock().unwrap().pop().expect("each request resolves once");
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    });
    let fetcher = Fetcher::with_lookup(public(&["127.0.0.1"], Vec::new()), &lookup).unwrap();
    let free = nobody().await.port();
    let url = format!("https://id.example:{free}/");
    let tried = fetcher.get(&url, TIMEOUT, LIMIT).await;
    assert!(matches!(tried, Err(FetchError::Unreachable { .. })), "{tried:?}");
    assert_eq!(refused(&fetcher, &url).await, forbidden("127.0.0.2", AddressClass::Loopback));
}

#[tokio::test]
async fn roots_token_and_networks_are_for_their_origin_alone() {
    let identity = identity("127.0.0.1");
    let files = Files::new();
    let (ca, bearer) = (files.write("ca.pem", &pem(&identity)), files.write("token", "hunter2\n"));
    let (inside, other) = (Server::start(&identity).await, Server::start(&identity).await);
    let url = |server: &Server| format!("https://127.0.0.1:{}", server.port);
    let settings = |server, bearer| OriginAccess {
        bearer,
        allowed: networks(&["127.0.0.1/32"]),
        ..access(&url(server), Some(ca.clone()))
    };

    let fetcher = Fetcher::new(public(&[], vec![settings(&inside, Some(bearer.clone()))])).unwrap();
    assert_eq!(fetcher.get(&url(&inside), TIMEOUT, LIMIT).await.unwrap().text, "Bearer hunter2");
    files.write("token", "hunter3");
    assert_eq!(fetcher.get(&url(&inside), TIMEOUT, LIMIT).await.unwrap().text, "Bearer hunter3");
    assert_eq!(refused(&fetcher, &url(&other)).await, forbidden("127.0.0.1", AddressClass::Loopback));
    assert_eq!(other.accepted(), 0);

    let origins = vec![settings(&inside, Some(bearer.clone())), settings(&other, None)];
    let fetcher = Fetcher::new(public(&[], origins)).unwrap();
    assert_eq!(fetcher.get(&url(&other), TIMEOUT, LIMIT).await.unwrap().text, "");

    std::fs::remove_file(&bearer).unwrap();
    let error = fetcher.get(&url(&inside), TIMEOUT, LIMIT).await.unwrap_err();
    let (origin, path) = (url(&inside), bearer.display());
    assert!(
        chain(&error).starts_with(&format!(
            "the settings for {origin} cannot be used: cannot read {path}: No such file"
        ))
    );
}

#[tokio::test]
async fn an_origin_is_trusted_by_its_own_roots_alone_as_they_are_now() {
    let (before, after) = (identity("127.0.0.1"), identity("127.0.0.1"));
    let server = Server::start(&after).await;
    let url = format!("https://127.0.0.1:{}", server.port);
    let files = Files::new();
    let ca = files.write("ca.pem", &pem(&before));
    let options = |ca| public(&["127.0.0.1"], vec![access(&url, ca)]);

    let fetcher = Fetcher::new(options(Some(ca))).unwrap();
    let system = Fetcher::new(options(None)).unwrap();
    for fetcher in [&fetcher, &system] {
        let error = fetcher.get(&url, TIMEOUT, LIMIT).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
        assert!(chain(&error).contains("invalid peer certificate"), "{}", chain(&error));
    }
    files.write("ca.pem", &pem(&after));
    fetcher.get(&url, TIMEOUT, LIMIT).await.unwrap();
}

#[tokio::test]
async fn roots_that_are_none_are_told_at_the_start() {
    let files = Files::new();
    let broken = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    for text in ["", "hello", broken, "-----BEGIN CERTIFICATE-----\n"] {
        let ca = files.write("ca.pem", text);
        let error = Fetcher::new(public(&[], vec![access("https://id.example", Some(ca.clone()))]));
        let expected = format!(
            "the settings for https://id.example cannot be used: {} holds no root certificates in PEM",
            ca.display()
        );
        assert_eq!(chain(&error.unwrap_err()), expected, "{text:?}");
    }
    let missing = access("https://id.example", Some(files.0.path().join("none.pem")));
    let error = Fetcher::new(public(&[], vec![missing])).unwrap_err();
    assert!(matches!(
        error,
        FetchError::Origin { source: SettingsFileError::Read { source, .. }, .. }
            if source.kind() == std::io::ErrorKind::NotFound
    ));
}

#[tokio::test]
async fn http_on_this_machine_needs_its_switch_alone_and_https_its_network() {
    let (addr, _) = serve().await;
    let fetcher =
        Fetcher::new(FetchOptions { allow_http_loopback: true, ..public(&[], Vec::new()) }).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        fetcher.get(&format!("http://{host}:{}/document", addr.port()), TIMEOUT, LIMIT).await.unwrap();
        let https = format!("https://{host}:{}/document", addr.port());
        assert_eq!(refused(&fetcher, &https).await, forbidden("127.0.0.1", AddressClass::Loopback));
    }
}

#[tokio::test]
async fn roots_for_all_are_the_only_ones_and_are_told_at_the_start() {
    let identity = identity("127.0.0.1");
    let server = Server::start(&identity).await;
    let files = Files::new();
    let egress = |name: &str| Egress { ca: Some(files.0.path().join(name)), proxy: None };
    let options = |egress| FetchOptions { egress, ..FetchOptions::default() };
    files.write("ca.pem", &pem(&identity));
    let url = format!("https://127.0.0.1:{}", server.port);
    let fetcher = Fetcher::new(options(egress("ca.pem"))).unwrap();
    fetcher.get(&url, TIMEOUT, LIMIT).await.unwrap();
    let client = options(egress("ca.pem")).client().unwrap();
    client.get(&url).send().await.unwrap();

    for make in
        [|options| Fetcher::new(options).map(drop), |options: FetchOptions| options.client().map(drop)]
    {
        let error = make(options(egress("none.pem"))).unwrap_err();
        assert!(matches!(error, FetchError::Roots { source: SettingsFileError::Read { .. } }), "{error:?}");
    }
    files.write("ca.pem", "hello");
    let error = fetcher.get(&url, TIMEOUT, LIMIT).await.unwrap_err();
    assert!(matches!(error, FetchError::Roots { source: SettingsFileError::Roots { .. } }), "{error:?}");
}

/// A proxy that opens each tunnel to `port` of this machine. Says which servers it was asked for.
async fn proxy(port: u16) -> (EgressProxy, Arc<Mutex<Vec<String>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            told.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut server).await });
        }
    });
    (proxy, asked)
}

#[tokio::test]
async fn https_goes_through_the_proxy_and_addresses_in_urls_are_judged_still() {
    let identity = identity("id.example");
    let server = Server::start(&identity).await;
    let (proxy, asked) = proxy(server.port).await;
    let files = Files::new();
    let egress = Egress { ca: Some(files.write("ca.pem", &pem(&identity))), proxy: Some(proxy) };
    let options = FetchOptions { egress, allow_http_loopback: true, ..public(&[], Vec::new()) };
    let unresolvable: Lookup = Arc::new(|name| panic!("{name} is for the proxy to resolve"));
    let fetcher = Fetcher::with_lookup(options, &unresolvable).unwrap();
    fetcher.get("https://id.example/keys", TIMEOUT, LIMIT).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), ["CONNECT id.example:443 HTTP/1.1"]);

    assert_eq!(refused(&fetcher, "https://10.0.0.1/").await, forbidden("10.0.0.1", AddressClass::Private));
    let (addr, _) = serve().await;
    fetcher.get(&format!("http://{addr}/document"), TIMEOUT, LIMIT).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1, "plain http stays on this machine");
}
