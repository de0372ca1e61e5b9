//! What Envoy makes of a plug-in that traps, by its failure policy, and of a configuration that is refused.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    envoy::{Envoy, Options, bootstrap, listeners::ListenerFile},
    http::{Exchange, get},
    key_server::Answer,
    signing::{Algorithm, SigningKey, key_set},
};

use super::{
    filter, program,
    rig::{self, KEYS, Rig, Scenery, policy},
};

const FAULT: HeaderName = HeaderName::from_static("x-fault");

/// How long the Envoy of these tests lets a request be without a sign of life: well above the second that a reload
/// takes.
const IDLE_TIMEOUT: &str = "8s";

/// An Envoy with the plug-in that guards, and traps on request.
async fn guarded(failure_policy: Option<&str>) -> Rig {
    let mut plugin = bootstrap::wasm_filter("faulty", &faulty_plugin(), "");
    if let Some(policy) = failure_policy {
        plugin["typed_config"]["config"]["failure_policy"] = json!(policy);
    }
    let mut listener = bootstrap::listener("main", &[plugin], &[bootstrap::route_answered()]);
    listener["filter_chains"][0]["filters"][0]["typed_config"]["stream_idle_timeout"] = json!(IDLE_TIMEOUT);
    let config = bootstrap::bootstrap(&[listener], &[]);
    Rig::run(Scenery::set().await, &config, &Options::default()).await
}

fn faulty_plugin() -> PathBuf {
    Artefacts::named_by(Artefacts::FAULTY_PLUGIN).unwrap()
}

async fn ask(rig: &Rig, fault: Option<&'static str>) -> Exchange {
    let mut call = get(rig.at("/"));
    if let Some(fault) = fault {
        call = call.header(FAULT, HeaderValue::from_static(fault));
    }
    call.send().await.unwrap()
}

async fn ask_until(rig: &Rig, fault: &'static str, status: StatusCode) {
    rig::until(async || ask(rig, Some(fault)).await.status == status, || rig.envoy.log()).await;
}

