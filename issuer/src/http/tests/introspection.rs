//! What a token is worth, told to whom it concerns (RFC 7662, RFC 9701).

use ::http::StatusCode;
use ::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use warp::test::RequestBuilder;

use super::stage::{GRANT, ISSUER, OWN, Server, basic, body, now, post};
use crate::domain::{Algorithm, Change, ClientGrant, ClientUpdate, KeyChange, KeyState};
use crate::testing::{id, scopes};

const JWT: &str = "application/token-introspection+jwt";
const PATH: &str = "/v1/introspect";

/// A server whose `orders` and `stock` have secrets of their own, and a token of `shop` for `orders`.
async fn server() -> (Server, String) {
    let server = Server::start().await;
    server.secret("orders", "o").await;
    server.secret("stock", "s").await;
    let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}")), "issued").await;
    let token = answer["access_token"].as_str().unwrap().to_owned();
    (server, token)
}

fn question(client: &str, secret: &str, token: &str) -> RequestBuilder {
    let authorization = basic(&format!("{client}:{secret}"));
    post(&format!("token={token}")).path(PATH).header("authorization", authorization)
}

async fn told(server: &Server, request: RequestBuilder) -> Value {
    let answer = server.send(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    body(&answer)
}

fn inactive() -> Value {
    json!({ "active": false })
}

/// The claims of an answer in JWT, verified by another library, and the header's `alg`.
async fn signed(
    server: &Server,
    request: RequestBuilder,
    audience: &str,
) -> (jsonwebtoken::Algorithm, Value) {
    let answer = server.send(request.header("accept", JWT)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[CONTENT_TYPE], JWT);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let token = std::str::from_utf8(answer.body()).unwrap();
    let keys: JwkSet = serde_json::from_value(body(&server.get("/.well-known/jwks.json").await)).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("token-introspection+jwt"));
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["aud", "iss"]);
    let claims = decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    (header.alg, claims)
}

/// RFC 7662 §2.2: the claims, `active` and `token_type`; §4: to nobody but those whom the token concerns.
#[tokio::test]
async fn a_token_is_explained_to_its_audience_and_its_holder_only() {
    let (server, token) = server().await;
    let answer = told(&server, question("orders", "o", &token)).await;
    let (iat, jti) = (answer["iat"].as_u64().unwrap(), answer["jti"].as_str().unwrap());
    let expected = json!({
        "active": true, "token_type": "Bearer", "scope": "read write", "client_id": "shop", "sub": "shop",
        "aud": "orders", "iss": ISSUER, "iat": iat, "exp": iat + 600, "jti": jti,
    });
    assert_eq!(answer, expected);
    assert_eq!(told(&server, question("shop", "correct+horse", &token)).await, expected, "its holder");
    assert_eq!(told(&server, question("stock", "s", &token)).await, inactive(), "a stranger");
    // RFC 7662 §2.1: a wrong hint changes nothing.
    let hinted = question("orders", "o", &format!("{token}&token_type_hint=refresh_token"));
    assert_eq!(told(&server, hinted).await, expected);
}

/// RFC 7662 §2.2: `active` alone, whatever is wrong.
#[tokio::test]
async fn what_is_no_good_token_is_not_active() {
    let (server, token) = server().await;
    let (signed, _) = token.rsplit_once('.').unwrap();
    for token in ["x", "a.b.c", &format!("{signed}.AAAA"), &server.assertion("pod"), &"x".repeat(9000)] {
        assert_eq!(told(&server, question("orders", "o", token)).await, inactive(), "{token:.20}");
    }
}

#[tokio::test]
async fn a_token_is_worth_what_its_grant_still_holds() {
    let (server, token) = server().await;
    let asked = || question("orders", "o", &token);
    server.apply(&Change::AddGrant(ClientGrant::new(id("shop"), id("orders"), scopes("read")))).await;
    assert_eq!(told(&server, asked()).await["scope"], "read");
    server.apply(&Change::AddGrant(ClientGrant::new(id("shop"), id("orders"), scopes("")))).await;
    let answer = told(&server, asked()).await;
    assert_eq!((&answer["active"], answer.get("scope")), (&json!(true), None));
    server.apply(&Change::RemoveGrant { client: id("shop"), audience: id("orders") }).await;
    assert_eq!(told(&server, asked()).await, inactive());
}

