//! Status lists (draft-ietf-oauth-status-list).

use ::http::StatusCode;
use ::http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use serde_json::{Value, json};

use super::stage::{GRANT, ISSUER, OWN, Server, body, now, post};
use base64::Engine as _;

use crate::domain::{
    Algorithm, Change, ClientUpdate, KeyChange, KeyState, REVOCATION_RETENTION, Revocation, RevocationRecord,
    WINDOW,
};
use crate::testing::id;

/// A server whose audience `orders` asks for a status.
pub(super) async fn start() -> Server {
    let server = Server::start().await;
    server.set("orders", ClientUpdate { status: Some(true), ..ClientUpdate::default() }).await;
    server.follow();
    server
}

/// The claims of a fresh token for `orders`.
pub(super) async fn token(server: &Server) -> (String, Value) {
    let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}")), "token").await;
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    (token, claims)
}

/// Path and index of the token's status.
pub(super) fn place(claims: &Value) -> (String, usize) {
    let reference = &claims["status"]["status_list"];
    let path = reference["uri"].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
    (path, usize::try_from(reference["idx"].as_u64().unwrap()).unwrap())
}

/// A list, verified by another library with the published keys: its claims, and its statuses.
pub(super) async fn list(server: &Server, path: &str) -> (Value, Vec<u8>) {
    let answer = server.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let token = std::str::from_utf8(answer.body()).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("statuslist+jwt"));
    let keys: JwkSet = serde_json::from_value(body(&server.get("/.well-known/jwks.json").await)).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.validate_aud = false;
    validation.set_issuer(&[ISSUER]);
    let claims = decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    let lst = URL_SAFE_NO_PAD.decode(claims["status_list"]["lst"].as_str().unwrap()).unwrap();
    let statuses = decompress_to_vec_zlib(&lst).unwrap();
    (claims, statuses)
}

fn is_set(statuses: &[u8], index: usize) -> bool {
    statuses[index / 8] >> (index % 8) & 1 == 1
}

async fn revoke(server: &Server, what: Revocation) {
    let at = now();
    let record = RevocationRecord { what, at, expires_at: at.plus(REVOCATION_RETENTION) };
    server.apply(&Change::Revoke(record)).await;
}

/// Draft §6.1, and what its audience does not ask for costs a token nothing.
#[tokio::test]
async fn a_token_says_where_its_status_is_if_its_audience_asks() {
    let server = start().await;
    let (_, claims) = token(&server).await;
    let (path, index) = place(&claims);
    assert!(path.starts_with("/v1/status/") && path.len() == 19, "{path}");
    assert!(index < 1 << 16, "{index}");
    assert_eq!(claims["jti"].as_str().unwrap().len(), 28);
    assert_eq!(claims["status"].as_object().unwrap().len(), 1);

    let (_, other) = token(&server).await;
    assert_ne!(claims["jti"], other["jti"]);
    assert_ne!(claims["status"], other["status"]);

    server.set("orders", ClientUpdate { status: Some(false), ..ClientUpdate::default() }).await;
    let (_, without) = token(&server).await;
    assert_eq!(without.get("status"), None);
    assert_eq!(without["jti"].as_str().unwrap().len(), 22);
}

