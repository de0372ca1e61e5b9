//! What Envoy makes of a route that is matched by what the filter changes: the reason why `tessera policy check`
//! refuses one where routes choose policies. And what becomes of a request that Envoy redirects by itself.

use std::fs;

use http::{HeaderName, HeaderValue, StatusCode, header::LOCATION};
use serde_json::{Value, json};
use tessera_tests::{envoy::bootstrap, http::get, key_server::Answer};
use tokio::process::Command;

use super::{
    filter,
    rig::{Scenery, Setup, policy, reached},
};
use crate::stage;

const TENANT: HeaderName = HeaderName::from_static("x-tenant");

/// A route for everything, which tells the service its name.
fn route(name: &str) -> Value {
    json!({
        "match": { "prefix": "/" },
        "route": { "cluster": "service" },
        "request_headers_to_add": [{ "header": { "key": "x-route", "value": name } }],
    })
}

/// Callers of the tenant `demo` may do everything, by the first route; all others need a token, by the second one. And
/// the policy of the first one makes `x-tenant` the verifier's own.
fn tenants(setup: &mut Setup) {
    let mut open = policy();
    open["routes"] = json!([{ "public": true }]);
    open["upstream"] = json!({ "claims": [{ "claim": "tenant", "header": "x-tenant" }] });
    setup.plugin["policies"] = json!({ "open": open });
    let mut demo = route("demo");
    demo["match"]["headers"] = json!([{ "name": "x-tenant", "string_match": { "exact": "demo" } }]);
    demo["metadata"] = json!({ "filter_metadata": { "tessera": { "policy": "open" } } });
    setup.routes = vec![demo, route("guarded")];
}

#[tokio::test]
async fn a_changed_request_reaches_a_route_whose_policy_was_not_asked() {
    let rig = Scenery::set().await.start_with(tenants).await;
    let anonymous = || get(rig.at("/orders"));
    assert_eq!(anonymous().send().await.unwrap().status, 401, "{}", rig.envoy.log());

    let as_demo = anonymous().header(TENANT, HeaderValue::from_static("demo")).send().await.unwrap();
    assert_eq!(as_demo.status, 200, "{}", rig.envoy.log());
    assert_eq!(reached(&as_demo, "x-tenant"), [""; 0]);
    assert_eq!(reached(&as_demo, "x-route"), ["guarded"], "which refuses who has no token");
}

#[tokio::test]
async fn the_check_refuses_such_routes() {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    tenants(&mut setup);
    let listener = bootstrap::listener("main", &[filter(&setup.plugin)], &setup.routes);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.json");
    fs::write(&file, bootstrap::bootstrap(&[listener], &setup.clusters).to_string()).unwrap();
    let mut check = Command::new(stage().artefacts.tessera());
    let checked = check.args(["policy", "check", "--json"]).arg(&file).output().await.unwrap();
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    let problems: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let places: Vec<&str> =
        problems.as_array().unwrap().iter().map(|it| it["place"].as_str().unwrap()).collect();
    let expected = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/\
                    routes/0/match/headers/0/name";
    assert_eq!(places, [expected]);
}

#[tokio::test]
async fn a_redirect_within_envoy_is_decided_about_again_without_the_token() {
    for (forward_token, status) in [(false, 401), (true, 200)] {
        let scenery = Scenery::set().await;
        let elsewhere = HeaderValue::from_static("http://orders.example/orders/moved");
        let redirect = Answer::bytes("").with_status(StatusCode::FOUND).with_header(LOCATION, elsewhere);
        scenery.source.answer("/orders", redirect);
        scenery.source.answer("/orders/moved", Answer::bytes("here"));
        let rig = scenery.start_with(|setup| {
            setup.plugin["policy"]["upstream"] = json!({ "forward_token": forward_token });
            setup.routes = vec![bootstrap::route_to("issuer")];
            setup.routes[0]["route"]["internal_redirect_policy"] = json!({ "max_internal_redirects": 1 });
        });
        let rig = rig.await;
        let answer = rig.send(&rig.token()).await;
        assert_eq!(answer.status, status, "{forward_token}: {}", rig.envoy.log());
        assert_eq!(rig.scenery.source.requests("/orders"), 1);
        assert_eq!(rig.scenery.source.requests("/orders/moved"), u64::from(forward_token));
    }
}
