use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

use crate::testing::at;

const COOLDOWN: u64 = limits::FETCH_COOLDOWN_SECONDS;

fn remote() -> CachedDocument<&'static str> {
    CachedDocument::new(
        DocumentKind::KeySet,
        0,
        "https://issuer.example/jwks.json".into(),
        limits::STALE_SECONDS,
    )
}

/// Whether a fetch is granted to whoever asks now.
fn is_granted(remote: &mut CachedDocument<&'static str>, now: Timestamp) -> bool {
    matches!(remote.plan(MayFetch::Yes, now), FetchPlan::Fetch(_))
}

/// Asks every second from a time on, until a fetch is granted; returns how many seconds that took.
fn pause(remote: &CachedDocument<&'static str>, from: i64) -> i64 {
    (0..1000).find(|seconds| is_granted(&mut remote.clone(), at(from + seconds))).unwrap()
}

#[test]
fn fetches_at_once_and_then_one_at_a_time() {
    let mut remote = remote();
    assert!(remote.is_due(at(0)));
    assert!(is_granted(&mut remote, at(0)));
    for now in [0, 5] {
        assert_eq!(remote.plan(MayFetch::Yes, at(now)), FetchPlan::Wait { until: at(6) });
    }
    // Whoever was told to fetch had five seconds, and it may be the sixth that has begun.
    assert!(is_granted(&mut remote, at(6)));
    assert_eq!(remote.plan(MayFetch::Yes, at(6)), FetchPlan::Wait { until: at(12) });
}

#[test]
fn no_fetch_is_begun_for_whoever_may_not() {
    let mut remote = remote();
    assert_eq!(remote.plan(MayFetch::No, at(0)), FetchPlan::Nothing);
    assert!(is_granted(&mut remote, at(0)));
    assert_eq!(remote.plan(MayFetch::No, at(0)), FetchPlan::Wait { until: at(6) });
}

#[test]
fn v42_pauses_after_a_success() {
    let mut remote = remote();
    assert!(is_granted(&mut remote, at(0)));
    remote.supply("copy", "", at(1));
    assert_eq!(remote.plan(MayFetch::Yes, at(1)), FetchPlan::Nothing);
    assert_eq!(remote.plan(MayFetch::Yes, at(30)), FetchPlan::Nothing);
    assert!(is_granted(&mut remote, at(31)));
}

#[test]
fn backs_off_after_failures_as_far_as_the_cooldown() {
    let mut remote = remote();
    let mut now = 0;
    for expected in [1, 2, 4, 8, 16, 30, 30, 30] {
        assert!(is_granted(&mut remote, at(now)));
        remote.fail(at(now));
        assert_eq!(pause(&remote, now), expected);
        now += expected;
    }
    remote.failures = u32::MAX;
    assert!(is_granted(&mut remote, at(now)));
    remote.fail(at(now));
    assert_eq!(pause(&remote, now), 30);

    assert!(is_granted(&mut remote, at(now + 30)));
    remote.supply("copy", "", at(now + 30));
    assert!(is_granted(&mut remote, at(now + 60)));
    remote.fail(at(now + 60));
    assert_eq!(pause(&remote, now + 60), 1);
}

#[test]
fn a_late_failure_does_not_shorten_the_pause_after_a_success() {
    let mut remote = remote();
    assert!(is_granted(&mut remote, at(0)));
    assert!(is_granted(&mut remote, at(6)));
    remote.supply("copy", "", at(7));
    remote.fail(at(8));
    assert_eq!(pause(&remote, 8), 29);
}

#[test]
fn v43_the_last_good_copy_serves_to_its_bound_and_no_further() {
    let mut remote = remote();
    assert!(remote.document(at(0)).is_none());
    remote.supply("copy", "max-age=60", at(0));
    let bound = i64::try_from(limits::STALE_SECONDS).unwrap();
    for now in (0..bound).step_by(1000) {
        let _ = remote.plan(MayFetch::Yes, at(now));
        remote.fail(at(now));
        assert!(remote.document(at(now)).is_some(), "{now}");
    }
    assert!(remote.document(at(bound - 1)).is_some());
    assert!(remote.document(at(bound)).is_none());
}

#[test]
fn v43_what_an_issuer_calls_fresh_for_longer_serves_for_longer() {
    let mut remote = remote();
    remote.supply("copy", "max-age=86400", at(0));
    assert!(remote.document(at(86_399)).is_some());
    assert!(remote.document(at(86_400)).is_none());
}

