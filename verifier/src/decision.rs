//! What a verifier decides. Success is a type that only this crate can build.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{
    Rejection, claim::ClaimValue, http, keys::Fingerprint, status::StatusReference, time::Timestamp,
    token::Claims,
};

/// The answer to a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Pass it on, changed as the permit says.
    Allow(Permit),
    /// Refuse it.
    Deny(Rejection),
    /// Answer it with this: the request is for the verifier, not for the service.
    Respond(LocalResponse),
}

/// Permission to forward a request: remove fields, then set fields.
#[derive(Clone)]
pub struct Permit {
    pub(crate) token: Option<Arc<VerifiedToken>>,
    /// The fields that the verifier answers for, folded.
    pub(crate) owned_fields: Arc<[String]>,
    /// The field that the token was in, folded, unless it goes upstream.
    pub(crate) token_field: Option<Arc<str>>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) target: Option<String>,
    pub(crate) refusal: Option<Rejection>,
}

/// A response that the verifier makes itself (RFC 9728).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// The HTTP status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The content.
    pub body: String,
}

/// A token that was verified. Whoever holds one need not ask again.
#[derive(Clone)]
pub struct VerifiedToken {
    pub(crate) issuer: String,
    pub(crate) claims: Claims,
    pub(crate) payload: String,
    /// The values of the claims that the policy asks about.
    pub(crate) values: Vec<ClaimValue>,
    /// Where its status is, if the policy asks.
    pub(crate) status: Option<Box<StatusReference>>,
    /// The place of its issuer in the policy.
    pub(crate) issuer_index: usize,
    /// The key that its signature was verified with.
    pub(crate) key: Fingerprint,
}

impl Permit {
    /// The caller's token; none on a public route, where none was looked at, and none where a refusal was
    /// only reported.
    #[must_use]
    pub fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_deref()
    }

    /// The fields to remove from the request before anything else: every field whose name, in lower case and with `-`
    /// for `_`, is one of these. They are [`Verifier::owned_fields`](crate::Verifier::owned_fields) and
    /// [`token_field`](Self::token_field).
    pub fn removed_fields(&self) -> impl Iterator<Item = &str> {
        self.owned_fields.iter().map(String::as_str).chain(self.token_field())
    }

    /// Whether a field of this name is one to remove.
    #[must_use]
    pub fn removes(&self, name: &str) -> bool {
        self.removed_fields().any(|removed| http::folds_to(name, removed))
    }

    /// The field that the token was in, if it is to be removed: in lower case and with `-` for `_`.
    #[must_use]
    pub fn token_field(&self) -> Option<&str> {
        self.token_field.as_deref()
    }

    /// The fields to set then. Names are in lower case, values printable ASCII.
    #[must_use]
    pub fn set(&self) -> &[(String, String)] {
        &self.set
    }

    /// The fields to set, to keep.
    #[must_use]
    pub fn into_set(self) -> Vec<(String, String)> {
        self.set
    }

    /// The request target to send on, if it is not the one that came.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// What would have been answered, had it not been a dry run.
    #[must_use]
    pub fn refusal(&self) -> Option<&Rejection> {
        self.refusal.as_ref()
    }
}

impl VerifiedToken {
    /// One of the policy's issuers: the `iss` claim, or the trust domain of a JWT-SVID.
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

    /// The audiences: one at least, and one of them is among those that were asked for.
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

    /// The `iat` claim, rounded down.
    #[must_use]
    pub fn issued(&self) -> Option<Timestamp> {
        self.claims.issued
    }

    /// All claims: the payload, as JSON text.
    #[must_use]
    pub fn claims_json(&self) -> &str {
        &self.payload
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.claims.scopes.contains(scope)
    }

    pub(crate) fn values(&self) -> &[ClaimValue] {
        &self.values
    }

    /// The memory it takes, in bytes: the claims are at most as long again as the payload, and each has a
    /// header of its own.
    pub(crate) fn bytes(&self) -> usize {
        let elements: usize = self.values.iter().map(ClaimValue::elements).sum();
        let lists = self.claims.audiences.len() + self.claims.scopes.as_slice().len() + elements;
        let status = self.status.as_ref().map_or(0, |_| size_of::<StatusReference>());
        size_of::<Self>()
            + status
            + self.issuer.len()
            + 3 * self.payload.len()
            + lists * size_of::<ClaimValue>()
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

impl fmt::Debug for Permit {
    /// The fields to set hold claims, and perhaps other cookies of the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("token", &self.token)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}
