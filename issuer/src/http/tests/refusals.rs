//! Each row of the error table (RFC 6749 §5.2, RFC 8707 §2).

use ::http::StatusCode;
use serde_json::json;

use super::stage::{BEARER, GRANT, JWT_TYPE, OWN, Server, body, claims, now, post};
use crate::domain::{Change, ClientGrant, Conditions, CredentialKind, UnixTime};
use crate::store::MAX_AGE;
use crate::testing::{Platform, id, registration, scopes};

#[tokio::test]
async fn every_refusal_has_its_standard_code() {
    let server = Server::start().await;
    let long = format!("{GRANT}&{OWN}&x={}", "y".repeat(24 * 1024));
    let many = format!("{GRANT}&{OWN}{}", "&x".repeat(32));
    for (form, status, error) in [
        ("", 400, "invalid_request"),
        (&*format!("audience=orders&{OWN}"), 400, "invalid_request"),
        (&format!("grant_type=&audience=orders&{OWN}"), 400, "invalid_request"),
        (&format!("grant_type=password&audience=orders&{OWN}"), 400, "unsupported_grant_type"),
        (&format!("grant_type=Client_Credentials&audience=orders&{OWN}"), 400, "unsupported_grant_type"),
        // RFC 6749 §3.2: parameters MUST NOT be included more than once.
        (&format!("{GRANT}&{GRANT}&{OWN}"), 400, "invalid_request"),
        (&format!("{GRANT}&{OWN}&client_id=shop"), 400, "invalid_request"),
        (&format!("{GRANT}&{OWN}&scope=read&scope=write"), 400, "invalid_request"),
        (&format!("{GRANT}&unknown=1&unknown=2&{OWN}"), 400, "invalid_request"),
        (&format!("{GRANT}&{OWN}&a=%zz"), 400, "invalid_request"),
        (&format!("{GRANT}&{OWN}&a=%ff"), 400, "invalid_request"),
        (&many, 400, "invalid_request"),
        // RFC 6749 §3.3 and §5.2: unknown, malformed, or exceeds what is granted.
        (&format!("{GRANT}&scope=delete&{OWN}"), 400, "invalid_scope"),
        (&format!("{GRANT}&scope=unheard-of&{OWN}"), 400, "invalid_scope"),
        (&format!("{GRANT}&scope=read+delete&{OWN}"), 400, "invalid_scope"),
        (&format!("{GRANT}&scope=read++write&{OWN}"), 400, "invalid_scope"),
        (&format!("{GRANT}&scope=%22&{OWN}"), 400, "invalid_scope"),
        (&long, 413, "invalid_request"),
    ] {
        server.assert_refused(post(form), status, error, &form.chars().take(80).collect::<String>()).await;
    }
    // RFC 6749 §3.2: unrecognized parameters MUST be ignored.
    server.assert_granted(post(&format!("{GRANT}&{OWN}&x=1&nonce=2")), "unknown parameters").await;
}

/// RFC 6749 §3.2: the parameters are in the body, as a form.
#[tokio::test]
async fn the_body_is_a_form_and_says_so() {
    let server = Server::start().await;
    let form = format!("{GRANT}&{OWN}");
    let with = |content_type: &str| {
        let request = warp::test::request().method("POST").path("/v1/token").body(&form);
        request.header("content-type", content_type)
    };
    for good in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded ; charset=utf-8",
    ] {
        server.assert_granted(with(good), good).await;
    }
    for bad in
        ["application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencodedx", ""]
    {
        server.assert_refused(with(bad), 400, "invalid_request", bad).await;
    }
    let without = warp::test::request().method("POST").path("/v1/token").body(&form);
    server.assert_refused(without, 400, "invalid_request", "no content type").await;
}

/// RFC 6749 §2.3.1: the parameters can only be transmitted in the request-body and MUST NOT be included in the request
/// URI.
#[tokio::test]
async fn nothing_of_the_form_is_taken_from_the_query() {
    let server = Server::start().await;
    let form = format!("{GRANT}&{OWN}");
    let at = |query: &str| post(&form).path(&format!("/v1/token?{query}"));
    for query in [
        "client_secret=correct+horse",
        "client_id=shop",
        "grant_type=client_credentials",
        "scope=read",
        "resource=https://a.example",
        "audience=orders",
        "assertion=x",
        "client_assertion=x",
        "client_assertion_type=x",
        "password=x",
        "client%5Fsecret=x",
        "a=1&client_secret",
        "client_secret=",
        "%zz=1",
    ] {
        server.assert_refused(at(query), 400, "invalid_request", query).await;
    }
    // RFC 6749 §3.2: the URI may have a query, which is then kept by the client.
    for query in ["", "tenant=a", "x=client_secret", "client_secret_=x", "v=%zz"] {
        server.assert_granted(at(query), query).await;
    }
}

/// RFC 6749 §3.2: the client MUST use POST. RFC 9110 §15.5.6: `Allow` says so.
#[tokio::test]
async fn a_token_is_asked_for_by_post() {
    let server = Server::start().await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = server.send(post(&format!("{GRANT}&{OWN}")).method(method)).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers()["allow"], "POST", "{method}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{method}");
    }
}

#[tokio::test]
async fn a_grant_ends() {
    let server = Server::start().await;
    let until = |seconds| {
        let grant = ClientGrant::new(id("shop"), id("orders"), scopes("read"));
        Change::AddGrant(ClientGrant { expires_at: Some(UnixTime::from_seconds(seconds)), ..grant })
    };
    server.apply(&until(now().as_seconds() + 60)).await;
    server.assert_granted(post(&format!("{GRANT}&{OWN}")), "before").await;
    server.apply(&until(now().as_seconds() - 1)).await;
    server.assert_refused(post(&format!("{GRANT}&{OWN}")), 400, "invalid_target", "after").await;
}

#[tokio::test]
async fn what_is_the_servers_fault_is_said_to_be() {
    let server = Server::start().await;
    // A registration whose keys nobody serves.
    let platform = Platform::new("q");
    let elsewhere = registration("https://127.0.0.1:1", Conditions::subject("pod"));
    server.credential("mail", CredentialKind::Workload(elsewhere)).await;
    let mut claims = claims("pod");
    claims["iss"] = "https://127.0.0.1:1".into();
    let assertion = platform.sign(&claims);
    for form in [
        format!("{BEARER}&assertion={assertion}"),
        format!("{GRANT}&{JWT_TYPE}&client_assertion={assertion}"),
    ] {
        server.assert_refused(post(&form), 503, "temporarily_unavailable", "no keys of theirs").await;
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_compared_issues_nothing_but_publishes_keys() {
    let server = Server::start().await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    tokio::time::pause();
    tokio::time::advance(MAX_AGE + std::time::Duration::from_secs(1)).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let request = post(&format!("{GRANT}&{OWN}"));
    server.assert_refused(request, 503, "temporarily_unavailable", "stale").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(server.get("/.well-known/jwks.json").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_in_json() {
    let server = Server::start().await;
    for path in ["/", "/v1", "/v1/token/", "/v1/token/x", "/v1//tokens", "/.well-known/", "/V1/TOKEN"] {
        let answer = server.get(path).await;
        let expected = if path == "/v1/token/" { 405 } else { 404 };
        assert_eq!(answer.status().as_u16(), expected, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert!(body(&answer)["error"].is_string());
    }
    for (method, path, allow) in [
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
    assert_eq!(body(&given), json!({ "status": "alive" }));
}
