//! What a verifier decides. Success is a type that only this crate can build.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{Rejection, error::Error, time::Timestamp, token::Claims, verifier::Want};

/// The answer to a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Pass it on.
    Allow(Grant),
    /// Refuse it.
    Deny(Rejection),
    /// Fetch these, supply or fail each, and ask again, once. An empty list: an earlier caller was told
    /// to fetch what this one needs; wait for that, then ask.
    Need(Vec<Want>),
}

/// The answer to a token alone.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// The token is good: signature, issuer, audience and time.
    Verified(VerifiedToken),
    /// It is not.
    Refused(Error),
    /// As [`Decision::Need`].
    Need(Vec<Want>),
}

/// Leave for a request to pass.
#[derive(Clone, Debug)]
pub struct Grant {
    token: Option<VerifiedToken>,
}

/// A token that was verified. Whoever holds one need not ask again.
#[derive(Clone)]
pub struct VerifiedToken {
    issuer: String,
    claims: Claims,
    payload: String,
}

impl Grant {
    pub(crate) fn new(token: Option<VerifiedToken>) -> Self {
        Self { token }
    }

    /// The caller's token; none on a public route, where none was looked at.
    #[must_use]
    pub fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_ref()
    }
}

impl VerifiedToken {
    pub(crate) fn new(issuer: String, claims: Claims, payload: String) -> Self {
        Self { issuer, claims, payload }
    }

    /// The `iss` claim: one of the policy's issuers.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.claims.subject
    }

    /// The `client_id` claim (RFC 9068 §2.2).
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.claims.client.as_deref()
    }

    /// The `jti` claim.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.claims.token_id.as_deref()
    }

    /// The audiences: one at least, and one of them is the policy's.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.claims.audiences
    }

    /// The scopes, sorted, each once.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        self.claims.scopes.as_slice()
    }

    /// The `exp` claim, rounded down.
    #[must_use]
    pub fn expiry(&self) -> Timestamp {
        self.claims.expiry
    }

    /// All claims: the payload, as JSON text.
    #[must_use]
    pub fn claims_json(&self) -> &str {
        &self.payload
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.claims.scopes.contains(scope)
    }
}

impl fmt::Debug for VerifiedToken {
    /// Names the caller, and keeps the other claims to itself: they may be anyone's personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.issuer)
            .field("subject", &self.claims.subject)
            .field("token_id", &self.claims.token_id)
            .finish_non_exhaustive()
    }
}
