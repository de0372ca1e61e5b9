//! The cache under simulated time.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

type Flight = u32;

fn request(audience: &str) -> Request {
    Request::new(audience, ["read"]).unwrap()
}

fn fetched_token(token: &str, lifetime: Duration) -> FetchedToken {
    FetchedToken { token: AccessToken::parse(Zeroizing::new(token.to_owned())).unwrap(), lifetime }
}

fn status(retry_after: Option<Duration>) -> TokenError {
    let endpoint =
        tessera_fetch::Destination::parse("https://issuer.example/token", tessera_fetch::PlainHttp::Never);
    TokenError::Status { endpoint: endpoint.unwrap(), status: reqwest::StatusCode::BAD_GATEWAY, retry_after }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A cache holding one token of an hour, asked for at the instant returned.
fn with_token() -> (Cache<Flight>, Request, Instant) {
    let (mut cache, orders, t0) = (Cache::new(10), request("orders"), Instant::now());
    cache.started(&orders, 1, t0);
    cache.finished(&orders, Ok(fetched_token("first", HOUR)), t0, t0 + seconds(1));
    (cache, orders, t0)
}

#[test]
fn the_first_fetches_and_the_others_join() {
    let (mut cache, orders, t0) = (Cache::new(10), request("orders"), Instant::now());
    assert!(matches!(cache.lookup(&orders, t0), Lookup::Fetch));
    cache.started(&orders, 7, t0);
    assert!(matches!(cache.lookup(&orders, t0), Lookup::Join(7)));
    assert!(matches!(cache.lookup(&request("stock"), t0), Lookup::Fetch));
}

#[test]
fn a_token_is_handed_out_refreshed_ahead_and_given_up_before_its_end() {
    let (mut cache, orders, t0) = with_token();
    assert!(matches!(cache.lookup(&orders, t0 + seconds(2699)), Lookup::Hit(_)));
    let due = t0 + HOUR * 3 / 4;
    assert!(matches!(cache.lookup(&orders, due), Lookup::HitAndRefresh(_)));
    cache.started(&orders, 2, due);
    assert!(matches!(cache.lookup(&orders, due), Lookup::Hit(_)), "one refresh is enough");
    assert!(matches!(cache.lookup(&orders, t0 + seconds(3589)), Lookup::Hit(_)));
    assert!(matches!(cache.lookup(&orders, t0 + seconds(3590)), Lookup::Join(2)));
}

#[test]
fn a_short_life_has_a_short_margin() {
    let (mut cache, orders, t0) = (Cache::new(10), request("orders"), Instant::now());
    cache.started(&orders, 1, t0);
    cache.finished(&orders, Ok(fetched_token("short", seconds(10))), t0, t0);
    assert!(matches!(cache.lookup(&orders, t0 + seconds(7)), Lookup::Hit(_)));
    assert!(matches!(cache.lookup(&orders, t0 + seconds(9)), Lookup::Fetch));
}

#[test]
fn a_life_without_end_ends_within_a_day() {
    let (mut cache, orders, t0) = (Cache::new(10), request("orders"), Instant::now());
    cache.started(&orders, 1, t0);
    cache.finished(&orders, Ok(fetched_token("forever", Duration::MAX)), t0, t0);
    assert!(matches!(cache.lookup(&orders, t0 + LIFETIME_MAX), Lookup::Fetch));
}

#[test]
fn a_failed_refresh_keeps_the_token_and_is_repeated_after_a_while() {
    let (mut cache, orders, t0) = with_token();
    for (retry_after, pause) in [(None, HOLD_OFF_REFRESH), (Some(seconds(30)), seconds(30))] {
        let due = t0 + HOUR * 3 / 4;
        cache.started(&orders, 2, due);
        cache.finished(&orders, Err(status(retry_after)), due, due);
        assert!(matches!(cache.lookup(&orders, due + pause * 9 / 10), Lookup::Hit(_)));
        assert!(matches!(cache.lookup(&orders, due + pause), Lookup::HitAndRefresh(_)));
    }
}

#[test]
fn a_failure_without_a_token_answers_until_the_server_may_be_asked_again() {
    for (retry_after, hold_off) in
        [(None, HOLD_OFF), (Some(seconds(5)), seconds(5)), (Some(HOUR), HOLD_OFF_MAX)]
    {
        let (mut cache, orders, t0) = (Cache::new(10), request("orders"), Instant::now());
        cache.started(&orders, 1, t0);
        cache.finished(&orders, Err(status(retry_after)), t0, t0);
        let held = cache.lookup(&orders, t0 + hold_off * 9 / 10);
        assert!(matches!(held, Lookup::Failed(TokenError::Status { .. })));
        assert!(matches!(cache.lookup(&orders, t0 + hold_off), Lookup::Fetch));
    }
}

#[test]
fn a_refused_token_is_replaced_unless_it_is_brand_new() {
    let (mut cache, orders, t0) = with_token();
    let Lookup::Hit(token) = cache.lookup(&orders, t0 + seconds(2)) else { panic!("the token is fresh") };
    assert!(!cache.invalidate(&token, t0 + seconds(2)));
    assert!(matches!(cache.lookup(&orders, t0 + seconds(2)), Lookup::Hit(_)));
    assert!(cache.invalidate(&token, t0 + INVALIDATE_AGE_MIN));
    assert!(matches!(cache.lookup(&orders, t0 + INVALIDATE_AGE_MIN), Lookup::Fetch));
}

#[test]
fn refusing_an_old_token_does_not_cost_the_new_one() {
    let (mut cache, orders, t0) = with_token();
    let Lookup::Hit(old) = cache.lookup(&orders, t0 + seconds(2)) else { panic!("the token is fresh") };
    let later = t0 + HOUR / 2;
    cache.started(&orders, 2, later);
    cache.finished(&orders, Ok(fetched_token("second", HOUR)), later, later);
    assert!(cache.invalidate(&old, later + HOUR / 4));
    assert!(matches!(cache.lookup(&orders, later + HOUR / 4), Lookup::Hit(_)));
}

#[test]
fn a_full_cache_gives_up_the_token_that_ends_soonest() {
    let (mut cache, t0) = (Cache::<Flight>::new(2), Instant::now());
    for (audience, lifetime) in [("long", HOUR), ("short", HOUR / 2)] {
        cache.started(&request(audience), 1, t0);
        cache.finished(&request(audience), Ok(fetched_token(audience, lifetime)), t0, t0);
    }
    assert!(matches!(cache.lookup(&request("third"), t0), Lookup::Fetch));
    cache.started(&request("third"), 1, t0);
    assert!(matches!(cache.lookup(&request("long"), t0), Lookup::Hit(_)));
    assert!(!cache.entries.contains_key(&request("short")));
}

#[test]
fn a_cache_full_of_exchanges_takes_no_more() {
    let (mut cache, t0) = (Cache::<Flight>::new(1), Instant::now());
    cache.started(&request("first"), 1, t0);
    let refused = cache.lookup(&request("second"), t0);
    assert!(matches!(refused, Lookup::Failed(TokenError::Busy { limit: 1 })));
}

#[derive(Debug, Clone)]
enum Step {
    Wait { seconds: u64 },
    Ask { who: usize },
    Granted { who: usize, lifetime: u64 },
    Failed { who: usize, retry_after: Option<u64> },
    Invalidate { who: usize },
}

const AUDIENCES: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    let who = 0..AUDIENCES;
    prop_oneof![
        (0..2000_u64).prop_map(|seconds| Step::Wait { seconds }),
        who.clone().prop_map(|who| Step::Ask { who }),
        (who.clone(), 0..7200_u64).prop_map(|(who, lifetime)| Step::Granted { who, lifetime }),
        (who.clone(), prop::option::of(0..100_u64))
            .prop_map(|(who, retry_after)| Step::Failed { who, retry_after }),
        who.prop_map(|who| Step::Invalidate { who }),
    ]
}

