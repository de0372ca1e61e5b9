//! What happens to signing keys by itself, and when: a function of the keys, of the time, and of how long each of them
//! was seen.
//!
//! ```text
//! next ── PUBLICATION_LEAD, and the active one is old or was asked to go ──▶ active
//! active ── when the next one takes over ──▶ retired ── RETIRED_KEY_RETENTION ──▶ gone
//! ```
//!
//! The times in the store were written by clocks that may have been wrong, and by processes that may have been
//! suspended in between. What must not happen too early therefore counts from when the planner itself first saw the key
//! in its state, by a clock that is never put back ([`FirstSeen`]): a key that somebody has seen in the store is in
//! the store. Only the schedule goes by the times that are stored.

use std::collections::{BTreeSet, HashMap};

use super::{
    Algorithm, CLOCK_ALLOWANCE, KEY_SET_MAX_AGE, KeyState, PUBLICATION_LEAD, RETIRED_KEY_RETENTION, StoredKey,
};
use crate::domain::time::UnixTime;

/// Shortest time between two rotations, in seconds. A key then signs for as long as it was published before, at least.
pub const MIN_ROTATE_EVERY: u64 = 2 * PUBLICATION_LEAD;
/// Longest time between two rotations, in seconds: a year. Who wants none in a year has no use for rotation.
pub const MAX_ROTATE_EVERY: u64 = 366 * DAY;
/// Time between two rotations when nobody says, in seconds.
pub const DEFAULT_ROTATE_EVERY: u64 = 30 * DAY;

/// Verifiers keep a key set for a minute whatever it says, so that none is handed out that is good for less.
const MIN_KEY_SET_AGE: u64 = 60;
const DAY: u64 = 24 * 60 * 60;

/// Seconds after which another key signs, [`MIN_ROTATE_EVERY`] to [`MAX_ROTATE_EVERY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotateEvery(u64);

/// The time between rotations is not within its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keys are rotated every {MIN_ROTATE_EVERY} to {MAX_ROTATE_EVERY} seconds")]
pub struct RotateEveryError;

/// Since when whoever plans has seen each key in its state, by seconds of a clock that is never put back.
#[derive(Clone, Debug, Default)]
pub struct FirstSeen(HashMap<(String, &'static str), u64>);

/// One thing that is to be done. It names the keys that it is about, so that whoever comes second does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a key to follow the active one, which has none.
    Publish {
        /// What it signs with.
        algorithm: Algorithm,
        /// The key that is active.
        active: String,
    },
    /// The next key becomes active, the active one retired, and another one is made to follow.
    Rotate {
        /// What they sign with.
        algorithm: Algorithm,
        /// The key that is active, if there is one.
        active: Option<String>,
        /// The key that is next.
        next: String,
    },
    /// The last token of a retired key is dead.
    Remove {
        /// Which key.
        kid: String,
    },
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It begins to sign.
    Activation,
    /// It signs no more.
    Retirement,
    /// It is published no more.
    Removal,
}

/// What becomes of a key next, and when if nobody interferes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextEvent {
    /// The key.
    pub kid: String,
    /// What happens to it.
    pub event: Event,
    /// When: this moment, if it is due.
    pub at: UnixTime,
}

/// All that is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is due. After one of these steps the rest has to be planned anew.
    pub due: Vec<Step>,
    /// What becomes of each key.
    pub next_events: Vec<NextEvent>,
}

/// The keys of one algorithm that do something.
struct Pair<'a> {
    algorithm: Algorithm,
    active: Option<&'a StoredKey>,
    next: Option<&'a StoredKey>,
}

/// How long a verifier may keep a key set that was the store's `age` seconds ago, in seconds. `None` if no time can be
/// told: the set may lack a key that signs already.
///
/// Whatever signs within [`PUBLICATION_LEAD`] of that moment is in the set. A server that has lost its store goes on
/// for a while, therefore, with ever shorter times.
#[must_use]
pub fn key_set_max_age(age: u64) -> Option<u64> {
    let good_for = (PUBLICATION_LEAD - CLOCK_ALLOWANCE).saturating_sub(age);
    (good_for >= MIN_KEY_SET_AGE).then_some(good_for.min(KEY_SET_MAX_AGE))
}

