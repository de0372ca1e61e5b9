//! What a token says, and what comes with it (RFC 6749 §5.1, RFC 9068 §2).

use std::collections::BTreeSet;

use ::http::StatusCode;
use ::http::header::CACHE_CONTROL;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::stage::{GRANT, ISSUER, OWN, Server, body, now, post};
use crate::domain::{
    Algorithm, Change, ClientGrant, ClientUpdate, CustomClaim, CustomClaims, KeyChange, KeyState, Lifetime,
};
use crate::keys::Vault;
use crate::testing::{id, scopes};

/// A token, verified by another library with the published keys.
async fn verified(server: &Server, answer: &Value) -> (Header, Value) {
    let token = answer["access_token"].as_str().unwrap();
    let keys: JwkSet = serde_json::from_value(body(&server.get("/.well-known/jwks.json").await)).unwrap();
    let header = decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["orders"]);
    validation.set_issuer(&[ISSUER]);
    let claims = decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    (header, claims)
}

/// RFC 9068 §2.1: `typ` is `at+jwt`. §2.2: `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are required; `sub`
/// is the client where no resource owner is involved. §2.2.3: `scope`.
#[tokio::test]
async fn a_token_is_what_it_says() {
    let server = Server::start().await;
    let answer = server.send(post(&format!("{GRANT}&scope=read&{OWN}"))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    // RFC 6749 §5.1: no-store, and no-cache for those that only know HTTP/1.0.
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers()["pragma"], "no-cache");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let answer = body(&answer);
    let token = answer["access_token"].clone();
    let rest = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": "read" });
    assert_eq!(answer, rest);

    let (header, claims) = verified(&server, &answer).await;
    assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), jsonwebtoken::Algorithm::ES256));
    let (iat, jti) = (claims["iat"].as_u64().unwrap(), claims["jti"].as_str().unwrap());
    assert!(now().as_seconds() - iat < 60, "{iat}");
    assert_eq!(jti.len(), 22, "128 bits: {jti}");
    let expected = json!({
        "iss": ISSUER, "sub": "shop", "client_id": "shop", "aud": "orders", "scope": "read",
        "iat": iat, "exp": iat + 600, "jti": jti,
    });
    assert_eq!(claims, expected);
}

/// RFC 9068 §2.2: `jti` is unique.
#[tokio::test]
async fn no_two_tokens_have_one_name() {
    let server = Server::start().await;
    let mut names = BTreeSet::new();
    for _ in 0..8 {
        let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}")), "again").await;
        let (_, claims) = verified(&server, &answer).await;
        assert!(names.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
}

/// RFC 6749 §5.1: `scope` is required where it is not what was asked for. It is always there, but for a token without.
#[tokio::test]
async fn the_scope_is_told() {
    let server = Server::start().await;
    for (ask, told) in [
        ("&scope=read", json!("read")),
        // RFC 6749 §3.3: the order does not matter.
        ("&scope=write+read", json!("read write")),
        ("", json!("read write")),
        ("&scope=", json!("read write")),
    ] {
        let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}{ask}")), ask).await;
        assert_eq!(answer["scope"], told, "{ask}");
    }
    server
        .set(
            "orders",
            ClientUpdate { default_scopes: Some(scopes("read delete")), ..ClientUpdate::default() },
        )
        .await;
    let answer =
        server.assert_granted(post(&format!("{GRANT}&{OWN}")), "the default, as far as granted").await;
    assert_eq!(answer["scope"], "read");
    let bare = format!("grant_type=client_credentials&audience=mail&{OWN}");
    let answer = server.assert_granted(post(&bare), "a grant without scopes").await;
    assert!(answer.get("scope").is_none(), "{answer}");
}

/// RFC 9068 §2.2.3.1: roles, groups and entitlements, as the grant has them.
#[tokio::test]
async fn a_grant_adds_its_claims() {
    let server = Server::start().await;
    let mut claims = CustomClaims::default();
    claims.add(CustomClaim::Roles, "buyer".to_owned()).unwrap();
    claims.add(CustomClaim::Tenant, "acme".to_owned()).unwrap();
    let grant = ClientGrant { claims, ..ClientGrant::new(id("shop"), id("orders"), scopes("read")) };
    server.apply(&Change::AddGrant(grant)).await;
    let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}")), "with claims").await;
    let (_, claims) = verified(&server, &answer).await;
    assert_eq!((&claims["roles"], &claims["tenant"]), (&json!(["buyer"]), &json!("acme")));
    assert_eq!(claims["sub"], "shop");
}

#[tokio::test]
async fn the_audience_chooses_algorithm_and_lifetime() {
    let server = Server::start().await;
    server.apply(&Change::Keys(KeyChange::Add(keys(Algorithm::Rs256, server.vault())))).await;
    let settings = ClientUpdate {
        algorithm: Some(Some(Algorithm::Rs256)),
        lifetime: Some(Lifetime::from_seconds(90).ok()),
        ..ClientUpdate::default()
    };
    server.set("orders", settings).await;
    let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}")), "RS256").await;
    assert_eq!(answer["expires_in"], 90);
    let (header, claims) = verified(&server, &answer).await;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 90);
}

fn keys(algorithm: Algorithm, vault: &Vault) -> Vec<crate::domain::StoredKey> {
    [KeyState::Active, KeyState::Next].map(|state| vault.generate(algorithm, state, now()).unwrap()).into()
}
