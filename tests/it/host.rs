//! What the host library makes of a component that misbehaves: nothing passes, and the next request is served.

use std::{fs, time::Duration};

use http::{HeaderMap, StatusCode};
use tessera_host_demo::{Decision, Limits, LoadError, Options, Rejection, Request, RuntimeError, Verifier};
use tessera_tests::artefacts::Artefacts;

fn component() -> Vec<u8> {
    fs::read(Artefacts::named_by(Artefacts::FAULTY).unwrap()).unwrap()
}

/// A host of the faulty component with one instance, so that what befalls it is seen by the next request.
fn host(policy: &str, limits: Limits) -> Result<Verifier, LoadError> {
    Verifier::load(&component(), policy, Options { limits, instances: 1 })
}

async fn ask(verifier: &Verifier, target: &str) -> Decision {
    let request = Request { method: "GET", host: "orders.example", target, headers: &HeaderMap::new() };
    verifier.authorize(&request).await
}

async fn denied(verifier: &Verifier, target: &str) -> Rejection {
    match ask(verifier, target).await {
        Decision::Deny(rejection) => rejection,
        Decision::Allow(grant) => panic!("{target} was allowed: {grant:?}"),
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
    let limits = Limits { memory: 8 * 1024 * 1024, decision: Duration::from_secs(60), ..Limits::default() };
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
    assert_eq!((rejection.status, &*rejection.error), (StatusCode::SERVICE_UNAVAILABLE, "keys-unavailable"));
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
    let importing = br#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#;
    // The text form is not taken either: only what was built is run.
    assert!(matches!(load(importing), Err(LoadError::Runtime(RuntimeError::Component(_)))));
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
            "2:3: `issuers` is missing",
            "2:3: /issuer: unknown member (did you mean `issuers`?)",
            "3:16: /audiences: at least one is needed",
        ]
    );
}
