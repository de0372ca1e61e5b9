//! A verifier, its issuer and its callers over simulated days: whatever happens, in whatever order.

use super::*;
use proptest::prelude::*;

const URL: &str = "https://issuer.example/jwks.json";

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, in seconds.
    Pass(u32),
    /// A request comes, with a token of the key of this generation; one ahead is not published yet.
    Request { ahead: bool },
    /// A request comes with an invented key.
    Invented(u16),
    /// The regular look.
    Look,
    /// The fetch that is under way comes to an end.
    Report(Report),
    /// The issuer goes over to its next key.
    Rotate,
}

#[derive(Clone, Copy, Debug)]
enum Report {
    Good,
    Malformed,
    Failed,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop_oneof![0..3_u32, 0..100_u32, 0..5_000_u32, 0..60_000_u32].prop_map(Event::Pass),
        6 => any::<bool>().prop_map(|ahead| Event::Request { ahead }),
        3 => any::<u16>().prop_map(Event::Invented),
        4 => Just(Event::Look),
        6 => prop_oneof![3 => Just(Report::Good), 1 => Just(Report::Malformed), 2 => Just(Report::Failed)]
            .prop_map(Event::Report),
        1 => Just(Event::Rotate),
    ]
}

/// What the test knows about the verifier it watches.
struct World {
    verifier: Verifier,
    signer: Signer,
    now: i64,
    generation: u32,
    /// The generation that the verifier was last given, and when.
    given: Option<(u32, i64)>,
    /// When a fetch was last granted and not reported.
    under_way: Option<i64>,
    last_good: Option<i64>,
}

impl World {
    fn new() -> Self {
        let verifier = testing::load(&testing::policy(json!({ "jwks_uri": URL })));
        let signer = Signer::ed25519();
        Self { verifier, signer, now: 0, generation: 0, given: None, under_way: None, last_good: None }
    }

    fn granted(&mut self, fetches: &[FetchRequest]) {
        let Some(fetch) = fetches.first() else { return };
        assert_eq!((fetches.len(), fetch.id), (1, keys_at(URL)));
        let timeout = i64::try_from(limits::FETCH_TIMEOUT.as_secs()).unwrap();
        if let Some(since) = self.under_way {
            assert!(self.now > since + timeout, "one fetch at a time: {since}, {}", self.now);
        }
        if let Some(last) = self.last_good {
            let cooldown = i64::try_from(limits::FETCH_COOLDOWN_SECONDS).unwrap();
            assert!(self.now >= last + cooldown, "a pause after each success: {last}, {}", self.now);
        }
        self.under_way = Some(self.now);
    }

    fn request(&mut self, kid: &str) -> Option<Error> {
        let expiry = testing::NOW.checked_add_signed(self.now + 60).unwrap();
        let issued = testing::NOW.checked_add_signed(self.now).unwrap();
        let times = [("exp", expiry.to_string()), ("iat", issued.to_string())];
        let times: Vec<(&str, &str)> = times.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let token = self.signer.access_token(kid, &times);
        match authenticate(&mut self.verifier, &token, at(self.now)) {
            Step::Done(verdict) => verdict.err(),
            step => {
                self.granted(&fetches(step));
                Some(Error::KeysUnavailable { issuer: ISSUER.into() })
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.now += i64::from(seconds),
            Event::Rotate => self.generation += 1,
            Event::Look => {
                let due = self.verifier.due_fetches(at(self.now));
                self.granted(&due);
            }
            Event::Invented(number) => {
                assert!(self.request(&format!("invented-{number}")).is_some(), "nobody has such a key");
            }
            Event::Request { ahead } => {
                let generation = self.generation + u32::from(ahead);
                let refused = self.request(&format!("k{generation}"));
                let stale = i64::try_from(limits::STALE_SECONDS).unwrap();
                let served = self.given.filter(|(_, since)| self.now < since + stale);
                let known = served.is_some_and(|(given, _)| given == generation);
                assert_eq!(refused.is_none(), known, "at {} by {:?}: {refused:?}", self.now, self.given);
            }
            Event::Report(report) => {
                if self.under_way.take().is_none() {
                    return;
                }
                let now = at(self.now);
                match report {
                    Report::Failed => self.verifier.fail(keys_at(URL), now),
                    Report::Malformed => {
                        assert!(self.verifier.supply(keys_at(URL), r#"{"keys":[]}"#, "", now).is_err());
                    }
                    Report::Good => {
                        let keys = key_set(&[self.signer.jwk(&format!("k{}", self.generation))]);
                        self.verifier.supply(keys_at(URL), &keys, "max-age=300", now).unwrap();
                        self.given = Some((self.generation, self.now));
                        self.last_good = Some(self.now);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn v42_v43_v44_fetches_are_bounded_and_only_given_keys_pass(
        events in prop::collection::vec(event(), 1000..3000),
    ) {
        let mut world = World::new();
        for event in events {
            world.take(event);
        }
    }
}

/// A flood of tokens with invented keys leads to one fetch in each cooldown, and never to more memory.
#[test]
fn v42_a_flood_of_invented_keys_fetches_once_in_a_cooldown() {
    let mut world = World::new();
    world.granted(&world.verifier.clone().due_fetches(at(0)));
    world.take(Event::Report(Report::Good));
    let mut fetches = 0;
    for number in 0..6_000 {
        world.now += i64::from(number % 10 == 0);
        let before = world.under_way;
        world.take(Event::Invented(number));
        if world.under_way != before {
            fetches += 1;
            world.take(Event::Report(Report::Good));
        }
    }
    // 600 s, the shortest time between two being 30 s.
    assert!((19..=20).contains(&fetches), "{fetches}");
}
