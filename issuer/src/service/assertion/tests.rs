use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tessera_net::fetch::{FetchOptions, Fetcher};
use tessera_net::listener::{Limits, Listener, TowerToHyperService};
use warp::Filter as _;

use super::*;
use crate::domain::{AudienceRule, KeySource, Method, UnixTime};
use crate::testing::{self, NOW, Platform, snapshot};

const ISSUER: &str = "https://platform.example";

fn assertions() -> Assertions {
    let options = FetchOptions { allow_http_loopback: true, ..FetchOptions::default() };
    Assertions::new(&"https://id.example".parse().unwrap(), Fetcher::new(options).unwrap(), true)
}

fn trust(client: &str, subject: &str, keys: KeySource) -> Credential {
    trust_for(client, subject, keys, AudienceRule::default())
}

fn trust_for(client: &str, subject: &str, keys: KeySource, audience: AudienceRule) -> Credential {
    let trust = testing::trust(ISSUER, Conditions::subject(subject));
    testing::credential(client, CredentialKind::Workload(Trust { keys, audience, ..trust }))
}

fn inline(platform: &Platform) -> KeySource {
    KeySource::inline(&platform.jwks()).unwrap()
}

fn claims(subject: &str) -> Value {
    let now = NOW.as_seconds();
    json!({ "iss": ISSUER, "sub": subject, "aud": "https://id.example", "iat": now, "exp": now + 300 })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn now() -> UnixTime {
    NOW
}

/// Serves `jwks` and counts how often it is asked for.
fn key_server(jwks: String) -> (String, Arc<AtomicUsize>) {
    slow_key_server(jwks, || ())
}

/// A [`key_server`] that spends time on each answer, as `spend` sees fit.
fn slow_key_server(jwks: String, spend: fn()) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let filter = warp::path("jwks").map(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        spend();
        jwks.clone()
    });
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let uri = format!("http://{}/jwks", listener.local_addr());
    let service = TowerToHyperService::new(warp::service(filter));
    tokio::spawn(listener.serve(service, Limits::default(), std::future::pending::<()>()));
    (uri, asked)
}

#[tokio::test]
async fn an_assertion_proves_the_client_that_registered_it() {
    let platform = Platform::new("p");
    let state = snapshot(1, vec![trust("shop", "pod", inline(&platform))]);
    for audience in [json!("https://id.example"), json!(["https://other.example", "https://id.example"])] {
        let assertion = platform.sign(&with(claims("pod"), "aud", audience));
        for named in [None, Some("shop")] {
            let client = assertions().authenticate(&state, &assertion, named, now).await.unwrap();
            assert_eq!((client.client().as_str(), client.method()), ("shop", Method::WorkloadGrant));
        }
    }
}

