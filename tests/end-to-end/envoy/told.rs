//! What the filter tells Envoy: attributes, statistics; and what Envoy tells the filter: the route's policy.

use std::{fs, path::PathBuf};

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_tests::{
    envoy::bootstrap,
    http::get,
    key_server::Answer,
    signing::{Algorithm, SigningKey, key_set},
};

use super::{
    filter,
    rig::{self, ISSUER, KEYS, PUBLIC, Rig, SCOPE, Scenery, Setup, claims, until},
};

/// What Envoy puts before the names of a plug-in's statistics.
const PREFIX: &str = "wasmcustom.tessera.";

/// An Envoy that writes some attributes of each request into a file, a line of JSON for each.
async fn logging(edit: impl FnOnce(&mut Setup)) -> (Rig, AccessLog) {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    edit(&mut setup);
    let folder = tempfile::tempdir().unwrap();
    let log = AccessLog { path: folder.path().join("access.log"), _folder: folder };
    let names = ["subject", "client_id", "scopes", "issuer", "expiry", "decision", "reason"];
    let attribute = |name: &str| format!("%FILTER_STATE(wasm.tessera.{name}:PLAIN)%");
    let mut format: Value = names.iter().map(|name| ((*name).to_owned(), attribute(name))).collect();
    format["number"] = json!("%REQ(x-number)%");
    format["details"] = json!("%RESPONSE_CODE_DETAILS%");
    let mut listener = bootstrap::listener("main", &[filter(&setup.plugin)], &setup.routes);
    listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] =
        json!([bootstrap::access_log_json(&log.path, &format)]);
    let rig = Rig::run(scenery, &bootstrap::bootstrap(&[listener], &setup.clusters), &setup.options).await;
    rig.passes_soon(&rig.token()).await;
    (rig, log)
}

struct AccessLog {
    path: PathBuf,
    _folder: TempDir,
}

impl AccessLog {
    /// The line of a request, once it is there.
    async fn line(&self, number: &str) -> Value {
        let text = || fs::read_to_string(&self.path).unwrap_or_default();
        let line = || {
            let lines: Vec<Value> =
                text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            lines.into_iter().find(|line| line["number"] == number)
        };
        until(async || line().is_some(), text).await;
        line().unwrap()
    }
}

fn number(value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static("x-number"), HeaderValue::from_static(value))
}

#[tokio::test]
async fn attributes_reach_the_access_log() {
    let all = ["subject", "client_id", "scopes", "issuer", "expiry", "decision", "reason"];
    let (rig, log) = logging(|setup| setup.plugin["attributes"] = json!(all)).await;
    let token = rig.token();
    let (name, value) = number("good");
    rig.call(&token).header(name, value).send().await.unwrap();
    let line = log.line("good").await;
    assert_eq!(line["subject"], "billing");
    assert_eq!(line["client_id"], "billing");
    assert_eq!(line["scopes"], SCOPE);
    assert_eq!(line["issuer"], ISSUER);
    assert_eq!(line["expiry"].as_str().map(str::to_owned), token.expiry().map(|expiry| expiry.to_string()));
    assert_eq!(line["decision"], "allow");
    assert_eq!(line["reason"], Value::Null);

    let (name, value) = number("forged");
    rig.call(&token.with_scope("orders:admin")).header(name, value).send().await.unwrap();
    let line = log.line("forged").await;
    assert_eq!((&line["decision"], &line["reason"]), (&json!("deny"), &json!("signature-wrong")));
    assert_eq!(line["details"], "tessera{signature-wrong}");
    assert_eq!(line["subject"], Value::Null, "nothing of a token that is not good");

    let (name, value) = number("public");
    get(rig.at(PUBLIC)).header(name, value).send().await.unwrap();
    let line = log.line("public").await;
    assert_eq!((&line["decision"], &line["subject"]), (&json!("allow"), &Value::Null));
}

