//! Callers over simulated time: one verifier, a server that answers or does not, and attempts that go on until they are
//! decided.

use super::*;
use alloc::{format, string::ToString, vec::Vec};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    AcceptedAudience, Error, Verifier,
    testing::{self, ISSUER, Signer, at, key_set},
};

const METADATA: &str = "https://issuer.example/.well-known/openid-configuration";
const KEYS: &str = "https://issuer.example/jwks";

/// A verifier that knows of its issuer only where the metadata are, and the one signer of that issuer.
struct Fixture {
    verifier: Verifier,
    signer: Signer,
    now: i64,
}

/// How a caller was answered in the end: `Ok` if its token was accepted.
type Answer = Result<(), Error>;

impl Fixture {
    fn new() -> Self {
        let verifier = testing::load(&testing::policy(json!({ "discovery": true })));
        Self { verifier, signer: Signer::ed25519(), now: 0 }
    }

    fn ask(&mut self, attempt: &mut Attempt) -> Step<Answer> {
        let (issued, expiry) = (at(self.now), at(self.now + 60));
        let times = [("iat", format!("{issued}")), ("exp", format!("{expiry}"))];
        let times: Vec<(&str, &str)> = times.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let token = self.signer.access_token("k", &times);
        let step = self.verifier.authenticate(&token, AcceptedAudience::OfPolicy, attempt, at(self.now));
        step.map(|verdict| verdict.map(drop))
    }

    fn deliver(&mut self, request: &FetchRequest) {
        let text = match request.url.as_str() {
            METADATA => json!({ "issuer": ISSUER, "jwks_uri": KEYS }).to_string(),
            KEYS => key_set(&[self.signer.jwk("k")]),
            other => panic!("nobody has {other}"),
        };
        self.verifier.supply(request.id, &text, "", at(self.now)).unwrap();
    }

    fn fail(&mut self, request: &FetchRequest) {
        self.verifier.fail(request.id, at(self.now));
    }
}

fn fetch(step: Step<Answer>) -> FetchRequest {
    match step {
        Step::Fetch(request) => request,
        step => panic!("{step:?}"),
    }
}

fn unavailable() -> Step<Answer> {
    Step::Done(Err(Error::KeysUnavailable { issuer: ISSUER.into() }))
}

#[test]
fn one_caller_fetches_one_document_after_the_other() {
    let mut fixture = Fixture::new();
    let mut attempt = Attempt::new();
    for url in [METADATA, KEYS] {
        let request = fetch(fixture.ask(&mut attempt));
        assert_eq!(request.url, url);
        fixture.deliver(&request);
    }
    assert_eq!(fixture.ask(&mut attempt), Step::Done(Ok(())));
}

#[test]
fn others_wait_for_the_fetch_of_the_first_and_go_on_from_there() {
    let mut fixture = Fixture::new();
    let (mut first, mut second) = (Attempt::new(), Attempt::new());
    let metadata = fetch(fixture.ask(&mut first));
    fixture.now = 2;
    assert_eq!(fixture.ask(&mut second), Step::Wait { until: at(6) });
    fixture.deliver(&metadata);
    // The second comes first now, and the first waits for it.
    let keys = fetch(fixture.ask(&mut second));
    assert_eq!(keys.url, KEYS);
    assert_eq!(fixture.ask(&mut first), Step::Wait { until: at(8) });
    fixture.deliver(&keys);
    assert_eq!((fixture.ask(&mut first), fixture.ask(&mut second)), (Step::Done(Ok(())), Step::Done(Ok(()))));
}

#[test]
fn a_failed_fetch_is_an_answer() {
    let mut fixture = Fixture::new();
    let (mut first, mut second) = (Attempt::new(), Attempt::new());
    let metadata = fetch(fixture.ask(&mut first));
    assert_eq!(fixture.ask(&mut second), Step::Wait { until: at(6) });
    fixture.fail(&metadata);
    assert_eq!((fixture.ask(&mut first), fixture.ask(&mut second)), (unavailable(), unavailable()));
}

#[test]
fn whoever_waited_for_one_that_never_reports_fetches_in_its_place() {
    let mut fixture = Fixture::new();
    let (mut lost, mut attempt) = (Attempt::new(), Attempt::new());
    fetch(fixture.ask(&mut lost));
    fixture.now = 1;
    assert_eq!(fixture.ask(&mut attempt), Step::Wait { until: at(6) });
    fixture.now = 6;
    let request = fetch(fixture.ask(&mut attempt));
    fixture.deliver(&request);
    assert_eq!(fetch(fixture.ask(&mut attempt)).url, KEYS);
}