#[tokio::test]
async fn a_trap_closes_the_listener_for_good() {
    let rig = guarded(None).await;
    assert_eq!(ask(&rig, Some("none")).await.status, 200);
    assert_eq!(ask(&rig, None).await.status, 401);
    assert_eq!(ask(&rig, Some("trap")).await.status, 503);
    // Longer than a reload would take: there is none.
    for _ in 0..30 {
        assert_eq!(ask(&rig, Some("none")).await.status, 503, "{}", rig.envoy.log());
        assert_eq!(ask(&rig, None).await.status, 503);
        tokio::time::sleep(rig::LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn with_fail_reload_a_new_machine_serves_soon() {
    let rig = guarded(Some("FAIL_RELOAD")).await;
    assert_eq!(ask(&rig, Some("none")).await.status, 200);
    assert_eq!(ask(&rig, Some("trap")).await.status, 503);
    ask_until(&rig, "none", StatusCode::OK).await;
    assert_eq!(ask(&rig, None).await.status, 401, "the new one guards");
}

/// The reason why it must never be set.
#[tokio::test]
async fn with_fail_open_a_trap_lets_everybody_in() {
    let rig = guarded(Some("FAIL_OPEN")).await;
    assert_eq!(ask(&rig, None).await.status, 401);
    // To trap, a caller needs no rights.
    ask(&rig, Some("trap")).await;
    ask_until(&rig, "none", StatusCode::OK).await;
    assert_eq!(ask(&rig, None).await.status, 200, "who was refused before");
}

#[tokio::test]
async fn a_request_that_is_paused_when_its_machine_ends_waits_for_the_idle_timeout() {
    let rig = guarded(Some("FAIL_RELOAD")).await;
    let held = tokio::spawn(get(rig.at("/")).header(FAULT, HeaderValue::from_static("hold")).send());
    rig.inside(1).await;
    assert_eq!(ask(&rig, Some("trap")).await.status, 503);
    ask_until(&rig, "none", StatusCode::OK).await;
    assert!(!held.is_finished(), "the new machine serves, and nobody serves who waited for the old one");
    assert_eq!(held.await.unwrap().unwrap().status, 503, "{}", rig.envoy.log());
}

fn listener(plugin: &Value) -> Value {
    bootstrap::listener("main", &[filter(plugin)], &[bootstrap::route_to("service")])
}

#[tokio::test]
async fn a_refused_configuration_leaves_the_one_before_at_work() {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    let mut file = ListenerFile::with(&[listener(&setup.plugin)]).unwrap();
    let rig = Rig::run(scenery, &file.bootstrap(&setup.clusters), &setup.options).await;
    let token = rig.token();
    rig.passes_soon(&token).await;

    let good = setup.plugin.clone();
    setup.plugin["policy"]["audiences"] = json!([]);
    file.replace(&[listener(&setup.plugin)]).unwrap();
    rig.stat_becomes("listener_manager.lds.update_rejected", 1).await;
    let log = rig.envoy.log();
    assert!(log.contains("/policy/audiences") || log.contains("/audiences: at least one is needed"), "{log}");
    assert_eq!(rig.send(&token).await.status, 200);
    assert_eq!(get(rig.at("/orders")).send().await.unwrap().status, 401);

    // A good one takes its place, with another policy.
    setup.plugin = good;
    setup.plugin["policy"]["routes"][1]["scopes"] = json!(["orders:admin"]);
    file.replace(&[listener(&setup.plugin)]).unwrap();
    rig::until(async || rig.send(&token).await.status == 403, || rig.envoy.log()).await;
    assert_eq!(get(rig.at("/orders")).send().await.unwrap().status, 401);
    rig.assert_alive().await;
}

/// A new configuration may start while the source of the keys is down: what its predecessors fetched is there.
#[tokio::test]
async fn new_machines_take_over_the_keys_of_those_before() {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    let with_machines = |plugin: &Value, name: &str| {
        let mut filter = filter(plugin);
        filter["typed_config"]["config"]["vm_config"]["configuration"] =
            bootstrap::typed("google.protobuf.StringValue", json!({ "value": name }));
        bootstrap::listener("main", &[filter], &[bootstrap::route_to("service")])
    };
    let mut file = ListenerFile::with(&[with_machines(&setup.plugin, "first")]).unwrap();
    let rig = Rig::run(scenery, &file.bootstrap(&setup.clusters), &setup.options).await;
    let token = rig.token();
    rig.passes_soon(&token).await;

    rig.scenery.source.answer(KEYS, Answer::Closed);
    setup.plugin["policy"]["challenge"]["realm"] = json!("second");
    file.replace(&[with_machines(&setup.plugin, "second")]).unwrap();
    let anonymous = async || get(rig.at("/orders")).send().await.unwrap();
    let second = async || anonymous().await.challenge() == Some(r#"Bearer realm="second""#);
    rig::until(second, || rig.envoy.log()).await;
    for _ in 0..8 {
        assert_eq!(rig.send(&token).await.status, 200, "{}", rig.envoy.log());
    }
}

/// Plug-ins of one binary share a virtual machine, and what they share beyond it: each has keys of its own all the
/// same, also where the issuer of each is the first of its policy.
#[tokio::test]
async fn two_filters_in_one_machine_do_not_share_their_issuers_keys() {
    const OTHER: &str = "https://other.example";
    let scenery = Scenery::set().await;
    let other_key = SigningKey::new(Algorithm::Es256, "k1").unwrap();
    scenery.source.answer("/other", Answer::json(&key_set([&other_key])));
    let mut setup = scenery.setup();
    let mut other_plugin = setup.plugin.clone();
    other_plugin["policy"]["issuers"] =
        json!([{ "issuer": OTHER, "jwks_uri": "https://other.example/other", "clock_skew": 1 }]);
    other_plugin["clusters"] = json!({ OTHER: "issuer" });
    setup.clusters.push(bootstrap::cluster("other", scenery.source.url()));
    let mut other_listener = listener(&other_plugin);
    other_listener["name"] = json!("other");
    let config = bootstrap::bootstrap(&[listener(&setup.plugin), other_listener], &setup.clusters);
    let rig = Rig::run(scenery, &config, &Options { workers: 2, ..setup.options }).await;
    let at_other = rig.envoy.listener("other").await.unwrap().join("/orders").unwrap();
    let at_other = async |token: &str| get(at_other.clone()).bearer(token).send().await.unwrap().status;

    let mine = rig.token();
    let others = other_key.sign(&rig::claims().with("iss", OTHER)).unwrap();
    // Each key for the name of the other's issuer: what would pass, were the sets mixed up.
    let mine_as_other = rig.scenery.key.sign(&rig::claims().with("iss", OTHER)).unwrap();
    let others_as_mine = other_key.sign(&rig::claims()).unwrap();
    rig.passes_soon(&mine).await;
    rig::until(async || at_other(others.as_str()).await == 200, || rig.envoy.log()).await;
    // Over new connections, so that every worker gets its share of them.
    for _ in 0..20 {
        assert_eq!(rig.send(&mine).await.status, 200);
        assert_eq!(at_other(others.as_str()).await, 200);
        assert_eq!(rig.send(&others_as_mine).await.status, 401);
        assert_eq!(at_other(mine_as_other.as_str()).await, 401);
        assert_eq!(rig.send(&others).await.status, 401, "an issuer that only the other trusts");
    }
    assert_eq!(rig.scenery.source.requests(KEYS), 1, "{}", rig.envoy.log());
    assert_eq!(rig.scenery.source.requests("/other"), 1);
}

/// Said by Envoy itself, before anything of the filter runs: what it calls the failure policies.
#[tokio::test]
async fn envoy_knows_the_failure_policies_by_these_names() {
    for (name, known) in [("FAIL_CLOSED", true), ("FAIL_RELOAD", true), ("FAIL_OPEN", true), ("OPEN", false)]
    {
        let mut plugin = filter(&json!({ "policy": policy(), "clusters": { rig::ISSUER: "issuer" } }));
        plugin["typed_config"]["config"]["failure_policy"] = json!(name);
        let listener = bootstrap::listener("main", &[plugin], &[bootstrap::route_answered()]);
        let issuer = bootstrap::cluster("issuer", &"http://127.0.0.1:9".parse().unwrap());
        let valid = Envoy::validate(&program(), &bootstrap::bootstrap(&[listener], &[issuer])).await;
        assert_eq!(valid.is_ok(), known, "{name}: {valid:?}");
    }
}