/// What the world outside the cache knows of one audience.
#[derive(Default)]
struct World {
    /// When the exchange under way was started.
    flight: Option<Instant>,
    /// The newest token and its true expiry.
    newest: Option<(AccessToken, Instant)>,
}

proptest! {
    /// Whatever happens in whatever order: no expired token is handed out, no older one than the newest, no second
    /// exchange runs for one request, and the cache stays within its capacity.
    #[test]
    fn whatever_happens(steps in prop::collection::vec(step(), 1..200)) {
        const SMALL: usize = 3;
        let mut cache = Cache::<Flight>::new(SMALL);
        let mut worlds: [World; AUDIENCES] = std::array::from_fn(|_| World::default());
        let mut now = Instant::now();
        let mut serial = 0;
        for step in steps {
            match step {
                Step::Wait { seconds: count } => now += seconds(count),
                Step::Ask { who } => {
                    let world = &mut worlds[who];
                    let asked = request(&who.to_string());
                    let answer = cache.lookup(&asked, now);
                    if let Lookup::Hit(token) | Lookup::HitAndRefresh(token) = &answer {
                        let (newest, expiry) = world.newest.as_ref().expect("no token was ever granted");
                        prop_assert!(token.is_same(newest));
                        prop_assert!(now < *expiry);
                    }
                    match answer {
                        Lookup::Fetch | Lookup::HitAndRefresh(_) => {
                            prop_assert!(world.flight.is_none(), "a second exchange");
                            cache.started(&asked, 0, now);
                            world.flight = Some(now);
                        }
                        Lookup::Join(_) => prop_assert!(world.flight.is_some()),
                        Lookup::Hit(_) | Lookup::Failed(_) => {}
                    }
                }
                Step::Granted { who, lifetime } => {
                    if let Some(asked_at) = worlds[who].flight.take() {
                        serial += 1;
                        let fetched = fetched_token(&serial.to_string(), seconds(lifetime));
                        worlds[who].newest = Some((fetched.token.clone(), asked_at + seconds(lifetime)));
                        cache.finished(&request(&who.to_string()), Ok(fetched), asked_at, now);
                    }
                }
                Step::Failed { who, retry_after } => {
                    if let Some(asked_at) = worlds[who].flight.take() {
                        let error = status(retry_after.map(seconds));
                        cache.finished(&request(&who.to_string()), Err(error), asked_at, now);
                    }
                }
                Step::Invalidate { who } => {
                    if let Some((token, _)) = &worlds[who].newest {
                        let gone = cache.invalidate(token, now);
                        let handed_out = matches!(
                            cache.lookup(&request(&who.to_string()), now),
                            Lookup::Hit(again) | Lookup::HitAndRefresh(again) if again.is_same(token)
                        );
                        prop_assert!(!(gone && handed_out), "an invalidated token was handed out");
                    }
                }
            }
            prop_assert!(cache.entries.len() <= SMALL);
        }
    }
}
