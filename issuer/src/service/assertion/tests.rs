use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tessera_fetch::{FetchOptions, Fetcher};
use tessera_listener::{Limits, Listener, TowerToHyperService};
use warp::Filter as _;

use super::*;
use crate::domain::{
    AcceptedAudience, AudienceRule, AuthenticationFailure, ClientKeys, Conditions, Credential,
    CredentialKind, KeySource, Method, Profile, UnixTime,
};
use crate::testing::{self, NOW, Platform, snapshot};

mod own;

const ISSUER: &str = "https://platform.example";
const OWN: &str = "https://id.example";

fn assertions() -> Assertions {
    let options = FetchOptions { allow_http_loopback: true, ..FetchOptions::default() };
    with_replay_guard(Fetcher::new(options).unwrap(), ReplayGuard::unavailable())
}

fn with_replay_guard(fetcher: Fetcher, replay_guard: ReplayGuard) -> Assertions {
    let issuer = OWN.parse().unwrap();
    Assertions::new(&issuer, &crate::http::endpoints(&issuer), fetcher, true, replay_guard)
}

fn workload(client: &str, subject: &str, keys: KeySource) -> Credential {
    workload_for(client, subject, keys, AudienceRule::default())
}

fn workload_for(client: &str, subject: &str, keys: KeySource, audience: AudienceRule) -> Credential {
    let registration = testing::registration(ISSUER, Conditions::subject(subject));
    testing::credential(
        client,
        CredentialKind::Workload(WorkloadRegistration { keys, audience, ..registration }),
    )
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

async fn refusal(
    assertions: &Assertions,
    state: &Snapshot,
    assertion: &str,
    usage: AssertionUse,
    client: Option<&str>,
) -> String {
    match assertions.authenticate(state, assertion, usage, client, now).await {
        Ok(authenticated) => panic!("{authenticated:?}"),
        Err(error) => error.to_string(),
    }
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
    let state = snapshot(1, vec![workload("shop", "pod", inline(&platform))]);
    for audience in [json!("https://id.example"), json!(["https://id.example"])] {
        let assertion = platform.sign(&with(claims("pod"), "aud", audience));
        for named in [None, Some("shop")] {
            let client =
                assertions().authenticate(&state, &assertion, AssertionUse::Grant, named, now).await.unwrap();
            assert_eq!((client.client().as_str(), client.method()), ("shop", Method::WorkloadGrant));
        }
    }
}

#[tokio::test]
async fn the_keys_of_one_client_never_speak_for_another() {
    let (own, others) = (Platform::new("same"), Platform::new("same"));
    // Both registrations name the same issuer, and even the same key id.
    let state =
        snapshot(1, vec![workload("shop", "pod", inline(&own)), workload("evil", "bot", inline(&others))]);
    let assertions = assertions();
    let forged = others.sign(&claims("pod"));
    let refused = assertions.authenticate(&state, &forged, AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Refused(Error::SignatureWrong)), "{refused:?}");
    // Also once the other client's verifier is there and warm.
    assertions
        .authenticate(&state, &others.sign(&claims("bot")), AssertionUse::Grant, None, now)
        .await
        .unwrap();
    let refused =
        assertions.authenticate(&state, &forged, AssertionUse::Grant, Some("evil"), now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Unregistered { .. }), "{refused:?}");
    let refused = assertions.authenticate(&state, &forged, AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Refused(Error::SignatureWrong)), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_registered_or_not_valid_proves_nothing() {
    let platform = Platform::new("p");
    let explicit =
        workload_for("mail", "pod", inline(&platform), AudienceRule::other("https://two.example").unwrap());
    let state = snapshot(1, vec![workload("shop", "pod", inline(&platform)), explicit]);
    let assertions = assertions();
    let refuse = async |claims: Value, client: Option<&str>| {
        let assertion = platform.sign(&claims);
        format!(
            "{}",
            assertions.authenticate(&state, &assertion, AssertionUse::Grant, client, now).await.unwrap_err()
        )
    };
    let unregistered = r#"no registration is for "https://platform.example" about "pod""#;
    let near = |subject: &str| {
        format!(r#"no registration is for "https://platform.example" about "{subject}"; nearly"#)
    };
    for (claims, client, expected) in [
        (with(claims("pod"), "aud", json!("https://elsewhere.example")), None, near("pod")),
        (with(claims("pod"), "aud", json!(["https://id.example", "https://two.example"])), None, near("pod")),
        (claims("pod"), Some("mail"), near("pod")),
        (claims("pod"), Some("nobody"), unregistered.to_owned()),
        (with(claims("pod"), "sub", json!("nobody")), None, near("nobody")),
        (
            with(claims("pod"), "iss", json!("https://x")),
            None,
            r#"no registration is for "https://x" about "pod""#.to_owned(),
        ),
    ] {
        let refused = refuse(claims.clone(), client).await;
        assert!(refused.starts_with(&expected), "{claims} {refused}");
        assert_eq!(refused.contains("nearly"), expected.contains("nearly"), "{claims} {refused}");
    }

    let expired = platform.sign(&with(claims("pod"), "exp", json!(NOW.as_seconds() - 60)));
    let refused =
        assertions.authenticate(&state, &expired, AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Refused(Error::Expired { .. })), "{refused:?}");
    let refused =
        assertions.authenticate(&state, "not.a.jwt", AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Unreadable(_)), "{refused:?}");
}

