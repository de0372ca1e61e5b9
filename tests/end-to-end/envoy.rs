//! The filter in a real Envoy, in the place of our proxy.

mod failure;
mod fetch;
mod held;
mod hostile;
mod long;
mod rerouted;
mod rig;
mod rotation;
mod status;
mod told;

use std::{fs, path::PathBuf};

use http::{HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    envoy::{Envoy, EnvoyError, Options, bootstrap},
    http::{Exchange, get, post_json},
    scene::{ORDERS, READ, Scene, WRITE},
    token::Token,
};
use url::Url;

use crate::{stage, upstream};

/// An Envoy before the scene's service.
struct Guarded {
    envoy: Envoy,
    listener: Url,
}

impl Guarded {
    /// With the policy of the scene's proxy.
    async fn before(scene: &Scene) -> Self {
        let policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
        Self::with(scene, &policy, scene.issuer.server().url()).await
    }

    /// With another policy, or with another place for key sets.
    async fn with(scene: &Scene, policy: &Value, keys: &Url) -> Self {
        let plugin = json!({ "policy": policy, "clusters": { scene.issuer.identifier(): "issuer" } });
        let config = bootstrap::bootstrap(
            &[bootstrap::listener("main", &[filter(&plugin)], &[bootstrap::route_to("orders")])],
            &[bootstrap::cluster("orders", scene.orders.url()), bootstrap::cluster("issuer", keys)],
        );
        let envoy = Envoy::start(&program(), &config, &Options::default()).await.unwrap();
        let listener = envoy.listener("main").await.unwrap();
        Self { envoy, listener }
    }

    fn at(&self, path: &str) -> Url {
        self.listener.join(path).unwrap()
    }

    fn log(&self) -> String {
        self.envoy.log()
    }

    async fn read_orders(&self, token: &Token) -> Exchange {
        get(self.at("/orders")).bearer(token.as_str()).send().await.unwrap()
    }
}

pub(crate) fn program() -> PathBuf {
    Artefacts::named_by(Artefacts::ENVOY_SERVER).unwrap()
}

fn filter(plugin: &Value) -> Value {
    bootstrap::filter(&stage().artefacts.envoy_filter().unwrap(), plugin)
}

#[tokio::test]
async fn it_decides_as_the_proxy_does() {
    let scene = Scene::set(&stage()).await.unwrap();
    let envoy = Guarded::before(&scene).await;
    let token = scene.access_token(ORDERS, READ).await.unwrap();

    let response = envoy.read_orders(&token).await;
    assert_eq!(response.status, 200, "{}", envoy.log());
    assert_eq!(response.json()[0]["item"], "stylus");
    let response = get(envoy.at("/healthz")).send().await.unwrap();
    assert_eq!(response.status, 200, "public");

    let response = get(envoy.at("/orders")).send().await.unwrap();
    assert_eq!(response.status, 401);
    assert_eq!(response.challenge(), Some(r#"Bearer realm="orders""#));
    let response = envoy.read_orders(&token.with_scope(WRITE)).await;
    assert_eq!(response.status, 401);
    assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_token""#));
    let order = post_json(envoy.at("/orders"), &json!({ "item": "stylus", "quantity": 1 }));
    let response = order.bearer(token.as_str()).send().await.unwrap();
    assert_eq!(response.status, 403);
    let expected = r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#;
    assert_eq!(response.challenge(), Some(expected));
    let ledger = scene.access_token("ledger", "ledger:read").await.unwrap();
    assert_eq!(envoy.read_orders(&ledger).await.status, 401, "for another audience");

    // Envoy joins two fields by a comma; that is not one token.
    let twice = HeaderValue::from_str(&format!("Bearer {}", token.as_str())).unwrap();
    let twice = get(envoy.at("/orders")).header(AUTHORIZATION, twice.clone()).header(AUTHORIZATION, twice);
    let response = twice.send().await.unwrap();
    assert_eq!(response.status, 400);
    assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_request""#));

    let log = envoy.log();
    assert!(log.contains("denied: signature-wrong"), "{log}");
    assert!(!log.contains("eyJ"), "the log holds a token:\n{log}");
}

#[tokio::test]
async fn v36_it_changes_requests_as_the_policy_says() {
    let scene = Scene::set(&stage()).await.unwrap();
    let envoy = Guarded::with(&scene, &upstream::policy(&scene), scene.issuer.server().url()).await;
    upstream::assert_changes(&scene, |path| envoy.at(path)).await;
}

#[tokio::test]
async fn v44_it_closes_when_the_keys_do_not_come() {
    let scene = Scene::set(&stage()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    // The service, which has no key set, answers 404.
    let envoy = Guarded::with(&scene, &policy, scene.orders.url()).await;
    let response = envoy.read_orders(&token).await;
    assert_eq!(response.status, 503, "{}", envoy.log());
    assert_eq!(response.challenge(), None);
    let response = get(envoy.at("/healthz")).send().await.unwrap();
    assert_eq!(response.status, 200, "public routes need no keys");
    // A request with a body, which reaches the filter while the request waits for keys.
    let order = post_json(envoy.at("/orders"), &json!({ "item": "stylus", "quantity": 1 }));
    assert_eq!(order.bearer(token.as_str()).send().await.unwrap().status, 503);
    assert!(!scene.orders.log().contains("POST"), "{}", scene.orders.log());
}

#[tokio::test]
async fn v44_a_bad_configuration_stops_it_with_every_problem() {
    let nobody = Url::parse("http://127.0.0.1:9/").unwrap();
    let issuer = |name| json!({ "issuer": name, "jwks_uri": "https://issuer.example/keys" });
    for (plugin, expected) in [
        (
            json!({ "policy": { "issuer": [], "audiences": [] }, "clusters": {} }),
            ["did you mean `issuers`?", "/audiences: at least one is needed"],
        ),
        (
            json!({ "policy": { "issuers": [issuer("a")], "audiences": ["x"] }, "clusters": {} }),
            ["/clusters: `https://issuer.example` is not there", "add the cluster that reaches it"],
        ),
        (json!({ "polcy": {} }), ["the configuration is unusable", "polcy"]),
    ] {
        let listener = bootstrap::listener("main", &[filter(&plugin)], &[bootstrap::route_to("orders")]);
        let config = bootstrap::bootstrap(&[listener], &[bootstrap::cluster("orders", &nobody)]);
        let refused = Envoy::validate(&program(), &config).await;
        let Err(EnvoyError::Ended { log, .. }) = refused else { panic!("{refused:?}: {plugin}") };
        for text in expected {
            assert!(log.contains(text), "`{text}` is not in\n{log}");
        }
    }
}
