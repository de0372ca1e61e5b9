//! The middleware in a real host of wasi:http, `wasmtime serve`, composed with a handler that knows nothing of tokens.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use http::{HeaderName, HeaderValue, header::CACHE_CONTROL};
use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    docs::{COMMANDS, Proof},
    http::{Call, get, post_json},
    scene::{ORDERS, READ, Scene, WRITE},
    world::World,
};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::Instant,
};
use url::Url;
use wac_graph::{CompositionGraph, EncodeOptions, plug, types::Package};

use crate::{stage, upstream};

/// Wasmtime compiles the component first, with all of the machine that other tests leave.
const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// By which `wasmtime serve` says where it listens.
const READY: &str = "Serving HTTP on ";

/// A key set on a port where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9/keys";

/// A running `wasmtime serve`. Dropping it ends the process.
struct Host {
    _process: Child,
    url: Url,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Host {
    /// The composition under a policy, given as text; without one there is no such environment variable.
    async fn start(policy: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("wasmtime.log");
        fs::write(folder.path().join("guarded.wasm"), guarded()).unwrap();
        let mut script = format!("exec {}", documented()).replace("127.0.0.1:7402", "127.0.0.1:0");
        match policy {
            Some(policy) => fs::write(folder.path().join("policy.json"), policy).unwrap(),
            None => script = script.replace("--env \"TESSERA_POLICY=$(cat policy.json)\"", ""),
        }
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).env("PATH", path()).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let deadline = Instant::now() + READY_WITHIN;
        let url = loop {
            let text = fs::read_to_string(&log).unwrap();
            if let Some((line, _)) = text.split_once(READY).and_then(|(_, rest)| rest.split_once('\n')) {
                break Url::parse(line).unwrap();
            }
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "wasmtime ended with {ended:?}:\n{text}");
            assert!(Instant::now() < deadline, "wasmtime is not ready:\n{text}");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        Self { _process: process, url, log, _folder: folder }
    }

    /// With the policy of the scene's proxy.
    async fn before(scene: &Scene) -> Self {
        Self::start(Some(&fs::read_to_string(scene.policy()).unwrap())).await
    }

    fn get(&self, path: &str) -> Call {
        get(self.url.join(path).unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How many requests got to the handler behind the middleware.
    fn passed(&self) -> usize {
        self.log().matches("backend: /").count()
    }

    /// The instances that took a key set into use, each as often as it did. The log names them before each line;
    /// the host makes another one whenever those that there are have not come to rest.
    fn fetching_instances(&self) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("bytes is in use"));
        lines.map(|line| line.split(" :: ").next().unwrap_or_default().to_owned()).collect()
    }

    /// How often an instance took a key set into use.
    fn fetched(&self) -> usize {
        self.log().matches("bytes is in use").count()
    }
}

/// The command that the documents have for it.
fn documented() -> &'static str {
    COMMANDS.iter().find(|documented| documented.proof == Proof::Middleware).unwrap().command
}

/// `PATH`, with the tests' wasmtime first.
fn path() -> OsString {
    let wasmtime = Artefacts::named_by(Artefacts::WASMTIME).unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let folder = wasmtime.parent().unwrap().to_owned();
    env::join_paths(std::iter::once(folder).chain(env::split_paths(&path))).unwrap()
}

/// The middleware with the handler behind it, one component.
fn guarded() -> Vec<u8> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, path: &Path| {
        let package = Package::from_file(name, None, path, graph.types_mut()).unwrap();
        graph.register_package(package).unwrap()
    };
    let middleware = register("tessera:middleware", &stage().artefacts.middleware().unwrap());
    let backend = register("tessera:backend", &Artefacts::named_by(Artefacts::BACKEND).unwrap());
    plug(&mut graph, vec![backend], middleware).unwrap();
    graph.encode(EncodeOptions::default()).unwrap()
}

#[test]
fn it_needs_nothing_but_the_next_handler_and_wasi() {
    let world = World::of(&fs::read(stage().artefacts.middleware().unwrap()).unwrap()).unwrap();
    assert_eq!(world.exports(), ["wasi:http/handler@0.3.0"]);
    assert!(world.imports().contains(&"wasi:http/handler@0.3.0".to_owned()));
    let guarded = World::of(&guarded()).unwrap();
    assert_eq!(guarded.exports(), ["wasi:http/handler@0.3.0"]);
    assert!(!guarded.imports().contains(&"wasi:http/handler@0.3.0".to_owned()), "{:?}", guarded.imports());
}

