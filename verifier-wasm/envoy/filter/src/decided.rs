//! The end of a decision.

use tessera_verifier::{Decision, LocalResponse, Permit, Rejection, VerifiedToken};

/// What becomes of a request.
pub(crate) enum Decided {
    Allow(Permit),
    Deny(Rejection),
    Respond(LocalResponse),
    /// No decision could be made, for this reason, so nothing passes.
    Failed(&'static str),
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allow(permit) => Self::Allow(permit),
            Decision::Deny(rejection) => Self::Deny(rejection),
            Decision::Respond(response) => Self::Respond(response),
        }
    }
}

impl Decided {
    /// Its name in the filter state.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Allow(permit) if permit.refusal().is_some() => "dry-run",
            Self::Allow(_) => "allow",
            Self::Deny(_) | Self::Failed(_) => "deny",
            Self::Respond(_) => "answer",
        }
    }

    /// Why it is refused, or would be if that were not a dry run.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Allow(permit) => permit.refusal().map(|refusal| refusal.error().name()),
            Self::Deny(rejection) => Some(rejection.error().name()),
            Self::Respond(_) => None,
            Self::Failed(reason) => Some(reason),
        }
    }

    /// The caller's token, if it is good.
    pub(crate) fn token(&self) -> Option<&VerifiedToken> {
        match self {
            Self::Allow(permit) => permit.token(),
            Self::Deny(_) | Self::Respond(_) | Self::Failed(_) => None,
        }
    }
}
