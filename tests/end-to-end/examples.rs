//! The examples for Envoy and what is built on it, in a real Envoy.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tessera_policy_file::{Bounds, PolicyFile};
use tessera_tests::{
    artefacts::Artefacts,
    docs::{COMMANDS, Proof},
    envoy::{Envoy, Options, bootstrap},
    http::{get, post_json},
    scene::{ORDERS, Ports, READ, Scene},
};
use tokio::{process::Command, time::Instant};
use url::Url;

use crate::stage;

/// What a manifest may have: deeper than a policy.
const BOUNDS: Bounds = Bounds { bytes: 1 << 20, depth: 64 };

/// The ports that the example names.
const EXAMPLE: Ports = Ports { issuer: 7410, platform: 7411, orders: 7412, proxy: 7413 };
const LISTENER: u16 = 7414;
const ADMIN: u16 = 7415;

const LOGGED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

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

/// The log, once this is in it: Envoy writes access logs when it comes to it.
async fn log_with(envoy: &Envoy, text: &str) -> String {
    let deadline = Instant::now() + LOGGED_WITHIN;
    while !envoy.log().contains(text) && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    envoy.log()
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
    let order = json!({ "item": "stylus", "quantity": 1 });
    let answer = post_json(orders, &order).bearer(token.as_str()).send().await.unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(get(listener.join("/healthz").unwrap()).send().await.unwrap().status, 200);

    // What the guide has to be typed, in the folder that a scene which stays names.
    fs::write(scene.folder().join("orders.token"), token.as_str()).unwrap();
    let mut documented = COMMANDS.iter().filter(|documented| documented.proof == Proof::Envoy);
    assert_eq!(documented.next().unwrap().command, "envoy -c examples/envoy/envoy.yaml");
    for documented in documented {
        let command =
            documented.command.replace(&LISTENER.to_string(), &listener.port().unwrap().to_string());
        let status = Command::new("sh").args(["-euc", &command]).current_dir(scene.folder()).status().await;
        assert!(status.unwrap().success(), "`{command}`");
    }
    let log = log_with(&envoy, "GET /healthz 200 allow").await;
    for line in [
        "GET /orders 200 allow -",
        "GET /orders 401 deny token-missing",
        "POST /orders 403 deny scope-insufficient",
    ] {
        assert!(log.contains(line), "`{line}` is not in\n{log}");
    }
}

/// The filter that decides by what ours left behind, as docs/envoy.md has it, for another subject.
fn rbac(subject: &str) -> Value {
    let state = json!({ "key": "wasm.tessera.subject", "string_match": { "exact": subject } });
    let policy = json!({ "permissions": [{ "any": true }], "principals": [{ "filter_state": state }] });
    let rules = json!({ "action": "ALLOW", "policies": { "subject": policy } });
    let name = "envoy.extensions.filters.http.rbac.v3.RBAC";
    json!({ "name": "rbac", "typed_config": bootstrap::typed(name, json!({ "rules": rules })) })
}

#[tokio::test]
async fn other_filters_decide_by_what_is_left_for_them() {
    let scene = Scene::set(&stage()).await.unwrap();
    let policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    let plugin = json!({
        "policy": policy,
        "clusters": { scene.issuer.identifier(): "issuer" },
        "attributes": ["subject"],
    });
    let ours = bootstrap::filter(&artefact(), &plugin);
    let listener = |subject| {
        bootstrap::listener(subject, &[ours.clone(), rbac(subject)], &[bootstrap::route_to("orders")])
    };
    let config = bootstrap::bootstrap(
        &[listener("billing"), listener("nobody")],
        &[
            bootstrap::cluster("orders", scene.orders.url()),
            bootstrap::cluster("issuer", scene.issuer.server().url()),
        ],
    );
    let envoy = Envoy::start(&program(), &config, &Options::default()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    for (subject, status) in [("billing", 200), ("nobody", 403)] {
        let orders = envoy.listener(subject).await.unwrap().join("/orders").unwrap();
        let answer = get(orders).bearer(token.as_str()).send().await.unwrap();
        assert_eq!(answer.status, status, "{subject}: {}\n{}", answer.body, envoy.log());
    }
}
