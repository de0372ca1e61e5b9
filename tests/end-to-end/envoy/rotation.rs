//! Keys that come and go while requests are served. Between two fetches there are 30 s in any case, so that each
//! of these waits for that long, at the same time as the others.

use std::time::Duration;

use http::StatusCode;
use tessera_tests::{
    http::get,
    key_server::Answer,
    signing::{Algorithm, SigningKey, key_set},
    token::Token,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::rig::{KEYS, Rig, Scenery, claims, until};

/// The core's pause between two fetches of one document, and a second, since its time is in whole seconds.
const COOLDOWN: Duration = Duration::from_secs(31);

#[tokio::test]
async fn a_new_key_is_fetched_once_for_all() {
    tokio::join!(
        a_new_key_lets_everybody_through_after_one_fetch(),
        a_fetch_outlives_the_request_that_led_to_it(),
        a_source_that_died_leaves_its_last_keys(),
        a_key_that_there_is_not_is_asked_for_once(),
    );
}

/// Serves with the first key, and waits until a new one may be fetched. Gives a token that needs it.
async fn rotated(workers: u32) -> (Rig, SigningKey, Token) {
    let scenery = Scenery::set().await;
    let rig = scenery.start_with(|setup| setup.options.workers = workers).await;
    rig.passes_soon(&rig.token()).await;
    let key = SigningKey::new(Algorithm::Es256, "k2").unwrap();
    let token = key.sign(&claims()).unwrap();
    assert_eq!(rig.send(&token).await.status, 401, "within the pause nothing is fetched");
    // On connections of their own, so that every worker has its share.
    for _ in 0..4 * workers {
        assert_eq!(rig.send(&rig.token()).await.status, 200);
    }
    assert_eq!(rig.scenery.source.requests(KEYS), 1, "one fetch for all workers");
    sleep(COOLDOWN).await;
    (rig, key, token)
}

async fn a_new_key_lets_everybody_through_after_one_fetch() {
    const CALLERS: u32 = 20;
    let (rig, key, token) = rotated(4).await;
    rig.scenery.source.answer(KEYS, Answer::Held);
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(rig.call(&token).send())).collect();
    rig.inside(CALLERS.into()).await;
    assert_eq!(rig.send(&rig.token()).await.status, 200, "whose key is known does not wait");

    rig.scenery.source.answer(KEYS, Answer::json(&key_set([&rig.scenery.key, &key])));
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status, 200, "{}", rig.envoy.log());
    }
    for _ in 0..16 {
        assert_eq!(rig.send(&token).await.status, 200);
    }
    let requests = rig.scenery.source.requests(KEYS);
    assert_eq!(requests, 2, "one fetch for all callers and workers: {}", rig.envoy.log());
}

/// Whichever worker learns of it: the others look once a second.
#[tokio::test]
async fn a_withdrawn_key_is_withdrawn_for_all() {
    let (rig, key, token) = rotated(4).await;
    let old = rig.token();
    rig.scenery.source.answer(KEYS, Answer::json(&key_set([&key])));
    assert_eq!(rig.send(&token).await.status, 200);
    let refused_by_all = async || {
        for _ in 0..24 {
            if rig.send(&old).await.status != 401 {
                return false;
            }
        }
        true
    };
    // Well below the time at which each worker would look by itself: 480 s after its last fetch.
    until(refused_by_all, || "a worker still takes the old key".to_owned()).await;
    assert_eq!(rig.scenery.source.requests(KEYS), 2);
}

async fn a_fetch_outlives_the_request_that_led_to_it() {
    let (rig, key, token) = rotated(1).await;
    rig.scenery.source.answer(KEYS, Answer::Held);
    let mut client = TcpStream::connect(rig.at("/").socket_addrs(|| None).unwrap()[0]).await.unwrap();
    let head = format!("GET /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", token.as_str());
    client.write_all(head.as_bytes()).await.unwrap();
    assert!(rig.scenery.source.asked(KEYS, 2).await);
    drop(client);
    rig.inside(0).await;
    rig.scenery.source.answer(KEYS, Answer::json(&key_set([&rig.scenery.key, &key])));
    rig.passes_soon(&token).await;
    assert_eq!(rig.scenery.source.requests(KEYS), 2);
}

async fn a_source_that_died_leaves_its_last_keys() {
    let (rig, _, token) = rotated(2).await;
    let down = Answer::bytes("down").with_status(StatusCode::SERVICE_UNAVAILABLE);
    rig.scenery.source.answer(KEYS, down);
    assert_eq!(rig.send(&token).await.status, 401);
    assert_eq!(rig.scenery.source.requests(KEYS), 2, "it was asked");
    for _ in 0..8 {
        assert_eq!(rig.send(&rig.token()).await.status, 200, "{}", rig.envoy.log());
    }
}

async fn a_key_that_there_is_not_is_asked_for_once() {
    let (rig, _, token) = rotated(2).await;
    for _ in 0..20 {
        let response = rig.send(&token).await;
        assert_eq!(response.status, 401);
        assert_eq!(response.challenge(), Some(r#"Bearer realm="orders", error="invalid_token""#));
    }
    assert_eq!(rig.scenery.source.requests(KEYS), 2);
    let public = get(rig.at("/healthz")).send().await.unwrap();
    assert_eq!(public.status, 200);
}