impl RotateEvery {
    /// That many seconds.
    pub fn from_seconds(seconds: u64) -> Result<Self, RotateEveryError> {
        if (MIN_ROTATE_EVERY..=MAX_ROTATE_EVERY).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(RotateEveryError)
        }
    }

    /// In seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

impl Default for RotateEvery {
    fn default() -> Self {
        Self(DEFAULT_ROTATE_EVERY)
    }
}

impl FirstSeen {
    /// Notes that these keys were in the store at `moment`, and no others.
    pub fn note(&mut self, keys: &[StoredKey], moment: u64) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = keys
            .iter()
            .map(|key| {
                let key = Self::key(key);
                let first = before.remove(&key).unwrap_or(moment);
                (key, first)
            })
            .collect();
    }

    /// For how many seconds, at `moment`, that key was seen in the state in which it is.
    #[must_use]
    pub fn seconds(&self, key: &StoredKey, moment: u64) -> u64 {
        self.0.get(&Self::key(key)).map_or(0, |first| moment.saturating_sub(*first))
    }

    fn key(key: &StoredKey) -> (String, &'static str) {
        (key.kid.clone(), key.state.as_str())
    }
}

impl Plan {
    /// What is to happen to `keys`, as of `now`. `seen` says for how many seconds a key was seen in the state in which
    /// it is.
    pub fn new(
        keys: &[StoredKey],
        every: RotateEvery,
        now: UnixTime,
        seen: impl Fn(&StoredKey) -> u64,
    ) -> Self {
        let mut plan = Self { due: Vec::new(), next_events: Vec::new() };
        for pair in pairs(keys) {
            plan.rotate(&pair, every, now, &seen);
        }
        for key in keys {
            if let KeyState::Retired { published_until } = key.state {
                let at = published_until.max(now.plus(RETIRED_KEY_RETENTION.saturating_sub(seen(key))));
                let step = || Step::Remove { kid: key.kid.clone() };
                plan.expect(key, Event::Removal, at);
                plan.due.extend((at <= now).then(step));
            }
        }
        plan
    }

    /// As [`new`](Self::new) by the stored times alone, for who has not been watching.
    #[must_use]
    pub fn by_stored_times(keys: &[StoredKey], every: RotateEvery, now: UnixTime) -> Self {
        Self::new(keys, every, now, |key| now.seconds_since(key.since))
    }

    /// When something is to happen next.
    #[must_use]
    pub fn next_at(&self) -> Option<UnixTime> {
        self.next_events.iter().map(|next_event| next_event.at).min()
    }

    fn rotate(
        &mut self,
        pair: &Pair<'_>,
        every: RotateEvery,
        now: UnixTime,
        seen: impl Fn(&StoredKey) -> u64,
    ) {
        let known_at = now.plus(PUBLICATION_LEAD.saturating_sub(pair.next.map_or(0, &seen)));
        let wanted_at = match pair.active {
            Some(active) if active.rotation_asked_at.is_none() => {
                // Whichever clock says so first: being early here costs nothing.
                let watched = now.plus(every.0.saturating_sub(seen(active)));
                active.since.plus(every.0).min(watched)
            }
            _ => now,
        };
        let at = known_at.max(wanted_at);
        if let Some(active) = pair.active {
            self.expect(active, Event::Retirement, at);
            if pair.next.is_none() {
                self.due.push(Step::Publish { algorithm: pair.algorithm, active: active.kid.clone() });
            }
        }
        if let Some(next) = pair.next {
            self.expect(next, Event::Activation, at);
            if at <= now {
                let active = pair.active.map(|key| key.kid.clone());
                self.due.push(Step::Rotate { algorithm: pair.algorithm, active, next: next.kid.clone() });
            }
        }
    }

    fn expect(&mut self, key: &StoredKey, event: Event, at: UnixTime) {
        self.next_events.push(NextEvent { kid: key.kid.clone(), event, at });
    }
}

fn pairs(keys: &[StoredKey]) -> impl Iterator<Item = Pair<'_>> {
    let algorithms: BTreeSet<Algorithm> = keys.iter().map(|key| key.algorithm).collect();
    algorithms.into_iter().map(|algorithm| {
        let find = |state| keys.iter().find(|key| key.algorithm == algorithm && key.state == state);
        Pair { algorithm, active: find(KeyState::Active), next: find(KeyState::Next) }
    })
}

#[cfg(test)]
mod tests;
