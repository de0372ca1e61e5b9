use std::sync::Arc;
use std::time::SystemTime;

use ::http::StatusCode;
use ::http::header::{CACHE_CONTROL, ETAG, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tessera_net::fetch::{FetchOptions, Fetcher};
use warp::filters::BoxedFilter;
use warp::test::RequestBuilder;

use super::*;
use crate::domain::{Change, Conditions, CredentialKind, KeySource, LifetimeBounds, Trust};
use crate::service::Assertions;
use crate::store::{MAX_AGE, Snapshots, Store as _};
use crate::testing::{Platform, actor, credential, kek, pepper, secret, store, trust};

type Answer = ::http::Response<Bytes>;

struct Server {
    routes: BoxedFilter<(Response,)>,
    platform: Platform,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(issuer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kek = kek();
        let store = store(&folder, &kek).await;
        let platform = Platform::new("p");
        let trust = Trust {
            keys: KeySource::inline(&platform.jwks()).unwrap(),
            ..trust("https://platform.example", Conditions::subject("pod"))
        };
        let credential = credential("shop", CredentialKind::Workload(trust));
        let now = SystemTime::now().into();
        store.apply(&actor(), &Change::AddCredential(credential), now).await.unwrap();
        let snapshots = Arc::new(Snapshots::load(&store, &kek).await.unwrap());
        store.close().await;
        let issuer = issuer.parse().unwrap();
        let assertions = Assertions::new(&issuer, Fetcher::new(FetchOptions::default()).unwrap(), false);
        let service = Arc::new(TokenService::new(
            issuer,
            LifetimeBounds::default(),
            pepper(),
            snapshots,
            assertions,
            || SystemTime::now().into(),
        ));
        Self { routes: routes(&service), platform, _folder: folder }
    }

    async fn get(&self, path: &str) -> Answer {
        warp::test::request().path(path).reply(&self.routes).await
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        request.reply(&self.routes).await
    }

    async fn assert_refused(&self, request: RequestBuilder, status: u16, error: &str, name: &str) {
        let answer = self.send(request).await;
        let body = body(&answer);
        assert_eq!((answer.status().as_u16(), &body["error"]), (status, &json!(error)), "{name}: {body}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{name}");
        assert_eq!(answer.headers().contains_key(WWW_AUTHENTICATE), status == 401, "{name}");
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn post(form: &str) -> RequestBuilder {
    warp::test::request()
        .method("POST")
        .path("/v1/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

const OWN: &str = "client_id=shop&client_secret=correct+horse";
const GRANT: &str = "grant_type=client_credentials&audience=orders";

#[tokio::test]
async fn a_token_is_what_it_says() {
    let server = Server::start("https://id.example").await;
    let answer = server.send(post(&format!("{GRANT}&scope=read&{OWN}"))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers()["pragma"], "no-cache");
    let answer = body(&answer);
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let rest = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": "read" });
    assert_eq!(answer, rest);

    let keys: JwkSet = serde_json::from_value(body(&server.get("/.well-known/jwks.json").await)).unwrap();
    let header = decode_header(&token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["orders"]);
    validation.set_issuer(&["https://id.example"]);
    let claims = decode::<Value>(&token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    for (claim, expected) in [("sub", "shop"), ("client_id", "shop"), ("aud", "orders"), ("scope", "read")] {
        assert_eq!(claims[claim], expected, "{claim}");
    }
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
}

#[tokio::test]
async fn secrets_come_by_header_or_by_form_but_not_by_both() {
    let server = Server::start("https://id.example").await;
    let with = |credentials: &str| post(GRANT).header("authorization", basic(credentials));
    for (request, status) in [
        (with("shop:correct+horse"), 200),
        (with("s%68op:correct%20horse"), 200),
        (post(&format!("{GRANT}&client_id=shop")).header("authorization", basic("shop:correct+horse")), 200),
        (post(GRANT).header("authorization", basic("shop:correct+horse").replace("Basic", "bAsIc")), 200),
        (post(&format!("{GRANT}&{OWN}")), 200),
    ] {
        let answer = server.send(request).await;
        assert_eq!(answer.status().as_u16(), status, "{answer:?}");
    }
    let both = post(&format!("{GRANT}&{OWN}")).header("authorization", basic("shop:correct+horse"));
    server.assert_refused(both, 400, "invalid_request", "both").await;
    let other = post(&format!("{GRANT}&client_id=mail")).header("authorization", basic("shop:correct+horse"));
    server.assert_refused(other, 400, "invalid_request", "another client_id").await;

    for (name, request) in [
        ("wrong", with("shop:wrong")),
        ("empty", with("shop:")),
        ("unknown", with("nobody:correct+horse")),
        ("no secret registered", with("orders:correct+horse")),
        ("no colon", with("shop")),
        ("broken escape", with("shop:%zz")),
        ("not base64", post(GRANT).header("authorization", "Basic !")),
        ("another scheme", post(GRANT).header("authorization", "Bearer x")),
        ("nothing", post(GRANT)),
        ("name only", post(&format!("{GRANT}&client_id=shop"))),
        ("secret only", post(&format!("{GRANT}&client_secret=correct+horse"))),
        ("wrong in the form", post(&format!("{GRANT}&client_id=shop&client_secret=wrong"))),
    ] {
        server.assert_refused(request, 401, "invalid_client", name).await;
    }
}

#[tokio::test]
async fn every_refusal_has_its_standard_code() {
    let server = Server::start("https://id.example").await;
    let long = format!("{GRANT}&{OWN}&x={}", "y".repeat(16 * 1024));
    for (form, status, error) in [
        ("", 400, "invalid_request"),
        (&*format!("audience=orders&{OWN}"), 400, "invalid_request"),
        (&format!("grant_type=&audience=orders&{OWN}"), 400, "invalid_request"),
        (&format!("grant_type=password&audience=orders&{OWN}"), 400, "unsupported_grant_type"),
        (&format!("grant_type=client_credentials&{OWN}"), 400, "invalid_request"),
        (&format!("{GRANT}&{GRANT}&{OWN}"), 400, "invalid_request"),
        (&format!("{GRANT}&unknown=1&unknown=2&{OWN}"), 400, "invalid_request"),
        (&format!("{GRANT}&{OWN}&a=%zz"), 400, "invalid_request"),
        (&format!("{GRANT}&scope=delete&{OWN}"), 400, "invalid_scope"),
        (&format!("{GRANT}&scope=read++write&{OWN}"), 400, "invalid_scope"),
        (&format!("grant_type=client_credentials&resource=orders&{OWN}"), 400, "invalid_target"),
        (&format!("grant_type=client_credentials&resource=https://a%23b&{OWN}"), 400, "invalid_target"),
        (&format!("{GRANT}&resource=https://other.example&{OWN}"), 400, "invalid_target"),
        (&long, 413, "invalid_request"),
    ] {
        server.assert_refused(post(form), status, error, &form.chars().take(80).collect::<String>()).await;
    }
    let json = post("{}").header("content-type", "application/json");
    let replaced = warp::test::request().method("POST").path("/v1/token").body(format!("{GRANT}&{OWN}"));
    server.assert_refused(json, 400, "invalid_request", "two content types").await;
    server.assert_refused(replaced, 400, "invalid_request", "no content type").await;
}

#[tokio::test]
async fn unknown_and_forbidden_audiences_look_alike() {
    let server = Server::start("https://id.example").await;
    let mut answers = Vec::new();
    for audience in ["stock", "nowhere", "shop"] {
        let form = format!("grant_type=client_credentials&audience={audience}&{OWN}");
        let answer = server.send(post(&form).header("x-request-id", "same")).await;
        answers.push((answer.status(), answer.headers().clone(), answer.body().clone()));
    }
    assert_eq!(answers[0].0, StatusCode::BAD_REQUEST);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[tokio::test]
async fn an_assertion_gets_a_token() {
    let server = Server::start("https://id.example").await;
    let now = crate::domain::UnixTime::from(SystemTime::now()).as_seconds();
    let claims = json!({
        "iss": "https://platform.example", "sub": "pod", "aud": "https://id.example",
        "iat": now, "exp": now + 60,
    });
    let assertion = server.platform.sign(&claims);
    let bearer = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&audience=orders";
    for extra in ["", "&client_id=shop", &format!("&{OWN}")] {
        let answer = server.send(post(&format!("{bearer}&assertion={assertion}{extra}"))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{extra}: {:?}", answer.body());
        assert_eq!(body(&answer)["scope"], "read write");
    }
    let forged = Platform::new("p").sign(&claims);
    for (form, status, error) in [
        (bearer.to_owned(), 400, "invalid_request"),
        (format!("{bearer}&assertion={forged}"), 400, "invalid_grant"),
        (format!("{bearer}&assertion={assertion}&client_id=mail"), 400, "invalid_grant"),
        (format!("{bearer}&assertion={assertion}&client_id=shop&client_secret=wrong"), 401, "invalid_client"),
        (format!("{bearer}&assertion=x"), 400, "invalid_grant"),
        (format!("{bearer}&assertion={assertion}&scope=delete"), 400, "invalid_scope"),
    ] {
        server.assert_refused(post(&form), status, error, &form.chars().skip(70).collect::<String>()).await;
    }
}

#[tokio::test]
async fn the_key_set_is_cached_by_its_tag() {
    let server = Server::start("https://id.example").await;
    let answer = server.get("/.well-known/jwks.json").await;
    assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=300");
    let keys = body(&answer)["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2, "active and next");
    assert!(keys.iter().all(|key| key.get("d").is_none()));
    let tag = answer.headers()[ETAG].to_str().unwrap().to_owned();
    for (known, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"x\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ] {
        let request = warp::test::request().path("/.well-known/jwks.json").header("if-none-match", &known);
        let answer = server.send(request).await;
        assert_eq!(answer.status().as_u16(), status, "{known}");
        assert_eq!(answer.headers()[ETAG], tag);
        assert_eq!(answer.body().is_empty(), status == 304);
    }
}

#[tokio::test]
async fn metadata_is_found_wherever_clients_look() {
    let server = Server::start("https://id.example/tenant").await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/oauth-authorization-server",
        "/tenant/.well-known/openid-configuration",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(
            body(&answer),
            json!({
                "issuer": "https://id.example/tenant",
                "token_endpoint": "https://id.example/tenant/v1/token",
                "jwks_uri": "https://id.example/tenant/.well-known/jwks.json",
                "grant_types_supported":
                    ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "scopes_supported": ["delete", "read", "send", "write"],
                "response_types_supported": [],
            })
        );
    }
    let token = post(&format!("{GRANT}&{OWN}")).path("/tenant/v1/token");
    assert_eq!(server.send(token).await.status(), StatusCode::OK);
    assert_eq!(server.get("/tenant/.well-known/jwks.json").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_in_json() {
    let server = Server::start("https://id.example").await;
    for path in ["/", "/v1", "/v1/token/", "/v1/token/x", "/v1//tokens", "/.well-known/", "/V1/TOKEN"] {
        let answer = server.get(path).await;
        let expected = if path == "/v1/token/" { 405 } else { 404 };
        assert_eq!(answer.status().as_u16(), expected, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert!(body(&answer)["error"].is_string());
    }
    for (method, path, allow) in [
        ("GET", "/v1/token", "POST"),
        ("PUT", "/v1/token", "POST"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("DELETE", "/.well-known/openid-configuration", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/readyz", "GET, HEAD"),
    ] {
        let answer = server.send(warp::test::request().method(method).path(path)).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allow, "{method} {path}");
    }
    let given = server.send(warp::test::request().path("/healthz").header("x-request-id", "r-1")).await;
    assert_eq!((given.status().as_u16(), &given.headers()["x-request-id"]), (200, &"r-1".parse().unwrap()));
}

#[tokio::test]
async fn a_state_that_cannot_be_compared_issues_nothing_but_publishes_keys() {
    let server = Server::start("https://id.example").await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    tokio::time::pause();
    tokio::time::advance(MAX_AGE + std::time::Duration::from_secs(1)).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let request = post(&format!("{GRANT}&{OWN}"));
    server.assert_refused(request, 503, "temporarily_unavailable", "stale").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(server.get("/.well-known/jwks.json").await.status(), StatusCode::OK);
}

#[test]
fn two_authorization_headers_are_one_too_many() {
    let mut headers = HeaderMap::new();
    for _ in 0..2 {
        headers.append("authorization", basic("shop:correct+horse").parse().unwrap());
    }
    let refused = request::parse(&headers, GRANT.as_bytes()).unwrap_err();
    assert!(matches!(refused, request::RequestError::RepeatedAuthorization), "{refused}");
}

#[test]
fn a_resource_is_an_absolute_uri_and_the_only_target() {
    let parse = |form: &str| {
        let body = format!("grant_type=client_credentials&{OWN}&{form}");
        request::parse(&HeaderMap::new(), body.as_bytes())
    };
    let target = parse("resource=https://a.example/x").unwrap().audience;
    assert_eq!(target.as_deref(), Some("https://a.example/x"));
    parse("resource=https://a.example&audience=https://a.example").unwrap();
    for relative in ["resource=orders", "resource=/orders", "resource=https://a.example/%23x"] {
        assert!(matches!(parse(relative), Err(request::RequestError::Resource)), "{relative}");
    }
    let two = parse("resource=https://a.example&audience=orders");
    assert!(matches!(two, Err(request::RequestError::TwoTargets)));
}

#[test]
fn debug_of_a_request_shows_no_secret() {
    let mut headers = ::http::HeaderMap::new();
    headers.insert("authorization", basic("shop:correct+horse").parse().unwrap());
    let shown = format!("{:?}", request::parse(&headers, GRANT.as_bytes()).unwrap());
    assert!(!shown.contains(secret().reveal()), "{shown}");
    let form = format!("grant_type={}&assertion=eyJ.a.b&audience=x", request::JWT_BEARER);
    let shown = format!("{:?}", request::parse(&::http::HeaderMap::new(), form.as_bytes()).unwrap());
    assert!(!shown.contains("eyJ"), "{shown}");
}