#[tokio::test]
async fn the_token_of_a_disabled_client_is_not_active() {
    let (server, token) = server().await;
    server.disable("shop").await;
    assert_eq!(told(&server, question("orders", "o", &token)).await, inactive());
}

/// RFC 9701 §5: `typ`, `iss`, `aud`, `iat`, and all that is told inside `token_introspection`; neither `sub` nor `exp`
/// beside it.
#[tokio::test]
async fn who_asks_for_a_jwt_gets_one() {
    let (server, token) = server().await;
    let plain = told(&server, question("orders", "o", &token)).await;
    let (_, claims) = signed(&server, question("orders", "o", &token), "orders").await;
    let iat = claims["iat"].as_u64().unwrap();
    assert!(now().as_seconds() - iat < 60, "{iat}");
    let expected = json!({ "iss": ISSUER, "aud": "orders", "iat": iat, "token_introspection": plain });
    assert_eq!(claims, expected);
    // §5: it is for the audience, and no token that passes for one.
    for (client, secret, token) in
        [("stock", "s", &*token), ("shop", "correct horse", &token), ("stock", "s", "x")]
    {
        let (_, claims) = signed(&server, question(client, secret, token), client).await;
        assert_eq!(claims["token_introspection"], inactive(), "{client} {token:.5}");
    }
    let answer = server.send(question("orders", "o", &token).header("accept", JWT)).await;
    let answer = std::str::from_utf8(answer.body()).unwrap();
    assert_eq!(told(&server, question("orders", "o", answer)).await, inactive());
}

/// The audience chooses what is signed for it.
#[tokio::test]
async fn an_answer_is_signed_as_tokens_for_the_caller_are() {
    let (server, token) = server().await;
    let rs256 = server.vault().generate(Algorithm::Rs256, KeyState::Active, now()).unwrap();
    server.apply(&Change::Keys(KeyChange::Add(vec![rs256]))).await;
    let settings = ClientUpdate { algorithm: Some(Some(Algorithm::Rs256)), ..ClientUpdate::default() };
    server.set("orders", settings).await;
    let (algorithm, claims) = signed(&server, question("orders", "o", &token), "orders").await;
    assert_eq!(algorithm, jsonwebtoken::Algorithm::RS256);
    assert_eq!(claims["token_introspection"]["active"], true);
    let metadata = body(&server.get("/.well-known/oauth-authorization-server").await);
    assert_eq!(metadata["introspection_signing_alg_values_supported"], json!(["ES256", "RS256"]));
}

/// RFC 7662 §2.1: who asks has to say who it is; §2.3: as at the token endpoint.
#[tokio::test]
async fn nobody_is_told_anything_without_proof() {
    let (server, token) = server().await;
    let form = |form: &str| post(form).path(PATH);
    let asked = format!("token={token}");
    for (request, status, error) in [
        (form(&asked), 401, "invalid_client"),
        (form(&format!("{asked}&client_id=orders")), 401, "invalid_client"),
        (question("orders", "wrong", &token), 401, "invalid_client"),
        (question("nobody", "o", &token), 401, "invalid_client"),
        (form(&asked).header("authorization", format!("Bearer {token}")), 401, "invalid_client"),
        (form(OWN), 400, "invalid_request"),
        (form(&format!("{OWN}&token=")), 400, "invalid_request"),
        (form(&format!("{OWN}&{asked}&{asked}")), 400, "invalid_request"),
        (form(OWN).path(&format!("{PATH}?{asked}")), 400, "invalid_request"),
        (form(&format!("{OWN}&{asked}")).header("content-type", "application/json"), 400, "invalid_request"),
    ] {
        server.assert_refused(request, status, error, error).await;
    }
    let answer = server.get(PATH).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

/// One that was disabled meanwhile is no audience any more.
#[tokio::test]
async fn a_disabled_audience_is_told_nothing() {
    let (server, token) = server().await;
    server.disable("orders").await;
    server.assert_refused(question("orders", "o", &token), 401, "invalid_client", "disabled").await;
    assert_eq!(told(&server, question("shop", "correct+horse", &token)).await, inactive());
}
