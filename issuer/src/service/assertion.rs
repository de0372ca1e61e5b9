//! Clients that prove themselves with a JWT: their own, or one of a platform that they run on (RFC 7523 §3,
//! draft-ietf-oauth-rfc7523bis, draft-ietf-oauth-spiffe-client-auth).
//!
//! 1. The assertion's own, unverified claims choose the registrations that it could meet, all of one client. Nothing is
//!    fetched for an assertion that meets none.
//! 2. The verifier verifies it with the keys of those registrations and no others: a key that one client registered never
//!    speaks for another.
//! 3. What was chosen by is then what was verified: the payload is the same text.
//! 4. What a client signed itself is used up, in the store that all replicas share.

mod candidates;
mod error;
mod key_verifiers;

use std::sync::Arc;

use tessera_fetch::Fetcher;
use tessera_verifier::{Error, Timestamp, UnverifiedClaims, VerifiedToken};

use self::candidates::Candidate;
pub use self::error::{AssertionError, NearMiss};
use self::key_verifiers::{KeyVerifiers, VerifierKey};

use super::{Clock, Endpoints};
use crate::domain::{Authenticated, CLOCK_SKEW, IssuerId, Method, UnixTime, WorkloadRegistration};
use crate::store::{ReplayGuard, Snapshot, Snapshots, UsedAssertion};

/// Longest life of what a client signs itself, in seconds. It can sign a new one at any time.
const CLIENT_ASSERTION_MAX_LIFETIME: u64 = 3600;
/// Longest life of a platform's JWT, in seconds: a day, as Kubernetes and Entra ID have it, and the five minutes by which
/// Entra ID dates its tokens back.
const WORKLOAD_MAX_LIFETIME: u64 = 86_400 + 300;

/// What a request brings an assertion for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionUse {
    /// As the grant (RFC 7523 §2.1): of a platform.
    Grant,
    /// As client authentication (RFC 7523 §2.2): the client's own, or of a platform.
    ClientAuthentication,
    /// As client authentication by a JWT-SVID (draft-ietf-oauth-spiffe-client-auth).
    Spiffe,
}

/// Verifies assertions. Key sets are fetched when first needed and then kept fresh by
/// [`keep_fresh`](Self::keep_fresh).
pub struct Assertions {
    /// What `aud` may say if a registration does not: this issuer, or its token endpoint (RFC 7523 §3).
    audiences: [String; 2],
    key_verifiers: KeyVerifiers,
    replay_guard: ReplayGuard,
}

impl Assertions {
    /// Accepts assertions made for `issuer`; fetches key sets with `fetcher`. Clients' own are accepted once each, as
    /// `replay_guard` records.
    #[must_use]
    pub fn new(
        issuer: &IssuerId,
        endpoints: &Endpoints,
        fetcher: Fetcher,
        allow_http_loopback: bool,
        replay_guard: ReplayGuard,
    ) -> Self {
        let audiences = [issuer.as_str().to_owned(), endpoints.token.clone()];
        Self { audiences, key_verifiers: KeyVerifiers::new(fetcher, allow_http_loopback), replay_guard }
    }

