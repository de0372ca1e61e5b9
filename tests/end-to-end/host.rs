//! What the host library makes of a component that misbehaves: nothing passes, and the next request is served.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use serde_json::json;
use tessera_host::{Decision, Limits, LoadError, Options, Rejection, Request, RuntimeError, Verifier};
use tessera_tests::{
    artefacts::Artefacts,
    key_server::{Answer, KeyServer},
    signing::{Algorithm, Claims, NONE_REVOKED, SOME_REVOKED, SigningKey, key_set},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn component() -> Vec<u8> {
    fs::read(Artefacts::named_by(Artefacts::FAULTY).unwrap()).unwrap()
}

/// A host of the faulty component with one instance, so that what befalls it is seen by the next request.
fn host(policy: &str, limits: Limits) -> Result<Verifier, LoadError> {
    Verifier::load(&component(), policy, Options { limits, instances: 1, ..Options::default() })
}

async fn ask(verifier: &Verifier, target: &str) -> Decision {
    let request = Request { method: "GET", host: "orders.example", target, headers: &HeaderMap::new() };
    verifier.authorize(&request).await
}

async fn denied(verifier: &Verifier, target: &str) -> Rejection {
    match ask(verifier, target).await {
        Decision::Deny(rejection) => rejection,
        other => panic!("{target}: {other:?}"),
    }
}

async fn assert_recovered(verifier: &Verifier) {
    assert!(matches!(ask(verifier, "/fine").await, Decision::Allow(_)), "the next request is served");
}

#[tokio::test]
async fn v44_a_trap_denies_and_the_instance_is_replaced() {
    let verifier = host("{}", Limits::default()).unwrap();
    assert_recovered(&verifier).await;
    for _ in 0..3 {
        let rejection = denied(&verifier, "/trap").await;
        assert_eq!(
            (rejection.status, &*rejection.error),
            (StatusCode::SERVICE_UNAVAILABLE, "verifier-failed")
        );
        assert!(rejection.reason.contains("unreachable"), "{}", rejection.reason);
        assert_recovered(&verifier).await;
    }
}

#[tokio::test]
async fn v44_a_deadline_denies_and_the_instance_is_replaced() {
    let limits = Limits { decision: Duration::from_millis(20), ..Limits::default() };
    let verifier = host("{}", limits).unwrap();
    let rejection = denied(&verifier, "/loop").await;
    assert_eq!((rejection.status, &*rejection.error), (StatusCode::SERVICE_UNAVAILABLE, "verifier-failed"));
    assert!(rejection.reason.contains("interrupt"), "{}", rejection.reason);
    assert_recovered(&verifier).await;
}

#[tokio::test]
async fn v44_a_full_memory_denies_and_the_instance_is_replaced() {
    let limits = Limits { memory: 8 * 1024 * 1024, decision: Duration::from_mins(1), ..Limits::default() };
    let verifier = host("{}", limits).unwrap();
    let rejection = denied(&verifier, "/grow").await;
    assert_eq!((rejection.status, &*rejection.error), (StatusCode::SERVICE_UNAVAILABLE, "verifier-failed"));
    assert!(rejection.reason.contains("memory"), "{}", rejection.reason);
    assert_recovered(&verifier).await;
}

#[tokio::test]
async fn v44_a_need_without_end_denies() {
    let verifier = host("{}", Limits::default()).unwrap();
    // Without a document to fetch, the instance says that somebody else is fetching; nobody is.
    let rejection = denied(&verifier, "/need").await;
    assert_eq!((rejection.status, &*rejection.error), (StatusCode::SERVICE_UNAVAILABLE, "verifier-failed"));
    assert_recovered(&verifier).await;
}

#[tokio::test]
async fn v36_a_grant_with_a_field_that_is_none_denies() {
    let verifier = host("{}", Limits::default()).unwrap();
    let rejection = denied(&verifier, "/bad-field").await;
    assert_eq!((rejection.status, &*rejection.error), (StatusCode::SERVICE_UNAVAILABLE, "verifier-failed"));
    assert_recovered(&verifier).await;
}

#[tokio::test]
async fn a_refusal_is_one_whatever_the_component_calls_it() {
    let verifier = host("{}", Limits::default()).unwrap();
    let rejection = denied(&verifier, "/status-200").await;
    assert_eq!(rejection.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejection.challenge, None, "a challenge that would break the header is left out");
}

#[tokio::test]
async fn a_component_that_fails_on_its_policy_is_not_loaded() {
    let Err(LoadError::Instance(_)) = host("trap", Limits::default()) else { panic!("it was loaded") };
}

#[tokio::test]
async fn what_is_no_verifier_is_not_loaded() {
    let load = |bytes: &[u8]| Verifier::load(bytes, "{}", Options::default());
    assert!(matches!(load(b"\0asm"), Err(LoadError::Runtime(RuntimeError::Component(_)))));
    assert!(matches!(load(b""), Err(LoadError::Runtime(RuntimeError::Component(_)))));
    // The text form is not taken either: only what was built is run.
    assert!(matches!(load(b"(component)"), Err(LoadError::Runtime(RuntimeError::Component(_)))));
}

#[tokio::test]
async fn a_policy_is_refused_with_every_problem() {
    let component = fs::read(Artefacts::find().unwrap().component()).unwrap();
    let policy = "{\n  \"issuer\": [],\n  \"audiences\": []\n}";
    let Err(LoadError::Policy(problems)) = Verifier::load(&component, policy, Options::default()) else {
        panic!("it was loaded")
    };
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "1:1: `issuers` is missing",
            "2:3: /issuer: unknown member (did you mean `issuers`?)",
            "3:16: /audiences: at least one is needed",
        ]
    );
}

