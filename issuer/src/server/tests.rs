use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::config::Tls;
use crate::domain::{
    ActDepth, Algorithm, Change, ClientGrant, ClientSecret, Credential, CredentialKind, KeyChange, KeyState,
    LifetimeBounds, StatusTtl,
};
use crate::keys::{KeyEncryptionKey, SecretSource, VaultOptions, create_pepper};
use crate::testing::{actor, credential, id, offering, scopes};
use tessera_listener::tls::TlsFiles;

const FORM: &str = "grant_type=client_credentials&client_id=shop&client_secret=s3cret&audience=orders";

/// What `tessera init` makes, with `shop` that may call `orders`.
struct Made {
    folder: tempfile::TempDir,
    config: Config,
    credential: Credential,
}

/// An issuer in this process.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<Summary, StartError>>,
}

impl Made {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        KeyEncryptionKey::create(&path("kek")).unwrap();
        let pepper = create_pepper(&path("pepper")).unwrap();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            issuer: None,
            database: path("tessera.db"),
            vault: VaultOptions {
                key_encryption_key: SecretSource::File(path("kek")),
                old_key_encryption_keys: Vec::new(),
                algorithm: Algorithm::default(),
                pkcs11: None,
            },
            secret_pepper: path("pepper"),
            allow_http_loopback: true,
            tokens: LifetimeBounds::default(),
            status_ttl: StatusTtl::default(),
            rotate_every: RotateEvery::default(),
            max_act_depth: ActDepth::default(),
            tls: None,
            fetch: crate::config::Fetch::default(),
            lame_duck: Duration::ZERO,
        };
        let vault = Vault::load(&config.vault).await.unwrap();
        let keys = [KeyState::Active, KeyState::Next]
            .map(|state| vault.generate(Algorithm::Es256, state, now()).unwrap());
        let secret = ClientSecret::presented("s3cret".to_owned());
        let credential = credential("shop", CredentialKind::Secret(pepper.hash(&secret)));
        let client = |name: &str, offered, credential| Change::AddClient {
            id: id(name),
            settings: offering(offered),
            credential,
        };
        let store = SqliteStore::create(&config.database).await.unwrap();
        for change in [
            Change::Keys(KeyChange::Add(keys.into())),
            client("shop", "", Some(credential.clone())),
            client("orders", "read", None),
            Change::AddGrant(ClientGrant::new(id("shop"), id("orders"), scopes("read"))),
        ] {
            store.apply(&actor(), &change, now()).await.unwrap();
        }
        store.close().await;
        Self { folder, config, credential }
    }

    fn run(&self) -> Running {
        let listeners = Listeners::bind(&self.config).unwrap();
        let address = listeners.public.local_addr();
        let (stop, stopped) = oneshot::channel();
        Running { address, stop, served: tokio::spawn(run(self.config.clone(), listeners, stopped)) }
    }
}

impl Running {
    async fn token(&self) -> Value {
        let request = reqwest::Client::new()
            .post(format!("http://{}/v1/token", self.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(FORM);
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    async fn metadata(&self) -> Value {
        let url = format!("http://{}/.well-known/oauth-authorization-server", self.address);
        serde_json::from_slice(&reqwest::get(url).await.unwrap().bytes().await.unwrap()).unwrap()
    }

    async fn stop(self) -> Summary {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn two_issuers_serve_in_one_process_each_in_its_own_name() {
    let (one, other) = (Made::new().await, Made::new().await);
    let running = [one.run(), other.run()];
    for issuer in &running {
        let token = issuer.token().await;
        assert_eq!(token["scope"], json!("read"), "{token}");
        assert_eq!(issuer.metadata().await["issuer"], format!("http://{}", issuer.address));
    }
    for issuer in running {
        let summary = issuer.stop().await;
        assert_eq!((summary.public.accepted, summary.public.cut, summary.tls), (2, 0, None));
    }
}

#[tokio::test]
async fn a_request_that_is_under_way_is_answered_and_its_credential_noted() {
    let made = Made::new().await;
    let running = made.run();
    let mut peer = TcpStream::connect(running.address).await.unwrap();
    let (first, second) = FORM.split_at(FORM.len() / 2);
    let head = format!(
        "POST /v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{first}",
        FORM.len()
    );
    peer.write_all(head.as_bytes()).await.unwrap();
    // Answered by the same server, so that one has accepted this connection before it stops.
    running.metadata().await;
    running.stop.send(()).unwrap();
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    peer.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("access_token"), "{answer}");
    let summary = running.served.await.unwrap().unwrap();
    assert_eq!(summary.public.cut, 0);

    let store = SqliteStore::open(&made.config.database).await.unwrap();
    assert!(store.last_used().await.unwrap().contains_key(made.credential.id.as_str()));
    let log = made.folder.path().join("tessera.db-wal");
    assert!(!Path::new(&log).exists() || log.metadata().unwrap().len() == 0, "the log is folded in");
}

#[tokio::test]
async fn a_lame_duck_serves_and_says_that_it_is_not_ready() {
    let mut made = Made::new().await;
    made.config.lame_duck = Duration::from_mins(1);
    let running = made.run();
    running.metadata().await;
    running.stop.send(()).unwrap();
    let url = format!("http://{}/readyz", running.address);
    while reqwest::get(&url).await.unwrap().status() == reqwest::StatusCode::OK {}
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.status(), reqwest::StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"stopping"}"#);
    let url = format!("http://{}/.well-known/oauth-authorization-server", running.address);
    assert_eq!(reqwest::get(url).await.unwrap().status(), reqwest::StatusCode::OK);
}

#[tokio::test]
async fn what_is_missing_is_told_before_anything_is_served() {
    let made = Made::new().await;
    let config = |change: &dyn Fn(&mut Config)| {
        let mut config = made.config.clone();
        change(&mut config);
        config
    };
    let elsewhere = made.folder.path().join("elsewhere");
    let files = TlsFiles { certificate: elsewhere.clone(), key: elsewhere.clone(), client_ca: None };
    let tls = Tls { listen: made.config.listen, files, url: None };
    let open = async |config: Config| {
        let listeners = Listeners::bind(&config).unwrap();
        Server::open(config, listeners).await.unwrap_err()
    };
    let error = open(config(&|it| it.database.clone_from(&elsewhere))).await;
    assert!(matches!(error, StartError::Store(StoreError::Missing { .. })), "{error:?}");
    let error = open(config(&|it| it.secret_pepper.clone_from(&elsewhere))).await;
    assert!(matches!(error, StartError::Pepper(SecretFileError::File { .. })), "{error:?}");
    let error = open(config(&|it| it.vault.key_encryption_key = SecretSource::File(elsewhere.clone()))).await;
    assert!(matches!(error, StartError::Vault(VaultError::Secret(_))), "{error:?}");
    let error = open(config(&|it| it.tls = Some(tls.clone()))).await;
    assert!(matches!(error, StartError::Tls(TlsError::Read { .. })), "{error:?}");
    let listeners = Listeners::bind(&made.config).unwrap();
    let error = Server::open(config(&|it| it.tls = Some(tls.clone())), listeners).await.unwrap_err();
    assert!(matches!(error, StartError::Listeners), "{error:?}");
}