    /// Finds out whom `assertion` proves. If the request names a `client`, it can be nobody else.
    pub async fn authenticate(
        &self,
        snapshot: &Snapshot,
        assertion: &str,
        usage: AssertionUse,
        client: Option<&str>,
        clock: Clock,
    ) -> Result<Authenticated, AssertionError> {
        let payload = UnverifiedClaims::payload(assertion).map_err(AssertionError::Unreadable)?;
        let candidates = self.candidates(snapshot, &payload, usage, client, clock())?;
        let mut refused = None;
        for (place, candidate) in candidates.iter().enumerate() {
            // What another registration of the client says with the same keys was verified with them.
            if candidates.iter().take(place).any(|other| other.shares_keys_with(candidate)) {
                continue;
            }
            let token = match self.verify(snapshot, candidate, assertion, clock).await {
                Ok(token) => token,
                // Another of the client's registrations may have the key.
                Err(error @ AssertionError::Refused(Error::KeyUnknown { .. } | Error::SignatureWrong)) => {
                    refused.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if token.claims_json() != payload {
                return Err(AssertionError::Mismatch);
            }
            let found = candidates.iter().skip(place).filter(|other| other.shares_keys_with(candidate));
            return self.accept(snapshot, found, &token, clock()).await;
        }
        Err(refused.unwrap_or(AssertionError::Mismatch))
    }

    /// Refetches the key sets of what is registered as they age, until dropped.
    pub async fn keep_fresh(&self, snapshots: &Snapshots, clock: Clock) {
        self.key_verifiers.keep_fresh(snapshots, clock).await;
    }

    /// Whether a registration would make a policy that the verifier takes. Says what is wrong with it if not.
    pub fn check(
        client: &str,
        registration: &WorkloadRegistration,
        allow_http_loopback: bool,
    ) -> Result<(), AssertionError> {
        VerifierKey::of_registration(registration).verifier(allow_http_loopback).map(|_| ()).map_err(
            |error| AssertionError::Registration { client: client.to_owned(), problem: error.to_string() },
        )
    }

    async fn verify(
        &self,
        snapshot: &Snapshot,
        candidate: &Candidate<'_>,
        assertion: &str,
        clock: Clock,
    ) -> Result<Arc<VerifiedToken>, AssertionError> {
        let shared = self.key_verifiers.get(snapshot, candidate.credential).map_err(|error| {
            AssertionError::Registration {
                client: candidate.credential.client.to_string(),
                problem: error.to_string(),
            }
        })?;
        match shared.authenticate(assertion, &self.accepted_by(candidate.audience()), clock).await {
            Ok(token) => Ok(token),
            Err(Error::KeysUnavailable { .. }) => {
                Err(AssertionError::KeysUnavailable { issuer: candidate.issuer().to_owned() })
            }
            Err(error) => Err(AssertionError::Refused(error)),
        }
    }

    /// What is left once it is verified: the first registration that it does not outlive, and that it is new.
    async fn accept<'c>(
        &self,
        snapshot: &Snapshot,
        mut candidates: impl Iterator<Item = &'c Candidate<'c>>,
        token: &VerifiedToken,
        now: UnixTime,
    ) -> Result<Authenticated, AssertionError> {
        let start = token.issued().map_or(now.as_seconds(), Timestamp::as_seconds);
        let seconds = token.expiry().as_seconds().saturating_sub(start);
        let mut limit = 0;
        let fits = |candidate: &&Candidate<'_>| {
            limit = candidate.max_lifetime();
            seconds <= limit
        };
        let Some(candidate) = candidates.find(fits) else {
            return Err(AssertionError::Refused(Error::LifetimeTooLong { seconds, limit }));
        };
        let authenticated =
            Authenticated::by(&snapshot.directory, candidate.credential, candidate.method, now)
                .map_err(AssertionError::Client)?;
        if candidate.method == Method::PrivateKeyJwt {
            self.use_up(candidate, token).await?;
        }
        Ok(authenticated)
    }

    async fn use_up(&self, candidate: &Candidate<'_>, token: &VerifiedToken) -> Result<(), AssertionError> {
        let jti = token.token_id().ok_or(AssertionError::Refused(Error::ClaimMissing { claim: "jti" }))?;
        let expires_at = UnixTime::from_seconds(token.expiry().plus(CLOCK_SKEW + 1).as_seconds());
        let used =
            UsedAssertion { client: candidate.credential.client.clone(), jti: jti.to_owned(), expires_at };
        let fresh = self.replay_guard.mark_used(used).await.map_err(AssertionError::Unavailable)?;
        if fresh { Ok(()) } else { Err(AssertionError::Replayed) }
    }
}

impl std::fmt::Debug for Assertions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertions").field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
