//! What goes upstream with an allowed request: the same whatever the proxy.

use std::fs;

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tessera_tests::{
    http::get,
    process::Server,
    scene::{BILLING, ORDERS, READ, Scene, WRITE},
};
use url::Url;

use crate::stage;

/// Where the service of [`policy`] describes itself (RFC 9728 §3.1).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The scene's policy, with keys that are discovered, tokens in the query, a claim in a field, and the service's
/// own metadata.
pub(crate) fn policy(scene: &Scene) -> Value {
    let mut policy: Value = serde_json::from_str(&fs::read_to_string(scene.policy()).unwrap()).unwrap();
    let issuer = policy["issuers"][0].as_object_mut().unwrap();
    issuer.remove("jwks_uri");
    let metadata = format!("{}/.well-known/oauth-authorization-server", scene.issuer.identifier());
    issuer.insert("discovery".to_owned(), metadata.into());
    policy["tokens"] =
        json!([{ "header": "authorization", "scheme": "Bearer" }, { "query": "access_token" }]);
    policy["upstream"] = json!({ "claims": [{ "claim": "sub", "header": "X-Caller" }] });
    policy["resource"] = json!({ "identifier": "https://orders.example/" });
    policy
}

/// What the service of [`policy`] says of itself.
pub(crate) fn metadata(scene: &Scene) -> Value {
    json!({
        "resource": "https://orders.example/",
        "authorization_servers": [scene.issuer.identifier()],
        "scopes_supported": [READ, WRITE],
        "bearer_methods_supported": ["header", "query"],
    })
}

/// Asserts that requests reach the scene's service as [`policy`] says.
pub(crate) async fn assert_changes(scene: &Scene, at: impl Fn(&str) -> Url) {
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let forged = HeaderValue::from_static("forged");
    let mut in_query = at("/orders/echo");
    in_query.set_query(Some(&format!("access_token={}&page=2", token.as_str())));
    for (call, target) in [
        (get(in_query), "/orders/echo?page=2"),
        (get(at("/orders/echo")).bearer(token.as_str()), "/orders/echo"),
    ] {
        let call = call.header(HeaderName::from_static("x-caller"), forged.clone());
        let call = call.header(HeaderName::from_static("x_caller"), forged.clone());
        let response = call.send().await.unwrap();
        assert_eq!(response.status, 200, "{}", response.body);
        let echo = response.json();
        assert_eq!(echo["target"], target);
        let callers: Vec<&Value> = echo["fields"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|field| field[0].as_str().unwrap().replace('_', "-") == "x-caller")
            .collect();
        assert_eq!(callers, [&json!(["x-caller", BILLING])], "{echo}");
        assert!(!echo.to_string().contains("eyJ"), "the token goes no further: {echo}");
    }
    let response = get(at(METADATA_PATH)).send().await.unwrap();
    assert_eq!((response.status.as_u16(), response.json()), (200, metadata(scene)));
    let response = get(at("/orders/echo")).send().await.unwrap();
    let expected = r#"Bearer realm="orders", resource_metadata="https://orders.example/.well-known/oauth-protected-resource""#;
    assert_eq!((response.status.as_u16(), response.challenge()), (401, Some(expected)));
}

#[tokio::test]
async fn v36_the_proxy_changes_requests_as_the_policy_says() {
    let scene = Scene::set(&stage()).await.unwrap();
    let artefacts = stage().artefacts;
    let path = scene.folder().join("upstream-policy.json");
    fs::write(&path, policy(&scene).to_string()).unwrap();
    let to = scene.orders.origin();
    let args = ["--listen", "127.0.0.1:0", "--upstream", &to, "--policy"].map(Into::into);
    let files = [path.into_os_string(), "--component".into(), artefacts.component().into()];
    let proxy =
        Server::start("changing-proxy", scene.folder(), artefacts.proxy(), args.into_iter().chain(files));
    let proxy = proxy.await.unwrap();
    assert_changes(&scene, |path| proxy.url().join(path).unwrap()).await;
}
