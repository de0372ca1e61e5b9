//! An Envoy with the filter between a source of keys and a service that can both be told how to behave.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_tests::{
    echo::Echo,
    envoy::{Envoy, Options, bootstrap},
    http::{Call, Exchange, get},
    key_server::{Answer, KeyServer},
    signing::{Algorithm, Claims, SigningKey, key_set},
    token::Token,
};
use tokio::time::{Instant, sleep};
use url::Url;

use super::{filter, program};

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "orders";
pub(super) const SCOPE: &str = "orders:read";
/// Where the key set is, at the source of keys.
pub(super) const KEYS: &str = "/keys";
/// A path that needs no token.
pub(super) const PUBLIC: &str = "/healthz";

/// Far above anything that is waited for here, the slowest of which are fetches that time out.
const SEEN_WITHIN: Duration = Duration::from_secs(45);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the tests share: a key, where it is published, and what is behind the filter.
pub(super) struct Scenery {
    pub(super) key: SigningKey,
    pub(super) source: KeyServer,
    pub(super) service: Echo,
}

/// How an Envoy is to be, to be changed at will.
pub(super) struct Setup {
    pub(super) options: Options,
    /// The plug-in's configuration.
    pub(super) plugin: Value,
    pub(super) routes: Vec<Value>,
    pub(super) clusters: Vec<Value>,
}

/// An Envoy with its scenery.
pub(super) struct Rig {
    pub(super) scenery: Scenery,
    pub(super) envoy: Envoy,
    at: Url,
}

impl Scenery {
    /// With the key published.
    pub(super) async fn set() -> Self {
        let key = SigningKey::new(Algorithm::Es256, "k1").unwrap();
        let scenery =
            Self { key, source: KeyServer::start().await.unwrap(), service: Echo::start().await.unwrap() };
        scenery.source.answer(KEYS, scenery.keys());
        scenery
    }

    /// The key set with the one key.
    pub(super) fn keys(&self) -> Answer {
        Answer::json(&key_set([&self.key]))
    }

    /// With something else than the key set published at first.
    pub(super) async fn with(answer: Answer) -> Self {
        let scenery = Self::set().await;
        scenery.source.answer(KEYS, answer);
        scenery
    }

    /// How an Envoy in this scenery is, unless told otherwise.
    pub(super) fn setup(&self) -> Setup {
        Setup {
            options: Options::default(),
            plugin: json!({
                "policy": policy(),
                "clusters": { "https://issuer.example": "issuer" },
            }),
            routes: vec![bootstrap::route_to("service")],
            clusters: vec![
                bootstrap::cluster("service", self.service.url()),
                bootstrap::cluster("issuer", self.source.url()),
            ],
        }
    }

    pub(super) async fn start(self) -> Rig {
        self.start_with(|_| {}).await
    }

    pub(super) async fn start_with(self, edit: impl FnOnce(&mut Setup)) -> Rig {
        let mut setup = self.setup();
        edit(&mut setup);
        let listener = bootstrap::listener("main", &[filter(&setup.plugin)], &setup.routes);
        let config = bootstrap::bootstrap(&[listener], &setup.clusters);
        Rig::run(self, &config, &setup.options).await
    }
}

impl Rig {
    /// Runs a configuration that has a listener `main`.
    pub(super) async fn run(scenery: Scenery, config: &Value, options: &Options) -> Self {
        let envoy = Envoy::start(&program(), config, options).await.unwrap();
        let at = envoy.listener("main").await.unwrap();
        Self { scenery, envoy, at }
    }

    pub(super) fn at(&self, path: &str) -> Url {
        self.at.join(path).unwrap()
    }

    /// A good token.
    pub(super) fn token(&self) -> Token {
        self.scenery.key.sign(&claims()).unwrap()
    }

    /// A request that needs a token, with one.
    pub(super) fn call(&self, token: &Token) -> Call {
        get(self.at("/orders")).bearer(token.as_str())
    }

    pub(super) async fn send(&self, token: &Token) -> Exchange {
        self.call(token).send().await.unwrap()
    }

    /// Nobody hangs, and the virtual machines live: what needs no keys is served.
    pub(super) async fn assert_alive(&self) {
        let response = get(self.at(PUBLIC)).send().await.unwrap();
        assert_eq!(response.status, 200, "{}", self.envoy.log());
    }

    /// Sends requests with the token until one passes.
    pub(super) async fn passes_soon(&self, token: &Token) {
        until(async || self.send(token).await.status == 200, || self.envoy.log()).await;
    }

    /// Waits until a statistic stands at a value.
    pub(super) async fn stat_becomes(&self, name: &str, value: u64) {
        let said = || format!("{name} is not {value}: {}", self.envoy.log());
        until(async || self.envoy.stat(name).await == Some(value), said).await;
    }

    /// Waits until so many requests are inside of the listener, answered or paused.
    pub(super) async fn inside(&self, requests: u64) {
        self.stat_becomes("http.main.downstream_rq_active", requests).await;
    }
}

/// Waits until something holds, which it has to do in time. `said` is told when it does not.
pub(super) async fn until(holds: impl AsyncFn() -> bool, said: impl Fn() -> String) {
    let deadline = Instant::now() + SEEN_WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain: {}", said());
        sleep(LOOK_EVERY).await;
    }
}

/// A policy that trusts the issuer of the scenery.
pub(super) fn policy() -> Value {
    json!({
        "issuers": [{ "issuer": ISSUER, "jwks_uri": "https://issuer.example/keys", "clock_skew": 1 }],
        "audiences": [AUDIENCE],
        "routes": [
            { "path": { "exact": PUBLIC }, "public": true },
            { "path": { "prefix": "/orders" }, "scopes": [SCOPE] },
        ],
        "challenge": { "realm": "orders" },
    })
}

/// The claims of a good token.
pub(super) fn claims() -> Claims {
    Claims::new(ISSUER, AUDIENCE, SCOPE)
}

/// What reached the service of these fields, by its answer.
pub(super) fn reached(response: &Exchange, name: &str) -> Vec<String> {
    let fields = response.json()["fields"].as_array().cloned().unwrap_or_default();
    let named = fields.iter().filter(|field| field[0] == name);
    named.filter_map(|field| field[1].as_str().map(str::to_owned)).collect()
}
