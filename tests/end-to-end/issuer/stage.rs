//! A real issuer whose clients prove themselves in every way, set up by the command line.

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_tests::{
    artefacts::Artefacts,
    cli::Cli,
    http::{get, post_form},
    process::Server,
};
use tokio::time::{Duration, Instant, sleep};

use super::{
    certificates::{CLIENT_DNS, Certificates},
    judge::node,
};

/// Who is called: an audience for each algorithm that the issuer signs with.
pub(super) const AUDIENCES: [(&str, &str); 2] = [("https://orders.example", "ES256"), ("ledger", "RS256")];
/// What its callers may.
pub(super) const SCOPE: &str = "orders:read";
/// Who gives workloads their JWTs. Nobody is there: its keys are registered inline.
pub(super) const PLATFORM: &str = "https://platform.example";
/// The workload's name there.
pub(super) const WORKLOAD: &str = "system:serviceaccount:shop:billing";

/// The clients, named for how they prove themselves.
pub(super) const WITH_SECRET: &str = "reports";
/// Another, with a secret of its own.
pub(super) const OTHER: &str = "other";
pub(super) const WITH_KEYS: &str = "signer";
/// Its assertions may name the token endpoint's URL.
pub(super) const WITH_KEYS_OF_OLD: &str = "older-signer";
pub(super) const WITH_WORKLOAD: &str = "billing";
pub(super) const WITH_CERTIFICATE: &str = "certified";
pub(super) const SELF_SIGNED: &str = "self-certified";

/// The issuer promises that a change shows within a second; the rest is patience with a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(15);

/// The issuer and what its clients know.
pub(super) struct Stage {
    issuer: Server,
    cli: Cli,
    /// By algorithm: `{"private": JWK, "public": JWK}`.
    keys: BTreeMap<String, Value>,
    secrets: BTreeMap<&'static str, String>,
    pub(super) certificates: Certificates,
    folder: TempDir,
}

impl Stage {
    /// Sets it. Every client may call every audience.
    pub(super) async fn set() -> Self {
        let folder = tempfile::Builder::new().prefix("tessera-").tempdir().unwrap();
        let certificates = Certificates::make(folder.path());
        let artefacts = Artefacts::find().unwrap();
        let program = artefacts.tessera();
        let cli =
            Cli::init(program, &folder.path().join("issuer"), &["--listen", "127.0.0.1:0"]).await.unwrap();
        listen_on_tls(&cli, &certificates);
        let keys = keys().await;
        let secrets = register(&cli, &keys, &certificates, folder.path()).await;
        let args = ["--config".as_ref(), cli.config().as_os_str(), "serve".as_ref()];
        let issuer = Server::start("issuer", folder.path(), program, args).await.unwrap();
        let stage = Self { issuer, cli, keys, secrets, certificates, folder };
        stage.ready().await;
        stage
    }

    /// The issuer's identifier.
    pub(super) fn identifier(&self) -> String {
        self.issuer.origin()
    }

    pub(super) fn secret(&self, client: &str) -> &str {
        &self.secrets[client]
    }

    /// The private key of clients and platform alike, for an algorithm.
    pub(super) fn key(&self, algorithm: &str) -> &Value {
        &self.keys[algorithm]["private"]
    }

