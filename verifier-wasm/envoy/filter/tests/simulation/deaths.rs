//! Workers that end in the middle of something, as by a fault in the filter.

use crate::{
    envoy::Envoy,
    key_server::{Conduct, KeyServer},
    requests::{Caller, Fate},
};

/// The worker that fetches dies at any of its calls. Once its lease is over another takes that over, and requests that
/// wait there for less time than that pass.
#[test]
fn the_lease_of_a_dead_worker_is_taken_over() {
    let mut survived = false;
    for calls in 1..200 {
        let envoy = Envoy::start_with(3, KeyServer { latency: 400, ..KeyServer::new() });
        envoy.state.borrow_mut().reloads = false;
        envoy.doom(0, calls);
        envoy.pass(3_000);
        survived = envoy.is_alive(0);
        let waiting: Vec<_> = (1..=3).map(|worker| envoy.request(worker, Caller::GOOD)).collect();
        envoy.pass(3_500);
        for request in waiting {
            assert_eq!(envoy.fate(request), Fate::Passed, "after {calls} calls");
        }
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
        if survived {
            break;
        }
    }
    assert!(survived, "more than all calls of its first seconds");
}

/// The requests that wait at a worker die with it, and those that come after its return are served.
#[test]
fn nothing_that_waits_at_a_dead_worker_passes() {
    for calls in 1..20 {
        let envoy = Envoy::start_with(2, KeyServer { latency: 2_000, ..KeyServer::new() });
        envoy.pass(500);
        let waiting: Vec<_> = (0..5).map(|_| envoy.request(1, Caller::GOOD)).collect();
        let elsewhere = envoy.request(2, Caller::GOOD);
        envoy.doom(1, calls);
        envoy.pass(100);
        assert!(!envoy.is_alive(1), "{calls}");
        for request in waiting {
            assert_eq!(envoy.fate(request), Fate::Hangs);
        }
        let refused = envoy.request(1, Caller::GOOD);
        assert_eq!(envoy.fate(refused), Fate::Replied(503), "nobody is there");
        envoy.pass(2_000);
        assert_eq!(envoy.fate(elsewhere), Fate::Passed);
        assert!(envoy.is_alive(1));
        envoy.pass(100);
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
    }
}

/// It dies while a request is being decided: that is not passed on.
#[test]
fn a_worker_that_dies_over_a_request_does_not_pass_it() {
    let mut survived = false;
    for calls in 1..60 {
        let envoy = Envoy::start(1);
        envoy.pass(1_500);
        envoy.doom(1, calls);
        let request = envoy.request(1, Caller::GOOD);
        survived = envoy.is_alive(1);
        let fate = if survived { Fate::Passed } else { Fate::Replied(503) };
        assert_eq!(envoy.fate(request), fate, "{calls}");
        if survived {
            break;
        }
    }
    assert!(survived);
}

/// A worker that comes back starts from the documents that it finds.
#[test]
fn a_new_worker_needs_no_fetch() {
    let envoy = Envoy::start(2);
    envoy.pass(1_500);
    envoy.set_server(Conduct::Closed);
    envoy.doom(1, 1);
    envoy.pass(2_500);
    envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
}
