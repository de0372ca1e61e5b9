//! Who fetches, and how what was fetched gets around.

use crate::{
    envoy::Envoy,
    key_server::{Conduct, DISCOVERED, KNOWN, KeyServer},
    requests::{Caller, Fate},
};

const DISCOVERED_CALLER: Caller = Caller::With { issuer: DISCOVERED, generation: 0, forged: false };

#[test]
fn one_worker_fetches_for_all() {
    let envoy = Envoy::start(8);
    envoy.pass(1_500);
    for caller in [Caller::GOOD, DISCOVERED_CALLER] {
        envoy.assert_everywhere(caller, Fate::Passed);
        let second = envoy.request_of(1, caller, Some("second"));
        assert_eq!(envoy.fate(second), Fate::Passed);
    }
    envoy.assert_everywhere(Caller::FORGED, Fate::Replied(401));
    envoy.assert_everywhere(Caller::Without, Fate::Replied(401));
    let unknown = envoy.request_of(1, Caller::GOOD, Some("third"));
    assert_eq!(envoy.fate(unknown), Fate::Replied(503));
    assert_eq!(envoy.calls_made(), 3, "a key set, metadata, and the key set that they name");
}

#[test]
fn the_first_requests_wait_for_one_fetch() {
    let envoy = Envoy::start_with(4, KeyServer { latency: 3_000, ..KeyServer::new() });
    let requests: Vec<_> = (1..=4).map(|worker| envoy.request(worker, Caller::GOOD)).collect();
    envoy.pass(2_900);
    assert!(requests.iter().all(|request| envoy.fate(*request) == Fate::Paused));
    envoy.pass(150);
    assert!(requests.iter().all(|request| envoy.fate(*request) == Fate::Passed));
    assert_eq!(envoy.calls_made(), 2, "and metadata");
}

/// Other workers get in the way of writing that a document is there, as often as there may be workers. It is the last
/// that the server answers.
#[test]
fn a_lost_compare_and_swap_loses_no_document() {
    for lost in 0..=12 {
        let envoy = Envoy::start_with(3, KeyServer { latency: 100, ..KeyServer::new() });
        envoy.pass(50);
        envoy.set_server(Conduct::Silent);
        envoy.state.borrow_mut().lost = lost;
        envoy.pass(1_500);
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
    }
}

/// As often as they take the lease from each other, one of them fetches.
#[test]
fn a_lost_compare_and_swap_leaves_no_document_unfetched() {
    for lost in 0..=60 {
        let envoy = Envoy::start(3);
        envoy.state.borrow_mut().lost = lost;
        envoy.pass(2_000);
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
    }
}

/// The worker stood still for as long as its lease lasts, and gets an answer then. Another fetched meanwhile, and from
/// that answer a key is gone.
#[test]
fn an_answer_after_the_lease_counts_for_nothing() {
    let envoy = Envoy::start_with(3, KeyServer { conduct: Conduct::Late(3_000), ..KeyServer::new() });
    envoy.pass(5);
    envoy.stall(0, 9_000);
    {
        let mut state = envoy.state.borrow_mut();
        (state.server.conduct, state.server.published, state.generations) = (Conduct::Good, vec![1], 2);
    }
    let new = Caller::With { issuer: KNOWN, generation: 1, forged: false };
    for until in [7_000, 8_500, 10_500, 12_000] {
        let real = envoy.state.borrow().real;
        envoy.pass(until - real);
        envoy.assert_everywhere(new, Fate::Passed);
        envoy.assert_everywhere(Caller::GOOD, Fate::Replied(401));
    }
}

/// A worker whose lease was taken over reports: that ends its own lease, not the other's.
#[test]
fn nobody_ends_the_lease_of_another() {
    let envoy = Envoy::start_with(3, KeyServer { latency: 4_000, ..KeyServer::new() });
    envoy.pass(5);
    // By the clock the lease is over, while the call goes on.
    envoy.move_clock(7_000);
    // Whoever takes over has a call that lasts longer than the first one.
    envoy.set_server(Conduct::TimesOut);
    envoy.pass(10_000);
    envoy.set_server(Conduct::Good);
    envoy.pass(60_000);
    envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
}

/// Whatever the server does, it is asked again, by one worker, and served from when it is well.
#[test]
fn a_server_that_is_well_again_is_noticed() {
    let conducts = [
        Conduct::Status(500),
        Conduct::Status(404),
        Conduct::Garbage,
        Conduct::NotUtf8,
        Conduct::TooLong,
        Conduct::Closed,
        Conduct::TimesOut,
        Conduct::Silent,
        Conduct::Late(500),
        Conduct::Late(5_000),
        Conduct::Refused,
    ];
    for conduct in conducts {
        let envoy = Envoy::start_with(3, KeyServer { conduct, ..KeyServer::new() });
        for _ in 0..10 {
            envoy.request(1, Caller::GOOD);
            envoy.request(2, Caller::Public);
            envoy.pass(3_000);
        }
        assert!(envoy.calls_made() <= 30, "{conduct:?}: {} calls in 30 s", envoy.calls_made());
        envoy.set_server(Conduct::Good);
        envoy.pass(40_000);
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
        envoy.assert_everywhere(DISCOVERED_CALLER, Fate::Passed);
    }
}
