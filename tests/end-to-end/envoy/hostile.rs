//! What a caller can write into a request or a token, and where it must not come out.

use std::fs;

use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tessera_tests::{
    envoy::{Envoy, EnvoyError, bootstrap},
    http::get,
    signing::{Algorithm, SigningKey},
    token::Token,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    filter, program,
    rig::{self, Rig, Scenery, claims, reached, until},
};

/// A value that would be two fields, or two lines of a log, were it written as it is.
const BREAKING: &str = "a\r\nx-injected: 1\r\n\r\n[forged] line";

/// A rig whose service is told about the caller.
async fn telling() -> Rig {
    let scenery = Scenery::set().await;
    let rig = scenery.start_with(|setup| {
        setup.plugin["policy"]["upstream"] = json!({
            "claims": [
                { "claim": "sub", "header": "x-subject" },
                { "claim": "client_id", "header": "x-client" },
            ],
            "payload": "x-payload",
        });
    });
    let rig = rig.await;
    rig.passes_soon(&rig.token()).await;
    rig
}

#[tokio::test]
async fn two_authorization_fields_are_never_one_token() {
    let rig = telling().await;
    let good = HeaderValue::from_str(&format!("Bearer {}", rig.token().as_str())).unwrap();
    let other = HeaderValue::from_static("Bearer x");
    let basic = HeaderValue::from_static("Basic dTpw");
    let joined = HeaderValue::from_str(&format!("Bearer {0},Bearer {0}", rig.token().as_str())).unwrap();
    for fields in [
        vec![&good, &good],
        vec![&good, &other],
        vec![&other, &good],
        vec![&good, &basic],
        vec![&basic, &good],
        vec![&joined],
    ] {
        let call = get(rig.at("/orders"));
        let call = fields.iter().fold(call, |call, field| call.header(AUTHORIZATION, (*field).clone()));
        let response = call.send().await.unwrap();
        assert_eq!(response.status, 400);
        assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_request""#));
    }
    assert_eq!(rig.scenery.service.arrived(), 1, "the first good one alone");
}

#[tokio::test]
async fn claims_that_would_break_a_line_reach_nobody() {
    let rig = telling().await;
    let token = rig.scenery.key.sign(&claims().with("sub", BREAKING).with("client_id", BREAKING)).unwrap();
    let response = rig.send(&token).await;
    assert_eq!(response.status, 200, "{}", rig.envoy.log());
    assert_eq!(reached(&response, "x-subject"), [""; 0]);
    assert_eq!(reached(&response, "x-client"), [""; 0]);
    assert_eq!(reached(&response, "x-injected"), [""; 0]);
    assert_eq!(reached(&response, "x-payload").len(), 1, "base64url holds anything");
}

/// What of a token is in the log is there on one line, and the token itself is not.
#[tokio::test]
async fn tokens_that_would_break_a_line_are_logged_on_one() {
    let rig = telling().await;
    let key = &rig.scenery.key;
    let header = |member: &str| {
        let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" });
        header[member] = BREAKING.into();
        header
    };
    let good = serde_json::to_value(rig.token().claims()).unwrap();
    for token in [
        key.sign(&claims().with("iss", BREAKING)).unwrap(),
        key.sign(&claims().with("aud", BREAKING)).unwrap(),
        key.sign(&claims().with("scope", BREAKING)).unwrap(),
        key.sign_as(&header("kid"), &good).unwrap(),
        key.sign_as(&header("alg"), &good).unwrap(),
        key.sign_as(&header("typ"), &good).unwrap(),
    ] {
        let response = rig.send(&token).await;
        assert!([401, 403].contains(&response.status.as_u16()), "{response:?}");
        assert!(!response.headers.contains_key("x-injected"), "{response:?}");
    }
    let log = rig.envoy.log();
    assert!(!log.lines().any(|line| line.starts_with("x-injected") || line.starts_with("[forged]")), "{log}");
    assert!(!log.contains("eyJ"), "the log holds a token:\n{log}");
}

/// The bytes of a request that no client library would send.
#[tokio::test]
async fn raw_line_breaks_and_controls_in_a_request_come_out_nowhere() {
    let rig = telling().await;
    let token = rig.token();
    for (field, statuses) in [
        (format!("Bearer {}\rx-injected: 1", token.as_str()), [400, 401]),
        (format!("Bearer {}\0", token.as_str()), [400, 401]),
        (format!("Bearer {}\u{b}x", token.as_str()), [400, 401]),
        (format!("Bearer {}\r\n x-injected: 1", token.as_str()), [400, 401]),
        (format!("Bearer \u{a0}{}", token.as_str()), [400, 401]),
    ] {
        let head =
            format!("GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: {field}\r\n\r\n");
        let answer = raw(&rig, head.as_bytes()).await;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!(statuses.contains(&status), "{field:?}: {answer}");
        assert!(!answer.contains("x-injected"), "{answer}");
    }
    rig.assert_alive().await;
    assert_eq!(rig.scenery.service.arrived(), 2, "the first one and the public one alone");
}