/// Draft §5.1 and §8: the claims, the media type, how long it may be kept.
#[tokio::test]
async fn a_list_is_a_signed_token_about_its_url() {
    let server = start().await;
    let (_, claims) = token(&server).await;
    let (path, index) = place(&claims);
    let (list, statuses) = list(&server, &path).await;
    let iat = list["iat"].as_u64().unwrap();
    let expected = json!({
        "iss": ISSUER, "sub": format!("{ISSUER}{path}"), "iat": iat, "exp": iat + 60, "ttl": 10,
        "status_list": { "bits": 1, "lst": list["status_list"]["lst"] },
    });
    assert_eq!(list, expected);
    assert!(now().as_seconds() - iat < 60, "{iat}");
    assert_eq!(statuses.len(), (1 << 16) / 8);
    assert!(statuses.iter().all(|byte| *byte == 0) && !is_set(&statuses, index));

    let answer = server.get(&path).await;
    assert_eq!(answer.headers()["content-type"], "application/statuslist+jwt");
    assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=10");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let etag = answer.headers()[ETAG].clone();
    let again = server.send(warp::test::request().path(&path).header("if-none-match", &etag)).await;
    assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.headers()[CACHE_CONTROL], "public, max-age=10");
    let head = server.send(warp::test::request().method("HEAD").path(&path)).await;
    assert_eq!(head.headers()[CONTENT_LENGTH], answer.body().len().to_string());
    assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn what_is_revoked_is_invalid_in_the_next_list_and_nothing_else_is() {
    let server = start().await;
    let mut tokens = Vec::new();
    for _ in 0..6 {
        tokens.push(token(&server).await.1);
    }
    let (path, _) = place(&tokens[0]);
    let (_, before) = list(&server, &path).await;
    assert_eq!(before.iter().map(|byte| byte.count_ones()).sum::<u32>(), 0);

    let name = tokens[1]["jti"].as_str().unwrap().parse().unwrap();
    revoke(&server, Revocation::Token(name)).await;
    let (_, statuses) = list(&server, &path).await;
    assert_eq!(statuses.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert!(is_set(&statuses, place(&tokens[1]).1));

    revoke(&server, Revocation::Client(id("shop"))).await;
    let (_, statuses) = list(&server, &path).await;
    // Blocks of four and eight: positions that no token has are revoked, too, and will be no token's.
    assert_eq!(statuses.iter().map(|byte| byte.count_ones()).sum::<u32>(), 12);
    assert!(tokens.iter().all(|claims| is_set(&statuses, place(claims).1)));

    // What is issued now has a place elsewhere, although the process held one in a block that is revoked.
    let (_, later) = token(&server).await;
    let (path, index) = place(&later);
    assert!(!is_set(&list(&server, &path).await.1, index));
}

#[tokio::test]
async fn there_are_no_other_lists() {
    let server = start().await;
    let (_, claims) = token(&server).await;
    let (path, _) = place(&claims);
    for other in
        ["/v1/status/AAAAAAAA", "/v1/status/", "/v1/status/AAAA", &format!("{path}/x"), "/v1/status/%00"]
    {
        let answer = server.get(other).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{other}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{other}");
    }
    let post = server.send(warp::test::request().method("POST").path(&path)).await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    // Draft §8.4: no lists of the past.
    assert_eq!(server.get(&format!("{path}?time=1")).await.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(server.get(&format!("{path}?other=1")).await.status(), StatusCode::OK);
}

/// Whoever verifies tokens of an audience with one algorithm must be able to verify its lists.
#[tokio::test]
async fn a_list_is_signed_as_its_tokens_are() {
    let server = start().await;
    let vault = server.vault();
    let keys = [KeyState::Active, KeyState::Next]
        .map(|state| vault.generate(Algorithm::Rs256, state, now()).unwrap());
    server.apply(&Change::Keys(KeyChange::Add(keys.into()))).await;
    server
        .set("orders", ClientUpdate { algorithm: Some(Some(Algorithm::Rs256)), ..ClientUpdate::default() })
        .await;
    let (_, claims) = token(&server).await;
    let answer = server.get(&place(&claims).0).await;
    let header = decode_header(std::str::from_utf8(answer.body()).unwrap()).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
}

/// Tokens that expire in one window share a list, those of others do not: the list dies with its tokens.
#[tokio::test]
async fn lists_are_for_tokens_that_expire_together() {
    let server = start().await;
    let (_, long) = token(&server).await;
    let short = crate::domain::Lifetime::from_seconds(WINDOW - 1).unwrap();
    server.set("orders", ClientUpdate { lifetime: Some(Some(short)), ..ClientUpdate::default() }).await;
    let (_, short) = token(&server).await;
    assert!(short["exp"].as_u64().unwrap() + WINDOW <= long["exp"].as_u64().unwrap());
    assert_ne!(place(&long).0, place(&short).0);
}

/// Without the store no position is certain to be the token's alone.
#[tokio::test]
async fn a_token_that_needs_a_status_is_not_issued_without_the_store() {
    let server = start().await;
    server.store.close().await;
    let request = post(&format!("{GRANT}&{OWN}"));
    server.assert_refused(request, 503, "temporarily_unavailable", "closed").await;
    let other = format!("grant_type=client_credentials&audience=mail&{OWN}");
    server.assert_granted(post(&other), "an audience without a status").await;
}

#[test]
fn paths_of_lists_are_below_the_issuer_or_the_root() {
    let list = |path: &'static str| super::super::status::list_of(path, "/tenant");
    assert_eq!(list("/v1/status/AAAAAAAA"), Some("AAAAAAAA"));
    assert_eq!(list("/tenant/v1/status/AAAAAAAA/"), Some("AAAAAAAA"));
    for other in ["/v1/status", "/v1/statuses/AAAAAAAA", "/tenants/v1/status/AAAAAAAA", "/other/v1/status/A"]
    {
        assert_eq!(list(other), None, "{other}");
    }
}
