use super::*;
use crate::domain::KeyState::{Active, Next};
use crate::testing::vault;

const START: UnixTime = UnixTime::from_seconds(1_800_000_000);
const EVERY: RotateEvery = RotateEvery(DEFAULT_ROTATE_EVERY);

/// An active key and the next one, which are there since [`START`].
fn keys() -> [StoredKey; 2] {
    [Active, Next].map(|state| vault().generate(Algorithm::Es256, state, START).unwrap())
}

fn rotation([active, next]: &[StoredKey; 2]) -> Step {
    let (active, next) = (Some(active.kid.clone()), next.kid.clone());
    Step::Rotate { algorithm: Algorithm::Es256, active, next }
}

fn at(seconds: u64) -> UnixTime {
    START.plus(seconds)
}

#[test]
fn a_key_takes_its_turn_when_the_active_one_is_old() {
    let keys = keys();
    let before = Plan::by_stored_times(&keys, EVERY, at(DEFAULT_ROTATE_EVERY - 1));
    assert_eq!((before.next_at(), &*before.due), (Some(at(DEFAULT_ROTATE_EVERY)), &[][..]));
    let events: Vec<_> = before.next_events.iter().map(|it| (&*it.kid, it.event, it.at)).collect();
    let turn = at(DEFAULT_ROTATE_EVERY);
    assert_eq!(events, [(&*keys[0].kid, Event::Retirement, turn), (&*keys[1].kid, Event::Activation, turn)]);
    assert_eq!(Plan::by_stored_times(&keys, EVERY, turn).due, [rotation(&keys)]);
}

#[test]
fn a_rotation_that_was_asked_for_waits_until_the_next_key_is_known() {
    let mut keys = keys();
    keys[0].rotation_asked_at = Some(START);
    assert!(Plan::by_stored_times(&keys, EVERY, at(PUBLICATION_LEAD - 1)).due.is_empty());
    assert_eq!(Plan::by_stored_times(&keys, EVERY, at(PUBLICATION_LEAD)).due, [rotation(&keys)]);
}

/// Whatever the clock on the wall says, and whatever was written by another: a key that was just seen is new.
#[test]
fn no_clock_skips_the_lead() {
    let mut keys = keys();
    keys[0].rotation_asked_at = Some(START);
    for now in [0, 1, START.as_seconds(), at(366 * DAY).as_seconds(), at(1000 * 366 * DAY).as_seconds()]
        .map(UnixTime::from_seconds)
    {
        let plan = |seen| Plan::new(&keys, EVERY, now, |_| seen);
        assert!(plan(PUBLICATION_LEAD - 1).due.is_empty(), "{now:?}");
        assert_eq!(plan(PUBLICATION_LEAD).due, [rotation(&keys)], "{now:?}");
    }
    // Nor does a turn that has long been over.
    keys[0].rotation_asked_at = None;
    assert!(Plan::new(&keys, EVERY, at(366 * DAY), |_| 0).due.is_empty());
}

/// A key that seems to be made in the future was made by a clock that was put back since: it is replaced nevertheless.
#[test]
fn the_schedule_goes_on_when_a_clock_was_put_back() {
    let keys = keys();
    let now = UnixTime::from_seconds(1_000_000_000);
    assert!(Plan::new(&keys, EVERY, now, |_| DEFAULT_ROTATE_EVERY - 1).due.is_empty());
    assert_eq!(Plan::new(&keys, EVERY, now, |_| DEFAULT_ROTATE_EVERY).due, [rotation(&keys)]);
}

#[test]
fn an_active_key_without_a_next_one_gets_it_at_once() {
    let [active, _] = keys();
    let plan = Plan::by_stored_times(std::slice::from_ref(&active), EVERY, START);
    let kid = active.kid.clone();
    assert_eq!(plan.due, [Step::Publish { algorithm: Algorithm::Es256, active: kid.clone() }]);
    let expected = [NextEvent { kid, event: Event::Retirement, at: at(DEFAULT_ROTATE_EVERY) }];
    assert_eq!(plan.next_events, expected);
}

#[test]
fn a_first_key_signs_when_it_is_known() {
    let [_, next] = keys();
    let plan = |seconds| Plan::by_stored_times(std::slice::from_ref(&next), EVERY, at(seconds));
    let early = plan(PUBLICATION_LEAD - 1);
    assert_eq!((early.due.len(), early.next_at()), (0, Some(at(PUBLICATION_LEAD))));
    let step = Step::Rotate { algorithm: Algorithm::Es256, active: None, next: next.kid.clone() };
    assert_eq!(plan(PUBLICATION_LEAD).due, [step]);
}

#[test]
fn a_retired_key_goes_when_its_time_is_over_and_was_watched() {
    let [mut key, _] = keys();
    let end = at(RETIRED_KEY_RETENTION);
    key.state = KeyState::Retired { published_until: end };
    let plan = |now, seen| Plan::new(std::slice::from_ref(&key), EVERY, now, |_| seen).due;
    let removal = [Step::Remove { kid: key.kid.clone() }];
    assert_eq!(plan(end, RETIRED_KEY_RETENTION), removal);
    assert!(plan(at(RETIRED_KEY_RETENTION - 1), RETIRED_KEY_RETENTION).is_empty());
    assert!(plan(at(366 * DAY), RETIRED_KEY_RETENTION - 1).is_empty(), "the clock may be wrong");
}

#[test]
fn algorithms_take_their_turns_apart() {
    let [mut active, next] = keys();
    active.rotation_asked_at = Some(START);
    let other = vault().generate(Algorithm::Es384, Active, START).unwrap();
    let follower = vault().generate(Algorithm::Es384, Next, START).unwrap();
    let plan =
        Plan::by_stored_times(&[other, active.clone(), follower, next.clone()], EVERY, at(PUBLICATION_LEAD));
    assert_eq!(plan.due, [rotation(&[active, next])]);
}

#[test]
fn a_sighting_is_of_a_key_in_its_state() {
    let [active, mut next] = keys();
    let mut first_seen = FirstSeen::default();
    first_seen.note(std::slice::from_ref(&active), 10);
    first_seen.note(&[active.clone(), next.clone()], 15);
    let seconds = |first_seen: &FirstSeen, key: &StoredKey| first_seen.seconds(key, 20);
    assert_eq!((seconds(&first_seen, &active), seconds(&first_seen, &next)), (10, 5));
    next.state = Active;
    assert_eq!(seconds(&first_seen, &next), 0, "it was not seen as active");
    first_seen.note(&[next.clone()], 18);
    assert_eq!((seconds(&first_seen, &active), seconds(&first_seen, &next)), (0, 2), "forgotten, and begun");
}

/// What a server tells of a key set, and when a key signs, fit together: see [`PUBLICATION_LEAD`].
#[test]
fn a_key_set_is_good_for_as_long_as_it_is_complete() {
    for (age, expected) in
        [(0, Some(300)), (10, Some(300)), (11, Some(299)), (250, Some(60)), (251, None), (u64::MAX, None)]
    {
        assert_eq!(key_set_max_age(age), expected, "{age}");
    }
    for age in 0..400 {
        let until = key_set_max_age(age).map(|max_age| age + max_age + CLOCK_ALLOWANCE);
        assert!(until.is_none_or(|until| until <= PUBLICATION_LEAD), "{age}");
    }
}

#[test]
fn rotations_are_neither_hasty_nor_rare() {
    for (seconds, good) in [(0, false), (739, false), (740, true), (31_622_400, true), (31_622_401, false)] {
        assert_eq!(RotateEvery::from_seconds(seconds).is_ok(), good, "{seconds}");
    }
}