#[test]
fn a_caller_waits_for_others_as_long_as_one_fetch_takes() {
    let mut fixture = Fixture::new();
    let mut attempt = Attempt::new();
    let metadata = fetch(fixture.ask(&mut Attempt::new()));
    assert!(matches!(fixture.ask(&mut attempt), Step::Wait { .. }));
    fixture.now = 5;
    fixture.deliver(&metadata);
    let _keys = fetch(fixture.ask(&mut Attempt::new()));
    assert_eq!(fixture.ask(&mut attempt), Step::Wait { until: at(6) });
    fixture.now = 6;
    assert_eq!(fixture.ask(&mut attempt), unavailable());
}

#[test]
fn past_its_rounds_a_caller_is_told_of_no_fetch_and_the_next_one_is() {
    let mut fixture = Fixture::new();
    let mut attempt = Attempt::new();
    for _ in 0..limits::FETCH_ROUNDS {
        // Nobody reports, and the time of each fetch passes.
        fetch(fixture.ask(&mut attempt));
        fixture.now += 6;
    }
    assert_eq!(fixture.ask(&mut attempt), unavailable());
    assert_eq!(fetch(fixture.ask(&mut Attempt::new())).url, METADATA);
}

#[test]
fn the_last_attempt_neither_fetches_nor_waits() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.ask(&mut Attempt::last()), unavailable());
    fetch(fixture.ask(&mut Attempt::new()));
    assert_eq!(fixture.ask(&mut Attempt::last()), unavailable());
}

#[test]
fn a_clock_that_is_put_back_ends_a_wait() {
    let mut fixture = Fixture::new();
    let mut attempt = Attempt::new();
    fetch(fixture.ask(&mut Attempt::new()));
    assert!(matches!(fixture.ask(&mut attempt), Step::Wait { .. }));
    fixture.now = -3600;
    // Nobody knows how long ago the other one began: this one fetches itself, and that once.
    fetch(fixture.ask(&mut attempt));
    assert_eq!(fixture.ask(&mut attempt), unavailable());
}

#[test]
fn an_attempt_survives_a_boundary_of_numbers() {
    assert_eq!((Attempt::new().number(), Attempt::last().number()), (0, u64::MAX));
    let waiting = Attempt { rounds: 2, waits_until: Some(at(0)) };
    for attempt in [Attempt::new(), Attempt::last(), waiting, Attempt { rounds: 3, waits_until: None }] {
        assert_eq!(Attempt::from_number(attempt.number()), attempt);
    }
}

/// What happens next in the life of a service.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, in seconds.
    Pass(i64),
    /// A caller asks: a new one, or one that is not decided yet.
    Ask(usize),
    /// A fetch that was begun ends, well or not.
    End(usize, bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => prop_oneof![Just(1_i64), 0..7_i64, 0..100_i64].prop_map(Event::Pass),
        6 => any::<usize>().prop_map(Event::Ask),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, well)| Event::End(which, well)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever happens: one fetch of a document at a time, at most [`limits::FETCH_ROUNDS`] a caller, nobody waits for
    /// longer than a fetch may take, and what crossed a boundary as a number goes on as it would have.
    #[test]
    fn every_caller_is_decided(events in prop::collection::vec(event(), 100..400)) {
        let mut fixture = Fixture::new();
        let mut callers: Vec<(Attempt, u32, Option<i64>)> = Vec::new();
        let mut fetches: Vec<(FetchRequest, i64)> = Vec::new();
        for event in events {
            match event {
                Event::Pass(seconds) => fixture.now += seconds,
                Event::End(which, well) if !fetches.is_empty() => {
                    let (request, since) = fetches.remove(which % fetches.len());
                    if fixture.now < since + 6 {
                        if well { fixture.deliver(&request) } else { fixture.fail(&request) }
                    }
                }
                Event::End(..) => {}
                Event::Ask(which) => {
                    let which = which % (callers.len() + 1);
                    if which == callers.len() {
                        callers.push((Attempt::new(), 0, None));
                    }
                    let (attempt, rounds, waits_since) = &mut callers[which];
                    *attempt = Attempt::from_number(attempt.number());
                    match fixture.ask(attempt) {
                        Step::Done(_) => { callers.remove(which); }
                        Step::Fetch(request) => {
                            *rounds += 1;
                            prop_assert!(*rounds <= limits::FETCH_ROUNDS);
                            let under_way = |(other, since): &(FetchRequest, i64)| {
                                other.id == request.id && fixture.now < since + 6
                            };
                            prop_assert!(!fetches.iter().any(under_way), "one fetch at a time");
                            fetches.push((request, fixture.now));
                        }
                        Step::Wait { until } => {
                            let since = *waits_since.get_or_insert(fixture.now);
                            prop_assert!(at(fixture.now) < until && until <= at(since + 6));
                        }
                    }
                }
            }
        }
        // Nothing comes any more, and everybody asks when it is time.
        for (mut attempt, mut rounds, _) in callers {
            while fixture.ask(&mut attempt).done().is_none() {
                fixture.now += 6;
                rounds += 1;
                prop_assert!(rounds <= 2 * limits::FETCH_ROUNDS + 2, "{attempt:?}");
            }
        }
    }
}
