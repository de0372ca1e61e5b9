//! Clocks that are moved, mostly back.

use crate::{
    envoy::Envoy,
    key_server::{Conduct, KeyServer},
    requests::{Caller, Fate},
};

/// In milliseconds.
const MOVES: [i64; 11] =
    [-86_400_000, -3_600_000, -60_000, -11_001, -6_000, -5_000, -3_000, -20, 0, 2_000, 3_600_000];

/// The worker that has the lease never hears of its call, and the clock is moved. The lease lasts no longer for that:
/// it has a second more than the fetch, a tick until it is noticed, and one fetch until there is a document.
#[test]
fn a_moved_clock_extends_no_lease() {
    for millis in MOVES {
        for after in [5, 1_000, 4_000] {
            let envoy = Envoy::start_with(3, KeyServer { conduct: Conduct::Silent, ..KeyServer::new() });
            envoy.pass(after);
            envoy.move_clock(millis);
            envoy.set_server(Conduct::Good);
            envoy.pass(6_200 - after);
            envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
        }
    }
}

#[test]
fn a_clock_that_is_put_back_again_and_again_extends_no_lease() {
    let envoy = Envoy::start_with(3, KeyServer { conduct: Conduct::Silent, ..KeyServer::new() });
    envoy.pass(50);
    envoy.set_server(Conduct::Good);
    for _ in 0..60 {
        envoy.move_clock(-150);
        envoy.pass(100);
    }
    envoy.pass(200);
    envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
}

/// Copies from the future serve nobody; others are fetched at once.
#[test]
fn a_moved_clock_does_not_stop_fetching() {
    for millis in MOVES {
        let envoy = Envoy::start(3);
        envoy.pass(100_000);
        envoy.move_clock(millis);
        let waiting: Vec<_> = (1..=3).map(|worker| envoy.request(worker, Caller::GOOD)).collect();
        envoy.pass(1_200);
        for request in waiting {
            assert_eq!(envoy.fate(request), Fate::Passed, "{millis}");
        }
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
        // And goes on: a key that is published then is found.
        envoy.pass(40_000);
        {
            let mut state = envoy.state.borrow_mut();
            (state.server.published, state.generations) = (vec![0, 1], 2);
        }
        let new = Caller::With { issuer: crate::key_server::KNOWN, generation: 1, forged: false };
        let request = envoy.request(1, new);
        envoy.pass(1_200);
        assert_eq!(envoy.fate(request), Fate::Passed, "{millis}");
        envoy.assert_everywhere(new, Fate::Passed);
    }
}

/// [`Envoy::pass`] holds every pause against the clock that nobody moves.
#[test]
fn a_moved_clock_extends_no_pause() {
    for millis in MOVES.into_iter().filter(|millis| *millis <= 0) {
        let envoy = Envoy::start_with(2, KeyServer { conduct: Conduct::Silent, ..KeyServer::new() });
        envoy.pass(1_000);
        let request = envoy.request(1, Caller::GOOD);
        for step in [2_000, 1_500, 500] {
            envoy.pass(step);
            envoy.move_clock(millis);
        }
        envoy.pass(1_950);
        if millis == 0 {
            assert_eq!(envoy.fate(request), Fate::Paused, "no sooner");
        }
        envoy.pass(100);
        assert_eq!(envoy.fate(request), Fate::Replied(503), "{millis}");
    }
}

/// A worker that comes back finds a copy from the future, and fetches.
#[test]
fn a_copy_from_the_future_stops_no_new_worker() {
    for millis in MOVES {
        let envoy = Envoy::start(1);
        envoy.pass(50);
        envoy.doom(1, 1);
        envoy.doom(0, 1);
        envoy.pass(2_000);
        envoy.move_clock(millis);
        envoy.pass(3_000);
        envoy.assert_everywhere(Caller::GOOD, Fate::Passed);
    }
}