#[tokio::test]
async fn the_keys_of_one_client_never_speak_for_another() {
    let (own, others) = (Platform::new("same"), Platform::new("same"));
    // Both registrations name the same issuer, and even the same key id.
    let state = snapshot(1, vec![trust("shop", "pod", inline(&own)), trust("evil", "bot", inline(&others))]);
    let assertions = assertions();
    let forged = others.sign(&claims("pod"));
    let refused = assertions.authenticate(&state, &forged, None, now).await.unwrap_err();
    assert!(
        matches!(refused, AssertionError::Refused(tessera_verifier::Error::SignatureWrong)),
        "{refused:?}"
    );
    // Also once the other client's verifier is there and warm.
    assertions.authenticate(&state, &others.sign(&claims("bot")), None, now).await.unwrap();
    let refused = assertions.authenticate(&state, &forged, Some("evil"), now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Unregistered { .. }), "{refused:?}");
    let refused = assertions.authenticate(&state, &forged, None, now).await.unwrap_err();
    assert!(
        matches!(refused, AssertionError::Refused(tessera_verifier::Error::SignatureWrong)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_not_registered_or_not_valid_proves_nothing() {
    let platform = Platform::new("p");
    let explicit = trust_for("mail", "pod", inline(&platform), AudienceRule::other("https://two.example"));
    let state = snapshot(1, vec![trust("shop", "pod", inline(&platform)), explicit]);
    let assertions = assertions();
    let refuse = async |claims: Value, client: Option<&str>| {
        let assertion = platform.sign(&claims);
        format!("{}", assertions.authenticate(&state, &assertion, client, now).await.unwrap_err())
    };
    let both = json!(["https://id.example", "https://two.example"]);
    let unregistered = r#"no client trusts "https://platform.example" about "pod" for this audience"#;
    for (claims, client, expected) in [
        (with(claims("pod"), "aud", json!("https://elsewhere.example")), None, unregistered),
        (claims("pod"), Some("mail"), unregistered),
        (
            with(claims("pod"), "sub", json!("nobody")),
            None,
            r#"no client trusts "https://platform.example" about "nobody" for this audience"#,
        ),
        (
            with(claims("pod"), "iss", json!("https://x")),
            None,
            r#"no client trusts "https://x" about "pod" for this audience"#,
        ),
        (
            with(claims("pod"), "aud", both.clone()),
            None,
            r#"several registrations fit "https://platform.example" about "pod""#,
        ),
    ] {
        assert_eq!(refuse(claims.clone(), client).await, expected, "{claims}");
    }
    let chosen = platform.sign(&with(claims("pod"), "aud", both));
    let client = assertions.authenticate(&state, &chosen, Some("mail"), now).await.unwrap();
    assert_eq!(client.client().as_str(), "mail", "naming the client resolves what is ambiguous");

    let expired = platform.sign(&with(claims("pod"), "exp", json!(NOW.as_seconds() - 60)));
    let refused = assertions.authenticate(&state, &expired, None, now).await.unwrap_err();
    assert!(
        matches!(refused, AssertionError::Refused(tessera_verifier::Error::Expired { .. })),
        "{refused:?}"
    );
    let refused = assertions.authenticate(&state, "not.a.jwt", None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Unreadable(_)), "{refused:?}");
}

#[tokio::test]
async fn many_requests_fetch_the_keys_once() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let state = Arc::new(snapshot(1, vec![trust("shop", "pod", KeySource::uri(&uri).unwrap())]));
    let assertions = Arc::new(assertions());
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let (state, assertions, assertion) =
                (state.clone(), assertions.clone(), platform.sign(&claims("pod")));
            tokio::spawn(async move { assertions.authenticate(&state, &assertion, None, now).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().client().as_str(), "shop");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn unreachable_keys_are_not_the_clients_fault() {
    let platform = Platform::new("p");
    let (uri, _) = key_server("no key set".to_owned());
    let state = snapshot(1, vec![trust("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let refused =
        assertions().authenticate(&state, &platform.sign(&claims("pod")), None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::KeysUnavailable { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_withdrawn_registration_takes_its_verifier_along() {
    let (old, new) = (Platform::new("p"), Platform::new("p"));
    let assertions = assertions();
    let before = snapshot(1, vec![trust("shop", "pod", inline(&old))]);
    assertions.authenticate(&before, &old.sign(&claims("pod")), None, now).await.unwrap();
    let after = snapshot(2, vec![trust("shop", "pod", inline(&new))]);
    let refused = assertions.authenticate(&after, &old.sign(&claims("pod")), None, now).await.unwrap_err();
    assert!(
        matches!(refused, AssertionError::Refused(tessera_verifier::Error::SignatureWrong)),
        "{refused:?}"
    );
    assertions.authenticate(&after, &new.sign(&claims("pod")), None, now).await.unwrap();
    assert_eq!(assertions.sources.count(), 1);
}

#[tokio::test]
async fn an_assertion_that_expires_while_its_keys_are_fetched_is_refused() {
    static TIME: AtomicU64 = AtomicU64::new(NOW.as_seconds());
    let clock = || UnixTime::from_seconds(TIME.load(Ordering::SeqCst));
    let platform = Platform::new("p");
    let (uri, _) = slow_key_server(platform.jwks(), || {
        TIME.fetch_add(600, Ordering::SeqCst);
    });
    let state = snapshot(1, vec![trust("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let assertion = platform.sign(&claims("pod"));
    let refused = assertions().authenticate(&state, &assertion, None, clock).await.unwrap_err();
    assert!(
        matches!(refused, AssertionError::Refused(tessera_verifier::Error::Expired { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_pause_after_a_failed_fetch_counts_from_its_end() {
    static TIME: AtomicU64 = AtomicU64::new(NOW.as_seconds());
    let clock = || UnixTime::from_seconds(TIME.load(Ordering::SeqCst));
    let platform = Platform::new("p");
    let (uri, asked) = slow_key_server("no key set".to_owned(), || {
        TIME.fetch_add(5, Ordering::SeqCst);
    });
    let state = snapshot(1, vec![trust("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let assertions = assertions();
    for _ in 0..3 {
        let assertion = platform.sign(&claims("pod"));
        let refused = assertions.authenticate(&state, &assertion, None, clock).await.unwrap_err();
        assert!(matches!(refused, AssertionError::KeysUnavailable { .. }), "{refused:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the source is left in peace");
}

#[tokio::test]
async fn an_issuer_that_is_no_longer_trusted_is_no_longer_asked() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let assertions = assertions();
    let before = snapshot(1, vec![trust("shop", "pod", KeySource::uri(&uri).unwrap())]);
    assertions.authenticate(&before, &platform.sign(&claims("pod")), None, now).await.unwrap();
    assert_eq!(assertions.sources.count(), 1);
    // Later than any copy of the keys serves.
    assertions.sources.refresh(&snapshot(2, vec![]), || NOW.plus(7 * 86_400));
    assert_eq!(assertions.sources.count(), 0);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_registration_is_checked_by_the_parser_that_will_read_it() {
    let check = |keys| {
        let trust = Trust { keys, ..testing::trust(ISSUER, Conditions::subject("pod")) };
        Assertions::check("shop", &trust, false)
    };
    let checked = check(KeySource::inline(r#"{"keys":[{"kty":"oct"}]}"#).unwrap());
    assert!(matches!(checked, Err(AssertionError::Registration { .. })), "{checked:?}");
    check(inline(&Platform::new("p"))).unwrap();
}
