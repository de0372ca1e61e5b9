//! A server with something in it, and how to ask it.

use std::time::SystemTime;

use ::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tessera_fetch::{FetchOptions, Fetcher};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::test::RequestBuilder;

use super::*;
use crate::domain::{
    ActDepth, CertificateMatch, Change, ClientSecret, ClientUpdate, Conditions, Credential, CredentialKind,
    KeySource, LifetimeBounds, RegisteredText, StatusTtl, UnixTime, WorkloadRegistration,
};
use crate::keys::Vault;
use crate::service::{MutualTls, TokenServiceParts};
use crate::store::{Snapshots, SqliteStore, Store as _, follow};
use crate::testing::{Platform, actor, credential, id, pepper, registration, store, vault};
use tessera_listener::tls::PeerCertificate;

pub(super) type Answer = ::http::Response<Bytes>;

pub(super) const ISSUER: &str = "https://id.example";
pub(super) const PLATFORM: &str = "https://platform.example";
/// Who asks, by its form.
pub(super) const OWN: &str = "client_id=shop&client_secret=correct+horse";
/// What for.
pub(super) const GRANT: &str = "grant_type=client_credentials&audience=orders";
pub(super) const BEARER: &str =
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&audience=orders";
pub(super) const JWT_TYPE: &str =
    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

pub(super) struct Server {
    pub(super) routes: BoxedFilter<(Response,)>,
    pub(super) service: Arc<TokenService>,
    pub(super) platform: Platform,
    snapshots: Arc<Snapshots>,
    pub(super) store: SqliteStore,
    vault: Vault,
    _folder: tempfile::TempDir,
}

impl Server {
    /// `shop` of [`crate::testing::changes`], which is also what the platform calls `pod`.
    pub(super) async fn start() -> Self {
        Self::with(ISSUER, None).await
    }

    pub(super) async fn with(issuer: &str, mutual_tls: Option<MutualTls>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault();
        let store = store(&folder, &vault).await;
        let platform = Platform::new("p");
        let snapshots = Arc::new(Snapshots::load(&store, &vault).await.unwrap());
        let issuer = issuer.parse().unwrap();
        let service = Arc::new(TokenService::new(TokenServiceParts {
            endpoints: endpoints(&issuer),
            issuer,
            bounds: LifetimeBounds::default(),
            max_act_depth: ActDepth::default(),
            status_ttl: StatusTtl::default(),
            pepper: pepper(),
            store: Arc::new(store.clone()),
            snapshots: Arc::clone(&snapshots),
            fetcher: Fetcher::new(FetchOptions::default()).unwrap(),
            allow_http_loopback: false,
            mutual_tls,
            clock: now,
        }));
        let routes = routes(&service);
        let server = Self { routes, service, platform, snapshots, store, vault, _folder: folder };
        let registration = WorkloadRegistration {
            keys: KeySource::inline(&server.platform.jwks()).unwrap(),
            ..registration(PLATFORM, Conditions::subject("pod"))
        };
        server.credential("shop", CredentialKind::Workload(registration)).await;
        server
    }

    pub(super) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// As if the machine had been suspended for that long.
    pub(super) fn suspend(&self, time: std::time::Duration) {
        self.snapshots.suspend(time);
    }

    /// As a server in service: it sees changes by itself, and at once those that it makes. Until the test ends.
    pub(super) fn follow(&self) {
        let store = Arc::new(self.store.clone());
        tokio::spawn(follow(Arc::clone(&self.snapshots), store, self.vault.clone()));
    }

    pub(super) async fn apply(&self, change: &Change) {
        self.store.apply(&actor(), change, now()).await.unwrap();
        self.snapshots.refresh(&self.store, &self.vault).await.unwrap();
    }

    pub(super) async fn set(&self, client: &str, settings: ClientUpdate) {
        self.apply(&Change::SetClient { id: id(client), settings }).await;
    }

