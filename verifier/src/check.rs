//! An answer by what there is, and what is to be done about it.

use crate::{
    attempt::{Attempt, Step},
    authenticator::{Authenticator, FollowUp},
    time::Timestamp,
};

/// The answer about a request or a token by what a verifier has, and what the verifier has to note about that: a token to
/// remember or to forget, a document to fetch. Made without changing the verifier, so that threads can share it; to be
/// [settled](crate::Verifier::settle) by whoever may change it.
#[derive(Debug)]
#[must_use]
pub struct Check<T> {
    answer: T,
    follow_up: FollowUp,
}

impl<T> Check<T> {
    pub(crate) fn new(answer: T, follow_up: FollowUp) -> Self {
        Self { answer, follow_up }
    }

    /// The answer, if nothing is to be noted and nothing to be fetched: so it is for most requests with a token that was
    /// seen before.
    pub fn settled(self) -> Result<T, Self> {
        if self.follow_up.is_empty() { Ok(self.answer) } else { Err(self) }
    }

    pub(crate) fn settle(
        self,
        authenticator: &mut Authenticator,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<T> {
        let plan = authenticator.follow_up(self.follow_up, attempt.may_fetch(), now);
        attempt.step(plan, self.answer, now)
    }
}

impl<T> From<T> for Check<T> {
    /// An answer that stands whatever is fetched.
    fn from(answer: T) -> Self {
        Self::new(answer, FollowUp::default())
    }
}
