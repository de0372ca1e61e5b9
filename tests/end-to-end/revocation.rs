//! From `tessera revoke` to the refusal at the edge: a real issuer, and both proxies before the same service.
//!
//! Nobody asks the issuer about a request. The proxies hold the status list for as long as it says, so that the bound is
//! its age and one refresh. What that came to is printed, and written beside the other measurements.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tessera_bench_report::{Report, Row, Unit};
use tessera_tests::{
    envoy::{Envoy, Options, bootstrap},
    http::{Exchange, get},
    process::Server,
    scene::{ORDERS, READ, Scene},
    token::Token,
};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::stage;

/// How often it is tried. The trials overlap, each at another point in the life of the lists that the proxies hold.
const TRIALS: usize = 200;
/// From one trial to the next.
const STEP: Duration = Duration::from_millis(75);
/// The client whose tokens are revoked.
const CALLER: &str = "caller";
/// What the issuer promises: ten seconds for which a list is fresh, one in which proxies look for what is due, half of
/// one in which every replica knows, and the fetch.
const BOUND: Duration = Duration::from_secs(15);
/// On a machine that is busy with other tests, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often each proxy is asked whether it refuses yet: it is how exact the figures are.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Both proxies, before the service of one scene, with a policy that asks for the status.
struct Edge {
    scene: Scene,
    host: Server,
    envoy: Envoy,
    at_envoy: Url,
    secret: String,
}

/// How long each proxy took.
struct Took {
    host: Duration,
    envoy: Duration,
}

impl Edge {
    async fn set() -> Self {
        let scene = Scene::set(&stage()).await.unwrap();
        let cli = scene.issuer.cli();
        cli.run(&["client", "set", ORDERS, "--status"]).await.unwrap();
        let added = cli.run(&["client", "add", CALLER, "--secret"]).await.unwrap();
        cli.run(&["grant", "add", CALLER, ORDERS, "--scope", READ]).await.unwrap();
        let secret = added["secret"].as_str().unwrap().to_owned();
        let policy = policy(&scene);
        let host = host(&scene, &policy).await;
        let plugin = json!({ "policy": policy, "clusters": { scene.issuer.identifier(): "issuer" } });
        let filter = bootstrap::filter(&stage().artefacts.envoy_filter().unwrap(), &plugin);
        let listener = bootstrap::listener("main", &[filter], &[bootstrap::route_to("orders")]);
        let clusters = [
            bootstrap::cluster("orders", scene.orders.url()),
            bootstrap::cluster("issuer", scene.issuer.server().url()),
        ];
        let config = bootstrap::bootstrap(&[listener], &clusters);
        let envoy = Envoy::start(&crate::envoy::program(), &config, &Options::default()).await.unwrap();
        let at_envoy = envoy.listener("main").await.unwrap();
        Self { scene, host, envoy, at_envoy, secret }
    }

    /// A token with a place in a status list.
    async fn token(&self) -> Token {
        let fields = [("grant_type", "client_credentials"), ("audience", ORDERS), ("scope", READ)];
        let request = || self.scene.issuer.token_request(&fields).basic(CALLER, &self.secret);
        let (_, token) = self.scene.issuer.once_granted(request).await.unwrap();
        assert!(token.claims()["status"]["status_list"]["idx"].is_u64(), "{:?}", token.claims());
        token
    }

    async fn at_host(&self, token: &Token) -> Exchange {
        send(self.host.url(), token).await
    }

    async fn at_envoy(&self, token: &Token) -> Exchange {
        send(&self.at_envoy, token).await
    }

    /// Revokes a token that passes, and waits until neither proxy lets it through.
    async fn trial(&self, number: u32) -> Took {
        sleep(STEP * number).await;
        let token = self.token().await;
        assert_eq!(self.at_host(&token).await.status, 200, "{}", self.host.log());
        assert_eq!(self.at_envoy(&token).await.status, 200, "{}", self.envoy.log());
        let began = Instant::now();
        let id = token.claims()["jti"].as_str().unwrap();
        self.scene.issuer.cli().run(&["revoke", "token", id]).await.unwrap();
        let (host, envoy) = tokio::join!(
            refused(began, async || self.at_host(&token).await),
            refused(began, async || self.at_envoy(&token).await),
        );
        Took { host, envoy }
    }
}

async fn send(proxy: &Url, token: &Token) -> Exchange {
    get(proxy.join("/orders").unwrap()).bearer(token.as_str()).send().await.unwrap()
}

/// Asks until the answer is that the token is not accepted.
async fn refused(began: Instant, ask: impl AsyncFn() -> Exchange) -> Duration {
    loop {
        let response = ask().await;
        let took = began.elapsed();
        if response.status == 401 {
            assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_token""#));
            return took;
        }
        assert_eq!(response.status, 200, "while the list is fresh nobody is turned away for another reason");
        assert!(took < BOUND + PATIENCE, "revoked for {took:?}, and it still passes");
        sleep(LOOK_EVERY).await;
    }
}

/// The policy of the scene's proxy, with the status of tokens.
fn policy(scene: &Scene) -> Value {
    let mut policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    policy["issuers"][0]["status"] =
        json!({ "lists": format!("{}/v1/status/", scene.issuer.identifier()), "required": true });
    policy
}

/// A proxy of our own with this policy.
async fn host(scene: &Scene, policy: &Value) -> Server {
    let artefacts = stage().artefacts;
    let file = scene.folder().join("policy-with-status.json");
    fs::write(&file, policy.to_string()).unwrap();
    let args = ["--listen", "127.0.0.1:0", "--upstream", &scene.orders.origin(), "--policy"].map(Into::into);
    let files = [file.into_os_string(), "--component".into(), artefacts.component().into()];
    let args = args.into_iter().chain(files);
    Server::start("proxy-with-status", scene.folder(), artefacts.proxy(), args).await.unwrap()
}

fn row(name: &str, took: impl Iterator<Item = Duration>) -> Row {
    let rounds: Vec<f64> = took.map(|took| took.as_secs_f64() * 1e3).collect();
    Row::alone(name, Unit::Milliseconds, &rounds)
}

/// Where it is kept what this took.
fn report_file() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("revocation.json")
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_both_proxies_within_the_bound() {
    let edge = Edge::set().await;
    let kept = edge.token().await;
    let trials = (0..TRIALS).map(|number| edge.trial(u32::try_from(number).unwrap()));
    let took = futures_util::future::join_all(trials).await;

    assert_eq!(edge.at_host(&kept).await.status, 200, "{}", edge.host.log());
    assert_eq!(edge.at_envoy(&kept).await.status, 200, "{}", edge.envoy.log());
    let rows = vec![
        row("revocation/host-demo", took.iter().map(|took| took.host)),
        row("revocation/envoy", took.iter().map(|took| took.envoy)),
    ];
    let report = Report::new("revocation", rows).to_json();
    println!("{report}");
    fs::write(report_file(), report).unwrap();
}
