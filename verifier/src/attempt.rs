//! One caller's way to a decision: ask, fetch what is said or wait, ask again, and be answered in the end.
//!
//! A caller keeps an [`Attempt`] for each request and does the [`Step`] that it is told. After
//! [`FETCH_ROUNDS`](crate::limits::FETCH_ROUNDS) fetches, and when it has waited for others' fetches as long as one may
//! take, it is answered by what there is. No fetch is named to a caller that does not wait for it.

use crate::{
    fetch::{FetchPlan, FetchRequest, MayFetch},
    limits,
    refresh::{FETCH_SECONDS, is_pending},
    time::Timestamp,
};

/// How far a caller has come with one request. A new request has a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// How often the caller was told to fetch; [`LAST`] if it cannot.
    rounds: u8,
    /// Until when it waits for what others fetch, since the first time that it had to.
    waits_until: Option<Timestamp>,
}

/// What a caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step<T> {
    /// Nothing: this is the answer.
    Done(T),
    /// Fetch this document, supply or fail it, then ask again. It is named to one caller only until that is done or its
    /// time is over.
    Fetch(FetchRequest),
    /// Somebody else is fetching what this request needs. Ask again as soon as any document was supplied or failed, and
    /// at the latest at this time.
    Wait {
        /// The latest time to ask again.
        until: Timestamp,
    },
}

/// The rounds of a caller that neither fetches nor waits.
const LAST: u8 = u8::MAX;

/// How many bits of an attempt's number are its rounds.
const ROUNDS_BITS: u32 = 8;

impl Attempt {
    /// An attempt at the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { rounds: 0, waits_until: None }
    }

    /// The attempt of a caller that can neither fetch nor wait (any more): whatever is missing, the next step is
    /// [`Step::Done`].
    #[must_use]
    pub const fn last() -> Self {
        Self { rounds: LAST, waits_until: None }
    }

    /// The attempt of a number that [`number`](Self::number) gave. Every number is one: 0 is [`new`](Self::new), 2⁶⁴−1
    /// is [`last`](Self::last).
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        let [.., rounds] = number.to_be_bytes();
        let waits_until = match number >> ROUNDS_BITS {
            _ if rounds == LAST => None,
            0 => None,
            seconds => Some(Timestamp::from_seconds(seconds)),
        };
        Self { rounds, waits_until }
    }

    /// The attempt as an opaque number, for boundaries that have only numbers.
    #[must_use]
    pub const fn number(self) -> u64 {
        let seconds = match self.waits_until {
            Some(until) => until.as_seconds(),
            None if self.rounds == LAST => u64::MAX,
            None => 0,
        };
        seconds << ROUNDS_BITS | self.rounds as u64
    }

    /// Whether the caller may be told to fetch.
    pub(crate) fn may_fetch(self) -> MayFetch {
        if u32::from(self.rounds) < limits::FETCH_ROUNDS { MayFetch::Yes } else { MayFetch::No }
    }

    /// Turns the plan for what an answer lacks into the caller's next step.
    pub(crate) fn step<T>(&mut self, plan: FetchPlan, answer: T, now: Timestamp) -> Step<T> {
        match plan {
            FetchPlan::Fetch(request) => {
                self.rounds = self.rounds.saturating_add(1);
                Step::Fetch(request)
            }
            FetchPlan::Wait { until: reported } if self.rounds != LAST => {
                let until = *self.waits_until.get_or_insert(now.plus(FETCH_SECONDS));
                if is_pending(until, FETCH_SECONDS, now) {
                    Step::Wait { until: until.min(reported) }
                } else {
                    Step::Done(answer)
                }
            }
            FetchPlan::Wait { .. } | FetchPlan::Nothing => Step::Done(answer),
        }
    }
}

impl<T> Step<T> {
    /// The same step to another form of the answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Done(answer) => Step::Done(change(answer)),
            Self::Fetch(request) => Step::Fetch(request),
            Self::Wait { until } => Step::Wait { until },
        }
    }

    /// The answer, if this is it.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(answer) => Some(answer),
            Self::Fetch(_) | Self::Wait { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