    pub(super) fn public_key(&self, algorithm: &str) -> &Value {
        &self.keys[algorithm]["public"]
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it says of itself (RFC 8414).
    pub(super) async fn metadata(&self) -> Value {
        let url = self.issuer.url().join("/.well-known/oauth-authorization-server").unwrap();
        get(url).send().await.unwrap().json()
    }

    /// Runs a command of the operator.
    pub(super) async fn run(&self, args: &[&str]) -> Value {
        self.cli.run(args).await.unwrap()
    }

    /// Gives a client a secret, and waits until that, and so what was changed before, is seen.
    pub(super) async fn secret_for(&self, client: &str) -> String {
        let added = self.run(&["credential", "add-secret", client]).await;
        let secret = added["secret"].as_str().unwrap().to_owned();
        let deadline = Instant::now() + SEEN_WITHIN;
        let url = self.issuer.url().join("/v1/introspect").unwrap();
        let asked = || post_form(url.clone(), &[("token", "none")]).basic(client, &secret).send();
        while asked().await.unwrap().status != 200 {
            assert!(Instant::now() < deadline, "the secret of {client} is not seen");
            sleep(Duration::from_millis(50)).await;
        }
        secret
    }

    /// A token of a client that has a secret.
    pub(super) async fn token(&self, client: &str, audience: &str) -> String {
        let url = self.issuer.url().join("/v1/token").unwrap();
        let form = [("grant_type", "client_credentials"), ("audience", audience)];
        let answer: Value =
            post_form(url, &form).basic(client, self.secret(client)).send().await.unwrap().json();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// What our own verifier makes of a token: `tessera verify`, with the keys fetched from the issuer.
    pub(super) async fn verify(&self, token: &str, audience: &str) -> Value {
        let policy = json!({
            "issuers": [{ "issuer": self.identifier(), "jwks_uri": format!("{}/.well-known/jwks.json", self.identifier()) }],
            "audiences": [audience],
            "routes": [{ "scopes": [SCOPE] }],
            "allow_http_loopback": true,
        });
        let file = self.folder().join("policy.json");
        fs::write(&file, policy.to_string()).unwrap();
        let args = ["verify", "--policy", file.to_str().unwrap(), "--fetch", token];
        self.cli.run(&args).await.unwrap()
    }

    async fn ready(&self) {
        let deadline = Instant::now() + SEEN_WITHIN;
        let url = self.issuer.url().join("/readyz").unwrap();
        while get(url.clone()).send().await.unwrap().status != 200 {
            assert!(Instant::now() < deadline, "the issuer got ready for nothing");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Of an implementation that is not ours, in every algorithm that clients sign with here.
async fn keys() -> BTreeMap<String, Value> {
    let made = node("client.mjs", json!({ "make": ["ES256", "RS256", "EdDSA"] })).await;
    made.as_array()
        .unwrap()
        .iter()
        .map(|key| (key["alg"].as_str().unwrap().to_owned(), key.clone()))
        .collect()
}

fn listen_on_tls(cli: &Cli, certificates: &Certificates) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tls = format!(
        "\n[tls]\nlisten = \"127.0.0.1:{port}\"\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\nurl = \"https://127.0.0.1:{port}\"\n",
        certificates.server.certificate, certificates.server.key, certificates.authority,
    );
    let config = fs::read_to_string(cli.config()).unwrap();
    fs::write(cli.config(), config + &tls).unwrap();
}

/// Returns the secrets.
async fn register(
    cli: &Cli,
    keys: &BTreeMap<String, Value>,
    certificates: &Certificates,
    folder: &Path,
) -> BTreeMap<&'static str, String> {
    let set: Vec<&Value> = keys.values().map(|key| &key["public"]).collect();
    let jwks = folder.join("jwks.json");
    fs::write(&jwks, json!({ "keys": set }).to_string()).unwrap();
    let jwks = jwks.to_str().unwrap();
    cli.run(&["keys", "add", "--algorithm", "RS256", "--now", "--yes"]).await.unwrap();
    for (audience, algorithm) in AUDIENCES {
        cli.run(&["client", "add", audience, "--scope", SCOPE, "--algorithm", algorithm]).await.unwrap();
    }
    let mut secrets = BTreeMap::new();
    for client in [WITH_SECRET, OTHER] {
        let added = cli.run(&["client", "add", client, "--secret"]).await.unwrap();
        secrets.insert(client, added["secret"].as_str().unwrap().to_owned());
    }
    let workload = ["--issuer", PLATFORM, "--jwks", jwks, "--subject", WORKLOAD];
    let alone = certificates.self_signed.certificate.to_str().unwrap();
    let others: [(&str, &str, &[&str]); 5] = [
        (WITH_KEYS, "add-keys", &["--jwks", jwks]),
        (WITH_KEYS_OF_OLD, "add-keys", &["--jwks", jwks, "--audience-token-endpoint"]),
        (WITH_WORKLOAD, "add-workload", &workload),
        (WITH_CERTIFICATE, "add-certificate", &["--san-dns", CLIENT_DNS]),
        (SELF_SIGNED, "add-certificate", &["--certificate", alone]),
    ];
    for (client, credential, options) in others {
        cli.run(&["client", "add", client]).await.unwrap();
        cli.run(&[&["credential", credential, client], options].concat()).await.unwrap();
    }
    for client in [WITH_SECRET, OTHER].into_iter().chain(others.map(|(client, ..)| client)) {
        for (audience, _) in AUDIENCES {
            cli.run(&["grant", "add", client, audience, "--scope", SCOPE]).await.unwrap();
        }
    }
    secrets
}
