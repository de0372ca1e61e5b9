//! Why an assertion proves nothing: for the decision log, never for the answer.

use std::fmt;

use crate::domain::{AuthenticationFailure, ClientId, CredentialId};
use crate::excerpt::excerpt;
use crate::store::BatchError;

/// Bytes of a claim that an error quotes.
const SHOWN: usize = 128;

/// Why an assertion proves nothing. For the log; the answer is `invalid_grant` or `invalid_client`.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// It cannot be read.
    #[error("the assertion cannot be read: {0}")]
    Unreadable(tessera_verifier::Error),
    /// No client has registered for what it says.
    #[error("no registration is for {issuer:?} about {subject:?}{}", Near(near))]
    Unregistered {
        /// Its issuer, as the assertion says; the beginning of it.
        issuer: String,
        /// `sub`, as the assertion says; the beginning of it.
        subject: String,
        /// The registrations that only one thing speaks against.
        near: Vec<NearMiss>,
    },
    /// Registrations of several clients fit. Guessing would be trying.
    #[error("registrations of `{one}` and of `{other}` fit, and the request names neither")]
    Ambiguous {
        /// One of them.
        one: ClientId,
        /// Another.
        other: ClientId,
    },
    /// The registration does not make a policy that the verifier takes.
    #[error("the registration of `{client}` is unusable: {problem}")]
    Registration {
        /// The client.
        client: String,
        /// What the verifier says of it.
        problem: String,
    },
    /// The keys of its issuer cannot be had at the moment.
    #[error("the keys of {issuer:?} are not available")]
    KeysUnavailable {
        /// The issuer of the registration.
        issuer: String,
    },
    /// The verifier refuses it.
    #[error("the verifier refuses it: {0}")]
    Refused(tessera_verifier::Error),
    /// The client or its registration is no longer good.
    #[error("the client is not authenticated: {0}")]
    Client(AuthenticationFailure),
    /// What was verified is not what was chosen by.
    #[error("the verified claims are not those that chose the registration")]
    Mismatch,
    /// It may be used once, and was.
    #[error("the assertion was used before")]
    Replayed,
    /// It may be used once, and the store does not answer whether it was.
    #[error("whether the assertion was used before cannot be told")]
    Unavailable(#[source] BatchError),
}

/// A registration that an assertion would meet, but for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Whose.
    pub client: ClientId,
    /// Which.
    pub credential: CredentialId,
    /// What the assertion says there, foreign text cut and quoted.
    pub unmet: String,
}

impl AssertionError {
    pub(super) fn unregistered(issuer: &str, subject: &str, near: Vec<NearMiss>) -> Self {
        let cut = |text: &str| excerpt(text, SHOWN).to_owned();
        Self::Unregistered { issuer: cut(issuer), subject: cut(subject), near }
    }

    /// Whether it is this side that is at fault, so that the same assertion may be good later.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::KeysUnavailable { .. } | Self::Unavailable(_))
    }
}

struct Near<'n>(&'n [NearMiss]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, NearMiss { client, credential, unmet }) in self.0.iter().enumerate() {
            let before = if place == 0 { "; nearly" } else { "," };
            write!(f, "{before} {credential} of `{client}`, but {unmet}")?;
        }
        Ok(())
    }
}
