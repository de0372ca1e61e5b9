//! What verifiers and clients read once and keep.

use std::collections::BTreeSet;
use std::time::Duration;

use ::http::StatusCode;
use ::http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG};
use serde_json::{Value, json};

use super::stage::{GRANT, ISSUER, OWN, Server, body, post};
use crate::domain::{Algorithm, Change, KeyChange, KeyState, RotationReason};
use crate::service::MutualTls;
use crate::testing::{id, offering};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks.json";

/// What the metadata of a server without TLS are, RFC 8414 §2.
fn expected(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/v1/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "revocation_endpoint": format!("{issuer}/v1/revoke"),
        "grant_types_supported": [
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "spiffe_jwt"],
        "token_endpoint_auth_signing_alg_values_supported":
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
        "revocation_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "spiffe_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported":
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
        "introspection_endpoint": format!("{issuer}/v1/introspect"),
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "spiffe_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported":
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
        "introspection_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["delete", "read", "send", "write"],
        "response_types_supported": [],
    })
}

/// RFC 8414 §3: between host and path of the issuer; OpenID Connect Discovery 1.0 §4: behind both.
#[tokio::test]
async fn metadata_is_found_wherever_clients_look() {
    let issuer = "https://id.example/tenant";
    let server = Server::with(issuer, None).await;
    for place in [OAUTH.to_owned(), format!("{OAUTH}/tenant"), format!("/tenant{OAUTH}")] {
        let answer = server.get(&place).await;
        assert_eq!(answer.status(), StatusCode::OK, "{place}");
        // RFC 8414 §3.2.
        assert_eq!(answer.headers()["content-type"], "application/json", "{place}");
        assert_eq!(body(&answer), expected(issuer), "{place}");
    }
    let mut openid = expected(issuer);
    openid["subject_types_supported"] = json!(["public"]);
    openid["id_token_signing_alg_values_supported"] = json!([]);
    for place in [OPENID.to_owned(), format!("{OPENID}/tenant"), format!("/tenant{OPENID}")] {
        assert_eq!(body(&server.get(&place).await), openid, "{place}");
    }
    let token = post(&format!("{GRANT}&{OWN}")).path("/tenant/v1/token");
    assert_eq!(server.send(token).await.status(), StatusCode::OK);
    assert_eq!(server.get("/tenant/.well-known/jwks.json").await.status(), StatusCode::OK);
}

/// RFC 8705 §2.1.1, §2.2.1 and §5: only what the listener can do.
#[tokio::test]
async fn methods_by_certificate_are_told_where_they_are_on() {
    for (client_ca, url, methods, alias) in [
        (true, None, &["tls_client_auth", "self_signed_tls_client_auth"][..], None),
        (false, None, &["self_signed_tls_client_auth"], None),
        (
            true,
            Some("https://mtls.id.example:8443"),
            &["tls_client_auth", "self_signed_tls_client_auth"],
            Some(json!({
                "token_endpoint": "https://mtls.id.example:8443/v1/token",
                "revocation_endpoint": "https://mtls.id.example:8443/v1/revoke",
                "introspection_endpoint": "https://mtls.id.example:8443/v1/introspect",
            })),
        ),
    ] {
        let url = url.map(str::to_owned);
        let server = Server::with(ISSUER, Some(MutualTls { client_ca, url })).await;
        let metadata = body(&server.get(OAUTH).await);
        let told: Vec<&str> = metadata["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .filter(|method| method.contains("tls"))
            .collect();
        assert_eq!(told, methods);
        assert_eq!(metadata.get("mtls_endpoint_aliases"), alias.as_ref());
    }
}

/// A list that outgrows its use is left out, rather than outgrow what verifiers take of the document.
#[tokio::test]
async fn many_scopes_are_not_listed() {
    let server = Server::start().await;
    let wide = |name: &str| {
        let offered: Vec<_> = (0..64).map(|n| format!("{name}:{n}")).collect();
        Change::AddClient { id: id(name), settings: offering(&offered.join(" ")), credential: None }
    };
    for name in ["a", "b", "c"] {
        server.apply(&wide(name)).await;
    }
    let listed = body(&server.get(OAUTH).await)["scopes_supported"].as_array().unwrap().len();
    assert_eq!(listed, 3 * 64 + 4);
    server.apply(&wide("d")).await;
    assert!(body(&server.get(OAUTH).await).get("scopes_supported").is_none());
}

/// RFC 7517 §5: public keys, and RFC 9110 §8.8.3 and §13.1.2: by their tag.
#[tokio::test]
async fn the_documents_are_cached_by_their_tags() {
    let server = Server::start().await;
    let mut tags = BTreeSet::new();
    for (path, media_type) in
        [(KEYS, "application/jwk-set+json"), (OAUTH, "application/json"), (OPENID, "application/json")]
    {
        let answer = server.get(path).await;
        assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=300", "{path}");
        assert_eq!(answer.headers()["content-type"], media_type, "{path}");
        let tag = answer.headers()[ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
        for (known, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (tag.trim_matches('"').to_owned(), 200),
        ] {
            let again = server.send(warp::test::request().path(path).header("if-none-match", &known)).await;
            assert_eq!(again.status().as_u16(), status, "{path} {known}");
            assert_eq!(again.headers()[ETAG], tag, "{path} {known}");
            assert_eq!(again.headers()[CACHE_CONTROL], "public, max-age=300", "{path} {known}");
            assert_eq!(again.body().is_empty(), status == 304, "{path} {known}");
        }
        // RFC 9110 §9.3.2: the header fields of GET, without the content.
        let head = server.send(warp::test::request().method("HEAD").path(path)).await;
        assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0), "{path}");
        assert_eq!(head.headers()[CONTENT_LENGTH], answer.body().len().to_string(), "{path}");
        assert_eq!(
            (&head.headers()[ETAG], &head.headers()["content-type"]),
            (&tag.parse().unwrap(), &media_type.parse().unwrap())
        );
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 3);
}

