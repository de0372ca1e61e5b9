//! What a source of keys can do to the filter, and must not.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tessera_tests::{envoy::bootstrap, http::get, key_server::Answer};
use tokio::{net::TcpListener, time::timeout};
use url::Url;

use super::rig::{KEYS, Scenery};

/// Larger than what Envoy takes of an answer to a filter, which is 32 MiB, at which it gives the call up and calls
/// back without header fields.
const OVERLARGE: usize = 40 * 1024 * 1024;

/// How long a request waits for keys at most: the core's time for a fetch and a second. The rest is for a machine
/// that is busy with other tests.
const REFUSED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn keys_are_there_before_the_first_request() {
    let rig = Scenery::set().await.start().await;
    assert!(rig.scenery.source.asked(KEYS, 1).await, "asked before any request");
    let token = rig.token();
    let response = rig.send(&token).await;
    assert_eq!(response.status, 200, "{}", rig.envoy.log());
}

/// Workers start at the same time, and their clocks are read one after the other.
#[tokio::test]
async fn one_worker_fetches_for_all() {
    for _ in 0..3 {
        let rig = Scenery::set().await.start_with(|setup| setup.options.workers = 8).await;
        let token = rig.token();
        let callers: Vec<_> = (0..40).map(|_| tokio::spawn(rig.call(&token).send())).collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap().status, 200, "{}", rig.envoy.log());
        }
        assert_eq!(rig.scenery.source.requests(KEYS), 1, "{}", rig.envoy.log());
    }
}

#[tokio::test]
async fn an_answer_of_40_mb_is_no_key_set() {
    recovers_from(Answer::bytes(vec![b' '; OVERLARGE])).await;
}

#[tokio::test]
async fn an_answer_with_503_is_no_key_set() {
    let keys = Scenery::set().await.keys();
    recovers_from(keys.with_status(StatusCode::SERVICE_UNAVAILABLE)).await;
}

#[tokio::test]
async fn rubbish_is_no_key_set() {
    recovers_from(Answer::bytes("{\"keys\":[")).await;
}

#[tokio::test]
async fn what_is_not_utf8_is_no_key_set() {
    recovers_from(Answer::bytes(&b"{\"keys\":[],\"x\":\"\xff\"}"[..])).await;
}

#[tokio::test]
async fn nothing_is_no_key_set() {
    recovers_from(Answer::bytes("")).await;
}

#[tokio::test]
async fn a_closed_connection_is_no_key_set() {
    recovers_from(Answer::Closed).await;
}

/// The fields of an answer are bytes, of which the SDK wants text.
#[tokio::test]
async fn fields_that_are_no_text_do_no_harm() {
    let rubbish = HeaderValue::from_bytes(b"max-age=\xff\xfe").unwrap();
    let scenery = Scenery::set().await;
    scenery.source.answer(KEYS, scenery.keys().with_header(header::CACHE_CONTROL, rubbish));
    let rig = scenery.start().await;
    rig.passes_soon(&rig.token()).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = HeaderValue::from_static("https://issuer.example/elsewhere");
    let redirect = Answer::bytes("").with_status(StatusCode::FOUND).with_header(header::LOCATION, elsewhere);
    let scenery = Scenery::with(redirect).await;
    scenery.source.answer("/elsewhere", scenery.keys());
    let rig = scenery.start().await;
    let response = rig.send(&rig.token()).await;
    assert_eq!(response.status, 503);
    assert_eq!(rig.scenery.source.requests("/elsewhere"), 0);
}

/// Refuses, stays alive, and serves once a good key set comes.
async fn recovers_from(bad: Answer) {
    let rig = Scenery::with(bad).await.start().await;
    let token = rig.token();
    let response = rig.send(&token).await;
    assert_eq!(response.status, 503, "{}", rig.envoy.log());
    assert_eq!(response.challenge(), None, "the caller can do nothing about it");
    assert_eq!(response.headers.get(header::CACHE_CONTROL), Some(&HeaderValue::from_static("no-store")));
    rig.assert_alive().await;
    assert_eq!(rig.scenery.service.arrived(), 1, "the public request alone");

    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    rig.passes_soon(&token).await;
}

#[tokio::test]
async fn a_source_that_never_answers_holds_nobody_for_long() {
    let rig = Scenery::with(Answer::Held).await.start().await;
    let token = rig.token();
    let response = timeout(REFUSED_WITHIN, rig.call(&token).send()).await;
    let response = response.expect("the request hangs").unwrap();
    assert_eq!(response.status, 503, "{}", rig.envoy.log());
    rig.assert_alive().await;

    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    rig.passes_soon(&token).await;
}

#[tokio::test]
async fn a_source_that_is_not_there_is_one_that_does_not_answer() {
    // Bound and let go: a port where nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    let scenery = Scenery::set().await;
    let rig = scenery
        .start_with(|setup| {
            setup.clusters.pop();
            setup.clusters.push(bootstrap::cluster("issuer", &nobody));
        })
        .await;
    assert_eq!(rig.send(&rig.token()).await.status, 503, "{}", rig.envoy.log());
    rig.assert_alive().await;
}

/// Envoy answers such a call within the call that starts it.
#[tokio::test]
async fn a_cluster_without_endpoints_is_a_source_that_is_not_there() {
    let scenery = Scenery::set().await;
    let rig = scenery
        .start_with(|setup| {
            setup.clusters[1]["load_assignment"]["endpoints"] = json!([]);
        })
        .await;
    assert_eq!(rig.send(&rig.token()).await.status, 503, "{}", rig.envoy.log());
    rig.assert_alive().await;
}

#[tokio::test]
async fn a_cluster_that_envoy_does_not_have_is_said_and_refused() {
    let scenery = Scenery::set().await;
    let rig = scenery
        .start_with(|setup| setup.plugin["clusters"] = json!({ "https://issuer.example": "nowhere" }))
        .await;
    assert_eq!(rig.send(&rig.token()).await.status, 503, "{}", rig.envoy.log());
    rig.assert_alive().await;
    let log = rig.envoy.log();
    assert!(log.contains("https://issuer.example through cluster nowhere"), "{log}");
}

/// Keys by discovery take two fetches, the second of which only the first leads to.
#[tokio::test]
async fn a_request_waits_for_both_fetches_of_a_discovery() {
    const METADATA: &str = "/.well-known/openid-configuration";
    let scenery = Scenery::set().await;
    scenery.source.answer(METADATA, Answer::Held);
    let rig = scenery
        .start_with(|setup| {
            setup.plugin["policy"]["issuers"][0] =
                json!({ "issuer": "https://issuer.example", "discovery": true });
        })
        .await;
    let waiting = tokio::spawn(rig.call(&rig.token()).send());
    rig.inside(1).await;
    let metadata = json!({ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/keys" });
    rig.scenery.source.answer(METADATA, Answer::json(&metadata));
    assert_eq!(waiting.await.unwrap().unwrap().status, 200, "{}", rig.envoy.log());
    let public = get(rig.at("/healthz")).send().await.unwrap();
    assert_eq!(public.status, 200);
}
