//! What is told to Envoy's other filters and its logs about a request: entries of its filter state.

use serde::Deserialize;
use tessera_verifier::{Permit, VerifiedToken};

use crate::abi::{self, Status};

/// Something of a decision. Its name in the filter state is `wasm.tessera.` and the name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attribute {
    /// The `sub` of the token.
    Subject,
    /// Its `client_id`.
    ClientId,
    /// Its scopes, with spaces between them.
    Scopes,
    /// Its `iss`.
    Issuer,
    /// Its `exp`, in seconds since 1970.
    Expiry,
    /// [`Outcome::name`].
    Decision,
    /// The error's name, where there is one.
    Reason,
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allow,
    /// Let through although it should have been refused.
    DryRun(&'static str),
    Deny(&'static str),
    /// Answered with a document of the verifier's own.
    Answer,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::DryRun(_) => "dry-run",
            Self::Deny(_) => "deny",
            Self::Answer => "answer",
        }
    }

    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::DryRun(reason) | Self::Deny(reason) => Some(reason),
            Self::Allow | Self::Answer => None,
        }
    }
}

impl Attribute {
    /// Those that are written where the configuration does not say: none that costs a request anything which passes.
    pub(crate) fn usual() -> Vec<Self> {
        vec![Self::Reason]
    }

    fn path(self) -> &'static str {
        match self {
            Self::Subject => "tessera.subject",
            Self::ClientId => "tessera.client_id",
            Self::Scopes => "tessera.scopes",
            Self::Issuer => "tessera.issuer",
            Self::Expiry => "tessera.expiry",
            Self::Decision => "tessera.decision",
            Self::Reason => "tessera.reason",
        }
    }

    /// Writes it for the request whose context is the effective one, if it has a value there.
    pub(crate) fn write(self, outcome: Outcome, permit: Option<&Permit>) -> Result<(), Status> {
        let token = permit.and_then(Permit::token);
        let owned;
        let value = match self {
            Self::Subject => token.map(VerifiedToken::subject),
            Self::ClientId => token.and_then(|token| token.client()),
            Self::Issuer => token.map(VerifiedToken::issuer),
            Self::Scopes => {
                owned = token.map(|token| token.scopes().join(" "));
                owned.as_deref()
            }
            Self::Expiry => {
                owned = token.map(|token| token.expiry().as_seconds().to_string());
                owned.as_deref()
            }
            Self::Decision => Some(outcome.name()),
            Self::Reason => outcome.reason(),
        };
        // What an issuer lets its users choose must not forge lines of a log.
        let value = value.filter(|value| !value.contains(char::is_control));
        value.map_or(Ok(()), |value| abi::set_property(self.path(), value))
    }
}