#[tokio::test]
async fn attributes_are_those_that_were_asked_for() {
    for (attributes, reason) in [(None, json!("signature-wrong")), (Some(json!([])), Value::Null)] {
        let (rig, log) = logging(|setup| {
            if let Some(attributes) = attributes {
                setup.plugin["attributes"] = attributes;
            }
        })
        .await;
        let (name, value) = number("forged");
        rig.call(&rig.token().with_scope("orders:admin")).header(name, value).send().await.unwrap();
        let line = log.line("forged").await;
        assert_eq!((&line["reason"], &line["decision"]), (&reason, &Value::Null));
    }
}

#[tokio::test]
async fn statistics_count_by_outcome_and_reason() {
    let rig = Scenery::with(Answer::Held).await.start_with(|setup| setup.options.workers = 2).await;
    let token = rig.token();
    let paused: Vec<_> = (0..3).map(|_| tokio::spawn(rig.call(&token).send())).collect();
    rig.inside(3).await;
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    for paused in paused {
        assert_eq!(paused.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(rig.send(&token.with_scope("orders:admin")).await.status, 401);
    for _ in 0..2 {
        assert_eq!(get(rig.at("/orders")).send().await.unwrap().status, 401);
    }
    rig.assert_alive().await;
    for (name, value) in [
        ("allowed", 4),
        ("denied", 3),
        ("denied.signature-wrong", 1),
        ("denied.token-missing", 2),
        ("paused", 3),
        ("fetches", 1),
    ] {
        rig.stat_becomes(&format!("{PREFIX}{name}"), value).await;
    }
    let failures = rig.envoy.stat(&format!("{PREFIX}fetch_failures")).await;
    assert!(matches!(failures, None | Some(0)), "{failures:?}");
}

#[tokio::test]
async fn failed_fetches_and_hits_of_the_cache_are_counted() {
    let rig = Scenery::with(Answer::Closed).await.start().await;
    let token = rig.token();
    assert_eq!(rig.send(&token).await.status, 503);
    rig.stat_becomes(&format!("{PREFIX}denied.keys-unavailable"), 1).await;
    let failures = async || rig.envoy.stat(&format!("{PREFIX}fetch_failures")).await;
    until(async || failures().await.is_some_and(|failures| failures > 0), || rig.envoy.log()).await;
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    rig.passes_soon(&token).await;
    let hits = rig.envoy.stat(&format!("{PREFIX}cache_hits")).await.unwrap_or(0);
    for _ in 0..5 {
        assert_eq!(rig.send(&token).await.status, 200);
    }
    rig.stat_becomes(&format!("{PREFIX}cache_hits"), hits + 5).await;
}

#[tokio::test]
async fn a_route_has_the_policy_that_it_names() {
    let scenery = Scenery::set().await;
    let named = |prefix: &str, name: &str| {
        json!({
            "match": { "prefix": prefix },
            "route": { "cluster": "service" },
            "metadata": { "filter_metadata": { "tessera": { "policy": name } } },
        })
    };
    let off = json!({
        "match": { "prefix": "/off" },
        "route": { "cluster": "service" },
        "typed_per_filter_config": { "tessera": {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "disabled": true,
        } },
    });
    let rig = scenery.start_with(|setup| {
        let mut admin = rig::policy();
        admin["routes"] = json!([{ "path": { "prefix": "/" }, "scopes": ["orders:admin"] }]);
        admin["challenge"]["realm"] = json!("admin");
        setup.plugin["policies"] = json!({ "admin": admin });
        setup.routes =
            vec![named("/admin", "admin"), named("/typo", "amdin"), off, bootstrap::route_to("service")];
    });
    let rig = rig.await;
    let token = rig.token();
    rig.passes_soon(&token).await;
    let admin = rig.scenery.key.sign(&claims().with("scope", "orders:admin")).unwrap();
    let ask = async |path: &str, token: &str| get(rig.at(path)).bearer(token).send().await.unwrap();

    let response = ask("/admin/orders", token.as_str()).await;
    assert_eq!(response.status, 403);
    let expected = r#"Bearer realm="admin", error="insufficient_scope", scope="orders:admin""#;
    assert_eq!(response.challenge(), Some(expected));
    until(async || ask("/admin/orders", admin.as_str()).await.status == 200, || rig.envoy.log()).await;
    assert_eq!(ask("/orders", admin.as_str()).await.status, 403);
    assert_eq!(get(rig.at("/admin/orders")).send().await.unwrap().status, 401);
    assert_eq!(get(rig.at("/off")).send().await.unwrap().status, 200);

    // A name that is not there closes, for everybody.
    let response = ask("/typo/orders", admin.as_str()).await;
    assert_eq!((response.status.as_u16(), response.challenge()), (503, None));
    assert_eq!(get(rig.at("/typo/healthz")).send().await.unwrap().status, 503);
    rig.stat_becomes(&format!("{PREFIX}denied.policy-unknown"), 2).await;
    // The default policy's routes would let these pass: no caller chooses the policy.
    let field = HeaderName::from_static("tessera");
    let response = get(rig.at("/admin/healthz")).header(field, HeaderValue::from_static("policy")).send();
    assert_eq!(response.await.unwrap().status, 401);
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_the_reason_in_the_access_log() {
    let typo = json!({
        "match": { "prefix": "/typo" },
        "route": { "cluster": "service" },
        "metadata": { "filter_metadata": { "tessera": { "policy": "amdin" } } },
    });
    let (rig, log) = logging(|setup| {
        setup.plugin["policies"] = json!({ "admin": rig::policy() });
        setup.routes.insert(0, typo);
    })
    .await;
    let (name, value) = number("typo");
    let response = get(rig.at("/typo")).header(name, value).send().await.unwrap();
    assert_eq!(response.status, 503);
    let line = log.line("typo").await;
    assert_eq!(line["details"], "tessera{policy-unknown}");
    assert_eq!(line["reason"], "policy-unknown");
}

/// With Envoy's cryptography and with our own the verdicts are the same.
#[tokio::test]
async fn both_settings_of_the_cryptography_judge_alike() {
    let keys: Vec<SigningKey> = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
        .iter()
        .map(|algorithm| SigningKey::new(*algorithm, &format!("{algorithm:?}")).unwrap())
        .collect();
    for crypto in ["wasm", "auto"] {
        let scenery = Scenery::with(Answer::json(&key_set(&keys))).await;
        let rig = scenery
            .start_with(|setup| {
                setup.plugin["crypto"] = json!(crypto);
                // Every decision is made anew.
                setup.plugin["policy"]["token_cache"] = json!({ "entries": 0 });
            })
            .await;
        for key in &keys {
            let token = key.sign(&claims()).unwrap();
            rig.passes_soon(&token).await;
            let ask = async |token: &str| get(rig.at("/orders")).bearer(token).send().await.unwrap().status;
            assert_eq!(ask(token.with_scope("orders:admin").as_str()).await, 401, "{crypto} {key:?}");
            for compact in spoilt(token.as_str()) {
                assert_eq!(ask(&compact).await, 401, "{crypto} {key:?}");
            }
            let expired = key.sign(&claims().issued_ago(600, 60)).unwrap();
            assert_eq!(ask(expired.as_str()).await, 401, "{crypto} {key:?}");
            let other = key.sign(&claims().with("aud", "mail")).unwrap();
            assert_eq!(ask(other.as_str()).await, 401, "{crypto} {key:?}");
            // Another key's signature, under this one's name.
            let stranger = keys.iter().find(|other| other.id() != key.id()).unwrap();
            let swapped = stranger.sign(&claims()).unwrap();
            let swapped = format!(
                "{}.{}",
                token.as_str().rsplit_once('.').unwrap().0,
                swapped.as_str().rsplit_once('.').unwrap().1
            );
            assert_eq!(ask(&swapped).await, 401, "{crypto} {key:?}");
        }
    }
}

/// The token with a signature that is another one in one character, or a part of it, or none.
fn spoilt(token: &str) -> Vec<String> {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = |at: usize| {
        let mut characters: Vec<char> = signature.chars().collect();
        characters[at] = if characters[at] == 'A' { 'B' } else { 'A' };
        characters.into_iter().collect::<String>()
    };
    let zeros = "A".repeat(signature.len());
    let cut: String = signature.chars().skip(4).collect();
    [other(0), other(signature.len() / 2), zeros, cut, String::new()]
        .map(|signature| format!("{signed}.{signature}"))
        .into()
}
