//! Whatever happens, in whatever order. The rules that hold all along are asserted by the Envoy itself.

use std::rc::Rc;

use proptest::prelude::*;

use crate::{
    envoy::Envoy,
    key_server::{Conduct, DISCOVERED, KNOWN},
    requests::{Caller, Fate},
};

const WORKERS: usize = 3;

#[derive(Clone, Debug)]
enum Event {
    Request(usize, Caller, Option<&'static str>),
    /// Many requests at once.
    Flood(usize, usize),
    /// The client of a paused request goes away.
    Leave(usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The clock is moved by so many milliseconds.
    Clock(i64),
    Server(Conduct, u64),
    /// The issuer publishes another key, and withdraws the oldest or does not.
    Rotate(bool),
    /// A worker dies after so many calls.
    Doom(usize, u32),
    /// What other workers do in between.
    Between(Vec<u8>),
    /// The proxy refuses one of the next calls about requests.
    Refuse(u32),
    /// So many compare-and-swaps are lost.
    Lose(u32),
}

fn caller() -> impl Strategy<Value = Caller> {
    let issuer = prop_oneof![3 => Just(KNOWN), 1 => Just(DISCOVERED)];
    let with = (issuer, 0..3_u8, prop::bool::weighted(0.2))
        .prop_map(|(issuer, generation, forged)| Caller::With { issuer, generation, forged });
    prop_oneof![6 => with, 1 => Just(Caller::Without), 1 => Just(Caller::Public)]
}

fn conduct() -> impl Strategy<Value = Conduct> {
    prop_oneof![
        4 => Just(Conduct::Good),
        1 => Just(Conduct::Status(500)),
        1 => Just(Conduct::Garbage),
        1 => Just(Conduct::Closed),
        1 => Just(Conduct::TimesOut),
        2 => Just(Conduct::Silent),
        2 => (0..9_000_u64).prop_map(Conduct::Late),
        1 => Just(Conduct::Refused),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let millis = prop_oneof![-10_000..10_000_i64, -3_600_000..3_600_000_i64];
    prop_oneof![
        8 => (1..=WORKERS, caller(), prop_oneof![2 => Just(None), 1 => Just(Some("second"))])
            .prop_map(|(worker, caller, policy)| Event::Request(worker, caller, policy)),
        1 => (1..=WORKERS, 1..40_usize).prop_map(|(worker, number)| Event::Flood(worker, number)),
        1 => any::<usize>().prop_map(Event::Leave),
        8 => prop_oneof![4 => 0..100_u64, 3 => 0..7_000_u64, 1 => 0..60_000_u64].prop_map(Event::Pass),
        2 => millis.prop_map(Event::Clock),
        3 => (conduct(), prop_oneof![0..50_u64, 0..5_000_u64])
            .prop_map(|(conduct, latency)| Event::Server(conduct, latency)),
        1 => any::<bool>().prop_map(Event::Rotate),
        2 => (0..=WORKERS, 1..40_u32).prop_map(|(worker, calls)| Event::Doom(worker, calls)),
        3 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Event::Between),
        1 => (1..10_u32).prop_map(Event::Refuse),
        1 => (1..8_u32).prop_map(Event::Lose),
    ]
}

fn happen(envoy: &Rc<Envoy>, event: Event) {
    let state = || envoy.state.borrow_mut();
    match event {
        Event::Request(worker, caller, policy) => {
            envoy.request_of(worker, caller, policy);
        }
        Event::Flood(worker, number) => {
            (0..number).for_each(|_| {
                envoy.request(worker, Caller::GOOD);
            });
        }
        Event::Leave(number) => envoy.leave(number),
        Event::Pass(millis) => envoy.pass(millis),
        Event::Clock(millis) => envoy.move_clock(millis),
        Event::Server(conduct, latency) => {
            (state().server.conduct, state().server.latency) = (conduct, latency);
        }
        Event::Rotate(withdraw) => {
            let mut state = state();
            if state.generations < 3 {
                let next = state.generations;
                state.server.published.push(next);
                state.generations += 1;
                if withdraw {
                    state.server.published.remove(0);
                }
            }
        }
        Event::Doom(worker, calls) => envoy.doom(worker, calls),
        Event::Between(acts) => state().between = acts,
        Event::Refuse(calls) => state().refusal = Some(calls),
        Event::Lose(number) => state().lost = number,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_history_keeps_the_rules(events in prop::collection::vec(event(), 1..80)) {
        let envoy = Envoy::start(WORKERS);
        for event in events {
            happen(&envoy, event);
        }
        // Then all is well again, for as long as the longest pause of the core lasts, and a fetch.
        envoy.spare();
        {
            let mut state = envoy.state.borrow_mut();
            (state.between, state.refusal, state.lost) = (Vec::new(), None, 0);
            (state.server.conduct, state.server.latency) = (Conduct::Good, 10);
        }
        envoy.pass(60_000);
        for worker in 1..=WORKERS {
            prop_assert_eq!(envoy.paused(worker), 0);
        }
        let generation = envoy.state.borrow().generations - 1;
        for issuer in [KNOWN, DISCOVERED] {
            let newest = Caller::With { issuer, generation, forged: false };
            let forged = Caller::With { issuer, generation, forged: true };
            for worker in 1..=WORKERS {
                envoy.request(worker, newest);
            }
            envoy.pass(35_000);
            envoy.assert_everywhere(newest, Fate::Passed);
            envoy.assert_everywhere(forged, Fate::Replied(401));
        }
        envoy.assert_everywhere(Caller::Without, Fate::Replied(401));
        envoy.assert_everywhere(Caller::Public, Fate::Passed);
    }
}