/// Policies whose own words would break a response do not load.
#[tokio::test]
async fn policies_that_would_break_a_response_are_refused() {
    for (pointer, value) in [
        ("/challenge/realm", json!(BREAKING)),
        ("/challenge/resource_metadata", json!(format!("https://issuer.example/{BREAKING}"))),
        ("/routes/1/scopes/0", json!(BREAKING)),
    ] {
        let mut policy = rig::policy();
        policy["challenge"]["resource_metadata"] = json!("https://issuer.example/metadata");
        *policy.pointer_mut(pointer).unwrap() = value;
        let plugin = json!({ "policy": policy, "clusters": { rig::ISSUER: "issuer" } });
        let listener = bootstrap::listener("main", &[filter(&plugin)], &[bootstrap::route_answered()]);
        let issuer = bootstrap::cluster("issuer", &"http://127.0.0.1:9".parse().unwrap());
        let refused = Envoy::validate(&program(), &bootstrap::bootstrap(&[listener], &[issuer])).await;
        let Err(EnvoyError::Ended { log, .. }) = refused else { panic!("{refused:?}: {pointer}") };
        assert!(log.contains(pointer), "{log}");
    }
}

/// An access log in text is made of lines, too.
#[tokio::test]
async fn attributes_forge_no_line_of_an_access_log() {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    setup.plugin["attributes"] = json!(["subject", "client_id", "scopes", "issuer", "decision", "reason"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut listener = bootstrap::listener("main", &[filter(&setup.plugin)], &setup.routes);
    listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] =
        json!([bootstrap::access_log(&path, "%FILTER_STATE(wasm.tessera.subject:PLAIN)% %RESPONSE_CODE%\n")]);
    let config = bootstrap::bootstrap(&[listener], &setup.clusters);
    let rig = Rig::run(scenery, &config, &setup.options).await;
    rig.passes_soon(&rig.token()).await;
    let token = rig.scenery.key.sign(&claims().with("sub", BREAKING)).unwrap();
    assert_eq!(rig.send(&token).await.status, 200);
    rig.passes_soon(&rig.scenery.key.sign(&claims().with("sub", "last")).unwrap()).await;
    let log = || fs::read_to_string(&path).unwrap_or_default();
    until(async || log().contains("last 200"), log).await;
    let log = log();
    assert!(!log.lines().any(|line| line.starts_with("x-injected") || line.starts_with("[forged]")), "{log}");
}

/// A token longer than any in use, and a header as long as Envoy takes (60 kB).
#[tokio::test]
async fn what_is_too_long_is_refused_and_kills_nothing() {
    let rig = telling().await;
    let long = claims().with("x", "x".repeat(20_000));
    let token = rig.scenery.key.sign(&long).unwrap();
    let response = rig.send(&token).await;
    assert_eq!(response.status, 401, "{}", rig.envoy.log());
    let stranger = SigningKey::new(Algorithm::EdDsa, "k1").unwrap();
    let response = rig.send(&stranger.sign(&claims()).unwrap()).await;
    assert_eq!(response.status, 401);
    let filler = HeaderValue::from_str(&"x".repeat(50_000)).unwrap();
    let response = rig.call(&rig.token()).header(HeaderName::from_static("x-filler"), filler).send().await;
    assert_eq!(response.unwrap().status, 200, "{}", rig.envoy.log());
    rig.assert_alive().await;
    assert!(!rig.envoy.log().contains(shown(&token)), "the log holds a token");
}

/// What of a token would be seen first, were it in a log.
fn shown(token: &Token) -> &str {
    token.as_str().split('.').nth(1).unwrap_or_default().get(..20).unwrap()
}

async fn raw(rig: &Rig, request: &[u8]) -> String {
    let mut client = TcpStream::connect(rig.at("/").socket_addrs(|| None).unwrap()[0]).await.unwrap();
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // Envoy may cut the connection on bytes that are no request.
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The service's answer, which holds what reached it, is what the tests above look at: this one shows that it does.
#[tokio::test]
async fn the_service_says_what_reached_it() {
    let rig = telling().await;
    let response = rig.send(&rig.token()).await;
    assert_eq!(reached(&response, "x-subject"), ["billing"]);
    assert_eq!(reached(&response, "authorization"), [""; 0]);
    assert_eq!(response.json()["target"], Value::from("/orders"));
}