#[test]
fn is_due_again_before_it_expires() {
    let mut remote = remote();
    remote.supply("copy", "max-age=100", at(0));
    assert!(!remote.is_due(at(79)));
    assert!(remote.is_due(at(80)));
    // The shortest freshness leaves room for the pause after a success.
    remote.supply("copy", "max-age=0", at(0));
    assert!(!remote.is_due(at(47)));
    assert!(remote.is_due(at(48)));
    assert!(is_granted(&mut remote, at(48)));
}

#[test]
fn a_clock_that_is_put_back_neither_stops_fetching_nor_keeps_a_copy() {
    for back in [6, 60, 3600, 1_000_000] {
        let mut remote = remote();
        assert!(is_granted(&mut remote, at(0)));
        assert!(is_granted(&mut remote, at(-back)), "{back} s back while fetching");

        remote.supply("copy", "max-age=86400", at(0));
        assert!(remote.document(at(-back)).is_none(), "a copy from {back} s in the future");
        assert!(remote.is_due(at(-back)));
        assert!(is_granted(&mut remote, at(-back)), "{back} s back after a success");

        remote.fail(at(0));
        assert!(is_granted(&mut remote, at(-back - 30)), "{back} s back after a failure");
    }
}

#[test]
fn clocks_read_in_another_order_than_the_calls_change_nothing() {
    let mut remote = remote();
    assert!(is_granted(&mut remote, at(0)));
    assert_eq!(remote.plan(MayFetch::Yes, at(-2)), FetchPlan::Wait { until: at(6) });
    remote.supply("copy", "", at(0));
    assert_eq!(remote.plan(MayFetch::Yes, at(-5)), FetchPlan::Nothing);
    assert!(remote.document(at(-5)).is_some());
    assert!(!remote.is_due(at(-5)));
}

#[test]
fn survives_both_ends_of_time() {
    for now in [0, u64::MAX].map(Timestamp::from_seconds) {
        let mut remote = remote();
        assert!(is_granted(&mut remote, now));
        remote.fail(now);
        remote.supply("copy", "max-age=99999999999999999999", now);
        let _ = (remote.plan(MayFetch::Yes, now), remote.document(now).is_some(), remote.is_due(now));
    }
}

#[test]
fn honours_cache_control_within_bounds() {
    for (field, seconds) in [
        ("", 600),
        ("public", 600),
        ("max-age=300", 300),
        ("public, max-age=300, must-revalidate", 300),
        ("MAX-AGE = 300", 300),
        ("max-age=\"300\"", 300),
        ("max-age=0", 60),
        ("max-age=59", 60),
        ("max-age=60", 60),
        ("max-age=61", 61),
        ("max-age=86400", 86_400),
        ("max-age=86401", 86_400),
        ("max-age=99999999999999999999999", 86_400),
        ("max-age=-1", 600),
        ("max-age=", 600),
        ("max-age", 600),
        ("max-age=5m", 600),
        ("max-age=1.5", 600),
        ("s-maxage=300", 600),
        ("xmax-age=300", 600),
        ("max-age=300, max-age=200", 200),
        ("max-age=200, max-age=300", 200),
        ("max-age=300, no-store", 60),
        ("no-cache, max-age=300", 60),
        ("No-Cache=\"Set-Cookie\"", 60),
        (",,=,;\"", 600),
    ] {
        assert_eq!(freshness(field), seconds, "{field:?}");
    }
}

/// What happens in one step of simulated time.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    /// A request that only newer keys could let pass.
    UnknownKey,
    /// The host's regular look at what is due.
    Tick,
    Good(&'static str),
    Bad,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop_oneof![0_u64..4, 0_u64..60, 0_u64..5000, 40_000_u64..90_000].prop_map(Event::Pass),
        6 => Just(Event::UnknownKey),
        3 => Just(Event::Tick),
        3 => prop_oneof![Just(""), Just("max-age=60"), Just("no-store"), Just("max-age=86400")]
            .prop_map(Event::Good),
        3 => Just(Event::Bad),
    ]
}

/// The rules, written down naively: all that ever happened, searched through every time.
#[derive(Default)]
struct Model {
    now: u64,
    asked: Vec<u64>,
    reported: Vec<(u64, Option<u64>)>,
}