#[tokio::test]
async fn many_requests_fetch_the_keys_once() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let state = Arc::new(snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]));
    let assertions = Arc::new(assertions());
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let (state, assertions, assertion) =
                (state.clone(), assertions.clone(), platform.sign(&claims("pod")));
            tokio::spawn(async move {
                assertions.authenticate(&state, &assertion, AssertionUse::Grant, None, now).await
            })
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
    let state = snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let refused = assertions()
        .authenticate(&state, &platform.sign(&claims("pod")), AssertionUse::Grant, None, now)
        .await
        .unwrap_err();
    assert!(matches!(refused, AssertionError::KeysUnavailable { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_withdrawn_registration_takes_its_verifier_along() {
    let (old, new) = (Platform::new("p"), Platform::new("p"));
    let assertions = assertions();
    let before = snapshot(1, vec![workload("shop", "pod", inline(&old))]);
    assertions
        .authenticate(&before, &old.sign(&claims("pod")), AssertionUse::Grant, None, now)
        .await
        .unwrap();
    let after = snapshot(2, vec![workload("shop", "pod", inline(&new))]);
    let refused = assertions
        .authenticate(&after, &old.sign(&claims("pod")), AssertionUse::Grant, None, now)
        .await
        .unwrap_err();
    assert!(matches!(refused, AssertionError::Refused(Error::SignatureWrong)), "{refused:?}");
    assertions.authenticate(&after, &new.sign(&claims("pod")), AssertionUse::Grant, None, now).await.unwrap();
    assert_eq!(assertions.key_verifiers.count(), 1);
}

#[tokio::test]
async fn an_assertion_that_expires_while_its_keys_are_fetched_is_refused() {
    static TIME: AtomicU64 = AtomicU64::new(NOW.as_seconds());
    let clock = || UnixTime::from_seconds(TIME.load(Ordering::SeqCst));
    let platform = Platform::new("p");
    let (uri, _) = slow_key_server(platform.jwks(), || {
        TIME.fetch_add(600, Ordering::SeqCst);
    });
    let state = snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let assertion = platform.sign(&claims("pod"));
    let refused =
        assertions().authenticate(&state, &assertion, AssertionUse::Grant, None, clock).await.unwrap_err();
    assert!(matches!(refused, AssertionError::Refused(Error::Expired { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_pause_after_a_failed_fetch_counts_from_its_end() {
    static TIME: AtomicU64 = AtomicU64::new(NOW.as_seconds());
    let clock = || UnixTime::from_seconds(TIME.load(Ordering::SeqCst));
    let platform = Platform::new("p");
    let (uri, asked) = slow_key_server("no key set".to_owned(), || {
        TIME.fetch_add(5, Ordering::SeqCst);
    });
    let state = snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let assertions = assertions();
    for _ in 0..3 {
        let assertion = platform.sign(&claims("pod"));
        let refused =
            assertions.authenticate(&state, &assertion, AssertionUse::Grant, None, clock).await.unwrap_err();
        assert!(matches!(refused, AssertionError::KeysUnavailable { .. }), "{refused:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the source is left in peace");
}

#[tokio::test]
async fn an_issuer_that_is_no_longer_trusted_is_no_longer_asked() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let assertions = assertions();
    let before = snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]);
    assertions
        .authenticate(&before, &platform.sign(&claims("pod")), AssertionUse::Grant, None, now)
        .await
        .unwrap();
    assert_eq!(assertions.key_verifiers.count(), 1);
    // Later than any copy of the keys serves.
    assertions.key_verifiers.refresh(&snapshot(2, vec![]), || NOW.plus(7 * 86_400));
    assert_eq!(assertions.key_verifiers.count(), 0);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_registration_is_checked_by_the_parser_that_will_read_it() {
    let check = |keys| {
        let registration =
            WorkloadRegistration { keys, ..testing::registration(ISSUER, Conditions::subject("pod")) };
        Assertions::check("shop", &registration, false)
    };
    let checked = check(KeySource::inline(r#"{"keys":[{"kty":"oct"}]}"#).unwrap());
    assert!(matches!(checked, Err(AssertionError::Registration { .. })), "{checked:?}");
    check(inline(&Platform::new("p"))).unwrap();
}

#[tokio::test]
async fn older_clients_may_name_the_token_endpoint_where_that_is_registered() {
    let platform = Platform::new("p");
    let rule = |exclusive| AudienceRule { accepts: AcceptedAudience::TokenEndpoint, exclusive };
    let state = snapshot(1, vec![workload_for("shop", "pod", inline(&platform), rule(true))]);
    let lax = snapshot(1, vec![workload_for("shop", "pod", inline(&platform), rule(false))]);
    let both = json!(["https://other.example", "https://id.example/v1/token"]);
    for (state, audience, good) in [
        (&state, json!("https://id.example"), true),
        (&state, json!("https://id.example/v1/token"), true),
        (&state, json!("https://id.example/v1/token/"), false),
        (&state, both.clone(), false),
        (&lax, both, true),
        (&lax, json!(["https://other.example"]), false),
    ] {
        let assertion = platform.sign(&with(claims("pod"), "aud", audience.clone()));
        let found = assertions().authenticate(state, &assertion, AssertionUse::Grant, None, now).await;
        assert_eq!(found.is_ok(), good, "{audience}");
    }
}

#[tokio::test]
async fn a_near_miss_says_what_is_off_and_nothing_is_fetched() {
    let (uri, asked) = key_server(Platform::new("p").jwks());
    let conditions = json!([
        { "claim": "sub", "glob": "repo:acme/*:ref:refs/heads/main" },
        { "claim": "repository_id", "equals": "7" },
    ]);
    let register = |client: &str| {
        let conditions = Conditions::new(conditions.as_array().unwrap()).unwrap();
        let keys = KeySource::uri(&uri).unwrap();
        testing::credential(
            client,
            CredentialKind::Workload(WorkloadRegistration {
                keys,
                ..testing::registration(ISSUER, conditions)
            }),
        )
    };
    let registered: Vec<Credential> = ["a", "b", "c", "d"].map(register).into();
    let first = registered[0].id.clone();
    let state = snapshot(1, registered);
    let token = |claims: Value| Platform::new("p").sign(&claims);
    let good = with(claims("repo:acme/shop:ref:refs/heads/main"), "repository_id", json!("7"));
    let assertions = assertions();
    for (claims, expected) in [
        (with(good.clone(), "repository_id", json!("8")), r#"the claim `repository_id` is "8""#),
        (
            with(good.clone(), "sub", json!("repo:evil/shop:ref")),
            r#"the claim `sub` is "repo:evil/shop:ref""#,
        ),
        (with(good.clone(), "aud", json!(["x", OWN])), r#"the claim `aud` is "x" "https://id.example""#),
    ] {
        let error = assertions
            .authenticate(&state, &token(claims.clone()), AssertionUse::Grant, Some("a"), now)
            .await
            .unwrap_err();
        let AssertionError::Unregistered { near, .. } = &error else { panic!("{error:?}") };
        assert_eq!(
            near,
            &[NearMiss { client: testing::id("a"), credential: first.clone(), unmet: expected.to_owned() }]
        );
        assert!(error.to_string().ends_with(&format!("; nearly {first} of `a`, but {expected}")), "{error}");
        let error = assertions
            .authenticate(&state, &token(claims), AssertionUse::Grant, None, now)
            .await
            .unwrap_err();
        let AssertionError::Unregistered { near, .. } = &error else { panic!("{error:?}") };
        assert_eq!(near.len(), 3, "no more than help");
    }
    let far = with(with(good.clone(), "repository_id", json!("8")), "sub", json!("x"));
    let error =
        assertions.authenticate(&state, &token(far), AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(&error, AssertionError::Unregistered { near, .. } if near.is_empty()), "{error:?}");
    let error =
        assertions.authenticate(&state, &token(good), AssertionUse::Grant, None, now).await.unwrap_err();
    assert!(matches!(error, AssertionError::Ambiguous { .. }), "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_disabled_client_and_an_expired_registration_prove_nothing_and_fetch_nothing() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let mut expired = workload("shop", "pod", KeySource::uri(&uri).unwrap());
    expired.expires_at = Some(NOW);
    let state = snapshot(1, vec![expired.clone()]);
    let assertion = platform.sign(&claims("pod"));
    let refuse = async |state: &Snapshot| match assertions()
        .authenticate(state, &assertion, AssertionUse::Grant, None, now)
        .await
    {
        Err(AssertionError::Client(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(refuse(&state).await, AuthenticationFailure::Expired);
    let mut disabled = snapshot(1, vec![workload("shop", "pod", KeySource::uri(&uri).unwrap())]);
    let mut client = disabled.directory.client("shop").cloned().unwrap();
    client.enabled = false;
    disabled.directory.insert(crate::domain::Entry::new(client, []));
    assert_eq!(refuse(&disabled).await, AuthenticationFailure::Disabled);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // Beside one that is good an expired one does no harm.
    let state = snapshot(2, vec![expired, workload("shop", "pod", inline(&platform))]);
    assertions().authenticate(&state, &assertion, AssertionUse::Grant, None, now).await.unwrap();
}

#[tokio::test]
async fn registrations_of_one_platform_share_its_keys() {
    let platform = Platform::new("p");
    let (uri, asked) = key_server(platform.jwks());
    let keys = KeySource::uri(&uri).unwrap();
    let register = |number: usize| {
        let audience = AudienceRule::other(&format!("aud-{}", number % 3)).unwrap();
        workload_for(&format!("client-{number}"), &format!("pod-{number}"), keys.clone(), audience)
    };
    let state = snapshot(1, (0..9).map(register).collect());
    let assertions = assertions();
    for number in 0..9 {
        let audience = json!(format!("aud-{}", number % 3));
        let assertion = platform.sign(&with(claims(&format!("pod-{number}")), "aud", audience));
        let client =
            assertions.authenticate(&state, &assertion, AssertionUse::Grant, None, now).await.unwrap();
        assert_eq!(client.client().as_str(), format!("client-{number}"));
    }
    assert_eq!((assertions.key_verifiers.count(), asked.load(Ordering::SeqCst)), (1, 1));
}
