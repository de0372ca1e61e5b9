//! Requests that wait for a document.

use tessera_envoy_filter::PAUSED_REQUESTS;

use crate::{
    envoy::Envoy,
    key_server::{Conduct, KeyServer},
    requests::{Caller, Fate},
};

#[test]
fn no_more_wait_than_there_is_room_for() {
    let envoy = Envoy::start_with(2, KeyServer { latency: 4_000, ..KeyServer::new() });
    envoy.pass(500);
    let waiting: Vec<_> = (0..PAUSED_REQUESTS).map(|_| envoy.request(1, Caller::GOOD)).collect();
    assert_eq!(envoy.paused(1), PAUSED_REQUESTS);
    for _ in 0..8 {
        let beyond = envoy.request(1, Caller::GOOD);
        assert_eq!(envoy.fate(beyond), Fate::Replied(503), "decided with what there is");
    }
    let public = envoy.request(1, Caller::Public);
    assert_eq!(envoy.fate(public), Fate::Passed, "who needs nothing waits for nothing");
    let elsewhere = envoy.request(2, Caller::GOOD);
    assert_eq!(envoy.fate(elsewhere), Fate::Paused, "each worker has room of its own");

    envoy.leave(7);
    let next = envoy.request(1, Caller::GOOD);
    assert_eq!(envoy.fate(next), Fate::Paused, "in the place of one whose client went away");
    envoy.pass(4_000);
    for (number, request) in waiting.into_iter().enumerate() {
        let fate = if number == 7 { Fate::Left } else { Fate::Passed };
        assert_eq!(envoy.fate(request), fate, "{number}");
    }
    assert_eq!([next, elsewhere].map(|request| envoy.fate(request)), [Fate::Passed; 2]);
}

#[test]
fn each_who_waits_is_decided_about_by_itself() {
    let envoy = Envoy::start_with(1, KeyServer { latency: 1_000, ..KeyServer::new() });
    let callers = [Caller::GOOD, Caller::FORGED, Caller::GOOD];
    let waiting = callers.map(|caller| envoy.request(1, caller));
    envoy.pass(1_100);
    let fates = waiting.map(|request| envoy.fate(request));
    assert_eq!(fates, [Fate::Passed, Fate::Replied(401), Fate::Passed]);
}

#[test]
fn a_pause_ends_after_a_fetch_and_a_second() {
    let envoy = Envoy::start_with(1, KeyServer { conduct: Conduct::Silent, ..KeyServer::new() });
    let request = envoy.request(1, Caller::GOOD);
    envoy.pass(5_990);
    assert_eq!(envoy.fate(request), Fate::Paused);
    envoy.pass(50);
    assert_eq!(envoy.fate(request), Fate::Replied(503));
}

/// Whatever the proxy refuses, nothing passes that is not as it has to be upstream.
#[test]
fn a_request_that_cannot_be_changed_does_not_pass() {
    for refusal in 1..12 {
        let envoy = Envoy::start(1);
        envoy.pass(1_500);
        envoy.state.borrow_mut().refusal = Some(refusal);
        let request = envoy.request(1, Caller::GOOD);
        let refused = envoy.state.borrow().refusal.is_none_or(|calls| calls == 0);
        let fate = if refused { Fate::Replied(503) } else { Fate::Passed };
        assert_eq!(envoy.fate(request), fate, "{refusal}");
    }
}