#[tokio::test]
async fn the_documents_follow_the_state() {
    let server = Server::start().await;
    let keys = body(&server.get(KEYS).await)["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2, "active and next");
    assert!(keys.iter().all(|key| key.get("d").is_none()));
    let before = server.get(OAUTH).await.headers()[ETAG].clone();

    let vault = server.vault();
    let find = |state| {
        server.service.latest().keyring.keys().iter().find(|key| key.state == state).unwrap().kid.clone()
    };
    let rotation = KeyChange::Rotate {
        active: Some(find(KeyState::Active)),
        next: find(KeyState::Next),
        fresh: vault.generate(Algorithm::Es256, KeyState::Next, super::stage::now()).unwrap(),
        reason: RotationReason::Schedule,
    };
    server.apply(&Change::Keys(rotation)).await;
    assert_eq!(body(&server.get(KEYS).await)["keys"].as_array().unwrap().len(), 3, "and retired");
    assert_eq!(server.get(OAUTH).await.headers()[ETAG], before, "what did not change has its tag");

    server.apply(&Change::AddClient { id: id("new"), settings: offering("fresh"), credential: None }).await;
    let scopes = body(&server.get(OAUTH).await)["scopes_supported"].clone();
    assert_eq!(scopes, json!(["delete", "fresh", "read", "send", "write"]));
}

/// A server that has lost its store tells ever shorter times, and none when it may not know a key that signs.
#[tokio::test]
async fn old_keys_are_not_to_be_kept_for_long() {
    let server = Server::start().await;
    for (older, age, expected) in [(9, 9, 300), (91, 100, 210), (149, 249, 61)] {
        server.suspend(Duration::from_secs(older));
        let answer = server.get(KEYS).await;
        assert_eq!(answer.status(), StatusCode::OK, "{age}");
        let told = answer.headers()[CACHE_CONTROL].to_str().unwrap();
        let told: u64 = told.strip_prefix("public, max-age=").unwrap().parse().unwrap();
        // The test takes time, too.
        assert!((expected - 10..=expected).contains(&told), "{age}: {told}");
    }
    server.suspend(Duration::from_secs(2));
    let answer = server.get(KEYS).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(body(&answer), json!({ "error": "temporarily_unavailable" }));
    assert_eq!(server.get(OAUTH).await.status(), StatusCode::OK);
    // Nor are tokens issued after a time in which the machine stood still.
    assert!(server.service.snapshot().is_err());
}