/// The smallest component that imports something: an instance, under the name `clock`.
const IMPORTING: &[u8] = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0\x0a\x0a\x01\0\x05clock\x05\0";

#[tokio::test]
async fn a_component_that_wants_something_is_not_loaded() {
    let Err(LoadError::Runtime(RuntimeError::Import(name))) =
        Verifier::load(IMPORTING, "{}", Options::default())
    else {
        panic!("it was loaded, or refused for another reason")
    };
    assert_eq!(name, "clock");
}

/// A server of one document that counts how often it is asked.
async fn document_server(body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            counter.fetch_add(1, Ordering::SeqCst);
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

/// The public key of RFC 7515 appendix A.3, with an identifier.
const KEY_SET: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a3",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// `{"alg":"ES256","typ":"at+jwt","kid":"a3"}`, `{"iss":"i"}`, and no signature of anybody's.
const UNSIGNED: &str = "Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEzIn0.eyJpc3MiOiJpIn0.AAAA";

#[tokio::test(flavor = "multi_thread")]
async fn v42_many_requests_on_many_instances_fetch_once() {
    let (url, asked) = document_server(KEY_SET).await;
    let policy = format!(
        r#"{{"issuers":[{{"issuer":"i","jwks_uri":"{url}"}}],"audiences":["a"],"allow_http_loopback":true}}"#
    );
    let component = fs::read(Artefacts::find().unwrap().component()).unwrap();
    let options = Options { instances: 8, ..Options::default() };
    let verifier = Verifier::load(&component, &policy, options).unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(UNSIGNED))]);
    let requests = (0..64).map(|_| {
        let (verifier, headers) = (verifier.clone(), headers.clone());
        tokio::spawn(async move {
            let request = Request { method: "GET", host: "a", target: "/", headers: &headers };
            verifier.authorize(&request).await
        })
    });
    for request in requests.collect::<Vec<_>>() {
        let Decision::Deny(rejection) = request.await.unwrap() else { panic!("allowed without a signature") };
        assert_eq!(rejection.error, "signature-wrong", "{}", rejection.reason);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn v44_a_key_set_that_traps_harms_no_instance_in_use() {
    let (url, asked) = document_server("trap").await;
    let verifier = host(&url, Limits::default()).unwrap();
    let fresh = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.keep_fresh().await }
    });
    while asked.load(Ordering::SeqCst) < 2 {
        assert_recovered(&verifier).await;
        tokio::task::yield_now().await;
    }
    fresh.abort();
    assert_recovered(&verifier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_list_is_fetched_once_for_many_instances_and_again_before_it_is_old() {
    let source = KeyServer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::Es256, "k1").unwrap();
    let at = |path: &str| source.url().join(path).unwrap().to_string();
    let uri = at("/status/1");
    let publish = |list: &str| {
        let token = key.sign_status_list(&uri, list, 1).unwrap();
        source.answer("/status/1", Answer::bytes(token.as_str().to_owned()));
    };
    source.answer("/keys", Answer::json(&key_set([&key])));
    publish(NONE_REVOKED);
    let policy = json!({
        "issuers": [{ "issuer": "i", "jwks_uri": at("/keys"), "status": { "lists": at("/status/") } }],
        "audiences": ["a"],
        "allow_http_loopback": true,
    });
    let component = fs::read(Artefacts::find().unwrap().component()).unwrap();
    let options = Options { instances: 8, ..Options::default() };
    let verifier = Verifier::load(&component, &policy.to_string(), options).unwrap();
    let status = json!({ "status_list": { "idx": 0, "uri": uri } });
    let token = key.sign(&Claims::new("i", "a", "s").with("status", status)).unwrap();
    let value = HeaderValue::from_str(&format!("Bearer {}", token.as_str())).unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let ask = || {
        let (verifier, headers) = (verifier.clone(), headers.clone());
        tokio::spawn(async move {
            let request = Request { method: "GET", host: "a", target: "/", headers: &headers };
            verifier.authorize(&request).await
        })
    };
    for request in (0..64).map(|_| ask()).collect::<Vec<_>>() {
        let decision = request.await.unwrap();
        assert!(matches!(decision, Decision::Allow(_)), "{decision:?}");
    }
    assert!(source.requests("/status/1") <= 8, "not for each request: {}", source.requests("/status/1"));

    publish(SOME_REVOKED);
    let fresh = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.keep_fresh().await }
    });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(45);
    let refusal = loop {
        match ask().await.unwrap() {
            Decision::Deny(rejection) => break rejection,
            other => assert!(tokio::time::Instant::now() < deadline, "it passes for ever: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    fresh.abort();
    assert_eq!((&*refusal.error, refusal.status), ("token-revoked", StatusCode::UNAUTHORIZED));
}