    pub(super) async fn disable(&self, client: &str) {
        self.set(client, ClientUpdate { enabled: Some(false), ..ClientUpdate::default() }).await;
    }

    pub(super) async fn credential(&self, client: &str, kind: CredentialKind) -> Credential {
        let credential = credential(client, kind);
        self.apply(&Change::AddCredential(credential.clone())).await;
        credential
    }

    /// Gives a client one more secret.
    pub(super) async fn secret(&self, client: &str, secret: &str) -> Credential {
        let hash = pepper().hash(&ClientSecret::presented(secret.to_owned()));
        self.credential(client, CredentialKind::Secret(hash)).await
    }

    /// A client with nothing but this secret, until `expires_at`.
    pub(super) async fn client_with_secret(&self, name: &str, secret: &str, expires_at: Option<UnixTime>) {
        let hash = pepper().hash(&ClientSecret::presented(secret.to_owned()));
        let credential = Credential { expires_at, ..credential(name, CredentialKind::Secret(hash)) };
        let settings = ClientUpdate::default();
        self.apply(&Change::AddClient { id: id(name), settings, credential: Some(credential) }).await;
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        warp::test::request().path(path).reply(&self.routes).await
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Answer {
        request.reply(&self.routes).await
    }

    pub(super) async fn assert_refused(
        &self,
        request: RequestBuilder,
        status: u16,
        error: &str,
        name: &str,
    ) -> String {
        let answer = self.send(request).await;
        let body = body(&answer);
        assert_eq!((answer.status().as_u16(), &body["error"]), (status, &json!(error)), "{name}: {body}");
        // RFC 6749 §5.2 has these two members and one optional one.
        assert_eq!(body.as_object().unwrap().len(), 2, "{name}: {body}");
        let description = body["error_description"].as_str().unwrap().to_owned();
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
        let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(description.bytes().all(allowed), "{name}: {description}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{name}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{name}");
        assert_eq!(answer.headers()["pragma"], "no-cache", "{name}");
        // RFC 9110 §15.5.2: with every 401, and RFC 6749 §5.2 has it nowhere else.
        assert_eq!(answer.headers().contains_key(WWW_AUTHENTICATE), status == 401, "{name}");
        description
    }

    pub(super) async fn assert_granted(&self, request: RequestBuilder, name: &str) -> Value {
        let answer = self.send(request).await;
        let body = body(&answer);
        assert_eq!(answer.status().as_u16(), 200, "{name}: {body}");
        body
    }

    /// An assertion of the platform about `subject`, for this server.
    pub(super) fn assertion(&self, subject: &str) -> String {
        self.platform.sign(&claims(subject))
    }
}

pub(super) fn claims(subject: &str) -> Value {
    let now = now().as_seconds();
    json!({ "iss": PLATFORM, "sub": subject, "aud": ISSUER, "iat": now, "exp": now + 60 })
}

pub(super) fn now() -> UnixTime {
    SystemTime::now().into()
}

pub(super) fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

pub(super) fn post(form: &str) -> RequestBuilder {
    warp::test::request()
        .method("POST")
        .path("/v1/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
}

pub(super) fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

/// What a client showed on its connection: under the CA `shop.example`, and valid for an hour around now.
pub(super) fn certificate() -> PeerCertificate {
    PeerCertificate {
        der: vec![0x30],
        sha256: [1; 32],
        chain: Ok(()),
        not_before: now().as_seconds() - 1800,
        not_after: now().as_seconds() + 1800,
        subject: "CN=shop".to_owned(),
        san_dns: vec!["shop.example".to_owned()],
        san_uri: vec![],
        san_ip: vec![],
        san_email: vec![],
    }
}

pub(super) fn san_dns(name: &str) -> CredentialKind {
    CredentialKind::Certificate(CertificateMatch::SanDns(RegisteredText::new("san_dns", name).unwrap()))
}
