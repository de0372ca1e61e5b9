//! The status of tokens in a real Envoy: lists are fetched for all workers, and a revocation shows soon.

use http::{HeaderValue, StatusCode};
use serde_json::json;
use tessera_tests::{
    envoy::{Envoy, Options, bootstrap},
    key_server::Answer,
    signing::{NONE_REVOKED, SOME_REVOKED},
    token::Token,
};

use super::{
    filter, program,
    rig::{Rig, Scenery, Setup, claims, until},
};

/// Where the list is, at the source of keys.
const LIST: &str = "/status/1";
const URI: &str = "https://issuer.example/status/1";

/// Fresh for the shortest time, so that no test waits long.
const TTL: u64 = 1;

fn asks_for_status(setup: &mut Setup) {
    setup.plugin["policy"]["issuers"][0]["status"] = json!({ "lists": "https://issuer.example/status/" });
}

impl Scenery {
    fn list(&self, list: &str) -> Answer {
        Answer::bytes(self.key.sign_status_list(URI, list, TTL).unwrap().as_str().to_owned())
    }
}

impl Rig {
    /// A good token with a place in the list.
    fn token_at(&self, index: u64) -> Token {
        let reference = json!({ "status_list": { "idx": index, "uri": URI } });
        self.scenery.key.sign(&claims().with("status", reference)).unwrap()
    }

    async fn refused_by(&self, token: &Token) -> StatusCode {
        self.send(token).await.status
    }
}

#[tokio::test]
async fn a_revocation_shows_without_a_call_for_each_request() {
    let scenery = Scenery::set().await;
    scenery.source.answer(LIST, scenery.list(NONE_REVOKED));
    let rig = scenery.start_with(asks_for_status).await;
    assert_eq!(rig.scenery.source.requests(LIST), 0, "no token has named a list yet");
    let (first, second) = (rig.token_at(0), rig.token_at(1));
    assert_eq!(rig.send(&first).await.status, 200, "{}", rig.envoy.log());

    rig.scenery.source.answer(LIST, rig.scenery.list(SOME_REVOKED));
    until(async || rig.refused_by(&first).await == 401, || rig.envoy.log()).await;
    let challenge = HeaderValue::from_static(r#"Bearer realm="orders", error="invalid_token""#);
    assert_eq!(rig.send(&first).await.challenge(), challenge.to_str().ok());
    assert_eq!(rig.send(&second).await.status, 200, "the other is as good as before");
}

#[tokio::test]
async fn one_worker_fetches_a_list_for_all() {
    let scenery = Scenery::set().await;
    let list = scenery.key.sign_status_list(URI, NONE_REVOKED, 300).unwrap();
    scenery.source.answer(LIST, Answer::bytes(list.as_str().to_owned()));
    let rig = scenery
        .start_with(|setup| {
            asks_for_status(setup);
            setup.options.workers = 8;
        })
        .await;
    let token = rig.token_at(0);
    let callers: Vec<_> = (0..40).map(|_| tokio::spawn(rig.call(&token).send())).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status, 200, "{}", rig.envoy.log());
    }
    // Whoever finds no record of a document creates one, and two may at the same time.
    let asked = rig.scenery.source.requests(LIST);
    assert!((1..=2).contains(&asked), "{asked} fetches: {}", rig.envoy.log());
}

#[tokio::test]
async fn without_its_list_a_token_does_not_pass() {
    let rig = Scenery::set().await.start_with(asks_for_status).await;
    let token = rig.token_at(1);
    let response = rig.send(&token).await;
    assert_eq!((response.status, response.challenge()), (StatusCode::SERVICE_UNAVAILABLE, None));
    rig.assert_alive().await;
    assert_eq!(rig.send(&rig.token()).await.status, 200, "a token without a status needs none");

    rig.scenery.source.answer(LIST, rig.scenery.list(SOME_REVOKED));
    rig.passes_soon(&token).await;
}

#[tokio::test]
async fn lists_without_a_cluster_are_no_configuration() {
    let scenery = Scenery::set().await;
    let mut setup = scenery.setup();
    setup.plugin["policy"]["issuers"][0]["status"] = json!({ "lists": "https://lists.example/status/" });
    let listener = bootstrap::listener("main", &[filter(&setup.plugin)], &setup.routes);
    let config = bootstrap::bootstrap(&[listener], &setup.clusters);
    let error = Envoy::start(&program(), &config, &Options::default()).await.unwrap_err().to_string();
    let expected = "`https://lists.example` is not there: add the cluster that reaches it";
    assert!(error.contains(expected), "{error}");
}