impl Model {
    /// Until when the fetch that is under way may take, if one is.
    fn under_way(&self) -> Option<u64> {
        let asked = *self.asked.last()?;
        let reported = self.reported.iter().filter(|(at, _)| *at >= asked).count();
        let before = self.asked.iter().filter(|at| **at == asked).count();
        (reported < before && self.now < asked + 6).then_some(asked + 6)
    }

    fn last_good(&self) -> Option<(u64, u64)> {
        self.reported.iter().rev().find_map(|(at, freshness)| freshness.map(|freshness| (*at, freshness)))
    }

    fn pause(&self) -> u64 {
        let failures = self.reported.iter().rev().take_while(|(_, freshness)| freshness.is_none()).count();
        match failures {
            1..=5 => 1 << (failures - 1),
            _ => COOLDOWN,
        }
    }

    fn plan(&self, remote: &CachedDocument<&'static str>) -> FetchPlan {
        if let Some(until) = self.under_way() {
            return FetchPlan::Wait { until: Timestamp::from_seconds(until) };
        }
        match self.reported.last() {
            Some((at, _))
                if self.asked.last().is_none_or(|asked| asked <= at) && self.now < at + self.pause() =>
            {
                FetchPlan::Nothing
            }
            _ => FetchPlan::Fetch(FetchRequest::new(remote.id(), remote.url())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn v42_agrees_with_a_naive_model_over_thousands_of_steps(
        events in proptest::collection::vec(event(), 2000)
    ) {
        let keys = "copy";
        let mut remote = remote();
        let mut model = Model { now: 1_790_000_000, ..Model::default() };
        for (step, event) in events.into_iter().enumerate() {
            let now = Timestamp::from_seconds(model.now);
            let good = model.last_good();
            let usable = good.is_some_and(|(at, fresh)| model.now < at + fresh.max(limits::STALE_SECONDS));
            prop_assert_eq!(remote.document(now).is_some(), usable, "copy at step {}", step);
            let due = good.is_none_or(|(at, fresh)| model.now >= at + fresh / 5 * 4);
            prop_assert_eq!(remote.is_due(now), due, "due at step {}", step);

            let asks = match event {
                Event::Pass(seconds) => { model.now += seconds; false }
                Event::UnknownKey => true,
                Event::Tick => remote.is_due(now),
                // A host reports only what it was told to fetch, within its time.
                Event::Good(_) | Event::Bad if model.under_way().is_none() => false,
                Event::Good(caching) => {
                    remote.supply(keys, caching, now);
                    model.reported.push((model.now, Some(freshness(caching))));
                    false
                }
                Event::Bad => {
                    remote.fail(now);
                    model.reported.push((model.now, None));
                    false
                }
            };
            if asks {
                let expected = model.plan(&remote);
                prop_assert_eq!(&remote.plan(MayFetch::Yes, now), &expected, "step {}", step);
                if matches!(expected, FetchPlan::Fetch(_)) {
                    if let Some((at, None)) = model.reported.last() {
                        prop_assert!(model.now > *at, "no failed fetch is repeated in the same second");
                    }
                    model.asked.push(model.now);
                }
            }
        }
        // The invariants again, from the record alone.
        for pair in model.asked.windows(2) {
            let answered = model.reported.iter().any(|(at, _)| (pair[0]..=pair[1]).contains(at));
            prop_assert!(answered || pair[1] >= pair[0] + 6, "two fetches under way: {:?}", pair);
        }
        for (at, _) in model.reported.iter().filter(|(_, freshness)| freshness.is_some()) {
            let soon = model.asked.iter().any(|asked| (at + 1..at + COOLDOWN).contains(asked));
            prop_assert!(!soon, "a fetch within the pause after {}", at);
        }
    }

    #[test]
    fn v42_a_flood_of_unknown_keys_costs_one_fetch_in_each_pause(seconds in 60_u64..2000, each in 1_usize..5) {
        let keys = "copy";
        let mut remote = remote();
        let mut fetches = 0;
        for second in 0..seconds {
            for _ in 0..each {
                let now = at(i64::try_from(second).unwrap());
                if is_granted(&mut remote, now) {
                    fetches += 1;
                    remote.supply(keys, "", now);
                }
            }
        }
        prop_assert_eq!(fetches, seconds.div_ceil(COOLDOWN));
    }

    #[test]
    fn survives_any_cache_control(field in ".{0,80}") {
        prop_assert!(limits::FRESHNESS_SECONDS.contains(&freshness(&field)), "{field}");
    }
}