#[tokio::test]
async fn it_decides_as_the_proxy_does() {
    let scene = Scene::set(&stage()).await.unwrap();
    let host = Host::before(&scene).await;
    let token = scene.access_token(ORDERS, READ).await.unwrap();

    let response = host.get("/orders").bearer(token.as_str()).send().await.unwrap();
    assert_eq!(response.status, 200, "{}", host.log());
    assert_eq!(response.headers["served-by"], "backend");
    let response = host.get("/healthz").send().await.unwrap();
    assert_eq!(response.status, 200, "public");
    assert_eq!(host.passed(), 2, "{}", host.log());

    let response = host.get("/orders").send().await.unwrap();
    assert_eq!(response.status, 401);
    assert_eq!(response.challenge(), Some(r#"Bearer realm="orders""#));
    assert_eq!(response.headers[CACHE_CONTROL], "no-store");
    assert_eq!(response.body, "");
    let forged = token.with_scope(WRITE);
    let response = host.get("/orders").bearer(forged.as_str()).send().await.unwrap();
    assert_eq!(response.status, 401);
    assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_token""#));
    let order = json!({ "item": "stylus", "quantity": 1 });
    let response = post_json(host.url.join("/orders").unwrap(), &order).bearer(token.as_str()).send().await;
    let response = response.unwrap();
    assert_eq!(response.status, 403);
    let expected = r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#;
    assert_eq!(response.challenge(), Some(expected));
    let twice = host.get("/orders").bearer(token.as_str()).bearer(token.as_str()).send().await.unwrap();
    assert_eq!(twice.status, 400);
    let response = host.get("/orders/..%2Fhealthz").send().await.unwrap();
    assert_eq!(response.status, 400);

    assert_eq!(host.passed(), 2, "a refused request got through:\n{}", host.log());
    let fetching = host.fetching_instances();
    let instances: BTreeSet<&String> = fetching.iter().collect();
    assert!(!fetching.is_empty(), "{}", host.log());
    assert_eq!(fetching.len(), instances.len(), "an instance keeps its keys:\n{}", host.log());
    let log = host.log();
    assert!(log.contains("denied: signature-wrong"), "{log}");
    assert!(!log.contains("eyJ"), "the log holds a token:\n{log}");
}

#[tokio::test]
async fn v36_it_changes_requests_as_the_policy_says() {
    let scene = Scene::set(&stage()).await.unwrap();
    let host = Host::start(Some(&upstream::policy(&scene).to_string())).await;
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let mut url = host.url.join("/orders").unwrap();
    url.set_query(Some(&format!("access_token={}&page=2", token.as_str())));
    let forged = HeaderValue::from_static("forged");
    let call = get(url).header(HeaderName::from_static("x-caller"), forged.clone());
    let response = call.header(HeaderName::from_static("x_caller"), forged).send().await.unwrap();
    assert_eq!(response.status, 200, "{}", host.log());
    let response = host.get("/orders").bearer(token.as_str()).send().await.unwrap();
    assert_eq!(response.status, 200, "{}", host.log());
    let log = host.log();
    let reached: Vec<&str> = log.lines().filter(|line| line.contains("backend: ")).collect();
    assert!(reached[0].contains("backend: /orders?page=2 "), "{log}");
    for line in &reached {
        assert_eq!(line.matches("x-caller=billing").count(), 1, "{log}");
        assert!(!line.contains("forged") && !line.contains("eyJ"), "{log}");
    }
    let response = host.get(upstream::METADATA_PATH).send().await.unwrap();
    assert_eq!((response.status.as_u16(), response.json()), (200, upstream::metadata(&scene)));
}

#[tokio::test]
async fn bodies_pass_as_they_are() {
    let scene = Scene::set(&stage()).await.unwrap();
    let host = Host::before(&scene).await;
    let token = scene.access_token(ORDERS, WRITE).await.unwrap();
    // More than fits into any buffer on the way at once.
    let order = json!({ "item": "stylus", "note": "ö".repeat(1_000_000) });
    let call = post_json(host.url.join("/orders").unwrap(), &order).bearer(token.as_str());
    let response = call.send().await.unwrap();
    assert_eq!(response.status, 200, "{}", host.log());
    assert!(response.json() == order, "{} bytes came back", response.body.len());
}

#[tokio::test]
async fn requests_that_come_together_wait_for_one_fetch() {
    let scene = Scene::set(&stage()).await.unwrap();
    let host = Host::before(&scene).await;
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(host.get("/orders").bearer(token.as_str()).send());
    }
    while let Some(response) = calls.join_next().await {
        assert_eq!(response.unwrap().unwrap().status, 200, "{}", host.log());
    }
    assert_eq!(host.passed(), 8);
    assert!(host.fetched() < 8, "{}", host.log());
}

#[tokio::test]
async fn v44_it_closes_when_the_keys_do_not_come() {
    let scene = Scene::set(&stage()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let mut policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    // The kernel takes its connections, and nobody answers on them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/keys", listener.local_addr().unwrap());
    let other_service = scene.orders.url().join("keys").unwrap();
    for (keys, why) in [
        (NOWHERE, "there is no complete answer"),
        (other_service.as_str(), "the answer has status 404"),
        (&silent, "it took longer than"),
    ] {
        policy["issuers"][0]["jwks_uri"] = keys.into();
        let host = Host::start(Some(&policy.to_string())).await;
        let response = host.get("/orders").bearer(token.as_str()).send().await.unwrap();
        assert_eq!(response.status, 503, "{}", host.log());
        assert_eq!(response.challenge(), None);
        assert!(host.log().contains(&format!("cannot fetch {keys}: {why}")), "{}", host.log());
        assert_eq!(host.passed(), 0);
        let response = host.get("/healthz").send().await.unwrap();
        assert_eq!(response.status, 200, "public routes need no keys");
    }
}

#[tokio::test]
async fn v44_nothing_passes_under_a_bad_policy() {
    let misspelt = json!({ "issuer": [], "audiences": [] }).to_string();
    for (policy, expected) in [
        (Some(misspelt.as_str()), &["did you mean `issuers`?", "/audiences: at least one is needed"][..]),
        (Some(""), &["the policy in TESSERA_POLICY has problems"]),
        (None, &["set the environment variable TESSERA_POLICY"]),
    ] {
        let host = Host::start(policy).await;
        for path in ["/healthz", "/orders"] {
            let response = host.get(path).send().await.unwrap();
            assert_eq!(response.status, 500, "{}", host.log());
            assert_eq!(response.headers[CACHE_CONTROL], "no-store");
            assert_eq!(response.body, "");
        }
        assert_eq!(host.passed(), 0, "{}", host.log());
        for text in expected {
            assert!(host.log().contains(text), "`{text}` is not in\n{}", host.log());
        }
    }
}
