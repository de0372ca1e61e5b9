//! Clients that prove themselves with a JWT of an issuer they trust (RFC 7523 §3).
//!
//! The assertion's own, unverified claims choose *one* registration, and nothing more. It is then verified with the
//! keys of that registration alone: a key that one client registered never speaks for another.

mod sources;
mod unverified;

use std::sync::Arc;

use tessera_net::fetch::Fetcher;
use tessera_verifier::{Authentication, VerifiedToken};

use self::sources::{Source, Sources};
use self::unverified::Unverified;
pub use self::unverified::UnverifiedError;

use super::Clock;
use crate::domain::{Authenticated, IssuerId, Trust};
use crate::store::{Snapshot, Snapshots};

/// Verifies assertions. Key sets are fetched when first needed and then kept fresh by
/// [`keep_fresh`](Self::keep_fresh).
#[derive(Debug)]
pub struct Assertions {
    /// What `aud` may say if a registration does not: this issuer, or its token endpoint (RFC 7523 §3).
    audiences: [String; 2],
    sources: Sources,
}

/// Why an assertion proves nothing. For the log; the answer is `invalid_grant`.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// It cannot be read.
    #[error("the assertion cannot be read")]
    Unreadable(#[from] UnverifiedError),
    /// No client is registered for its issuer, subject and audience.
    #[error("no client trusts {issuer:?} about {subject:?} for this audience")]
    Unregistered {
        /// `iss`, as the assertion says.
        issuer: String,
        /// `sub`, as the assertion says.
        subject: String,
    },
    /// Several registrations fit, as can be when it has several audiences. Guessing would be trying.
    #[error("several registrations fit {issuer:?} about {subject:?}")]
    Ambiguous {
        /// `iss`, as the assertion says.
        issuer: String,
        /// `sub`, as the assertion says.
        subject: String,
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
        /// `iss` of the registration.
        issuer: String,
    },
    /// The verifier refuses it.
    #[error("the verifier refuses it: {0}")]
    Refused(tessera_verifier::Error),
    /// What was verified is not what was registered.
    #[error("the verified claims are not those of the registration")]
    Mismatch,
}

impl Assertions {
    /// Accepts assertions made for `issuer`; fetches key sets with `fetcher`.
    #[must_use]
    pub fn new(issuer: &IssuerId, fetcher: Fetcher, allow_http_loopback: bool) -> Self {
        let audiences = [issuer.as_str().to_owned(), issuer.token_endpoint()];
        Self { audiences, sources: Sources::new(fetcher, allow_http_loopback) }
    }

    /// Finds out whom `assertion` proves. If the request names a `client`, it can be nobody else.
    pub async fn authenticate(
        &self,
        snapshot: &Snapshot,
        assertion: &str,
        client: Option<&str>,
        clock: Clock,
    ) -> Result<Authenticated, AssertionError> {
        let claims = Unverified::read(assertion)?;
        let trust = self.registration(snapshot, &claims, client)?;
        let token = self.verify(snapshot, &trust, assertion, clock).await?;
        if token.issuer() != trust.issuer || token.subject() != trust.subject {
            return Err(AssertionError::Mismatch);
        }
        Ok(Authenticated::by_assertion(trust.client.clone()))
    }

    /// Refetches the key sets of what is registered as they age, until dropped.
    pub async fn keep_fresh(&self, snapshots: &Snapshots, clock: Clock) {
        self.sources.keep_fresh(snapshots, clock).await;
    }

    /// Whether a registration would make a policy that the verifier takes. Says what is wrong with it if not.
    pub fn check(trust: &Trust, allow_http_loopback: bool) -> Result<(), AssertionError> {
        let audiences = trust.audience.clone().unwrap_or_else(|| trust.issuer.clone());
        Source::new(trust, vec![audiences]).verifier(allow_http_loopback).map(|_| ()).map_err(|error| {
            AssertionError::Registration { client: trust.client.to_string(), problem: error.to_string() }
        })
    }

    fn registration(
        &self,
        snapshot: &Snapshot,
        claims: &Unverified,
        client: Option<&str>,
    ) -> Result<Arc<Trust>, AssertionError> {
        let fits = |trust: &&Arc<Trust>| {
            self.accepted_by(trust).iter().any(|audience| claims.is_for(audience))
                && client.is_none_or(|client| client == trust.client.as_str())
        };
        let mut found =
            snapshot.directory.trusts_for(&claims.issuer, &claims.subject).iter().filter(fits).cloned();
        let evidence = || (claims.issuer.clone(), claims.subject.clone());
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                let (issuer, subject) = evidence();
                Err(AssertionError::Unregistered { issuer, subject })
            }
            (Some(_), Some(_)) => {
                let (issuer, subject) = evidence();
                Err(AssertionError::Ambiguous { issuer, subject })
            }
        }
    }

    async fn verify(
        &self,
        snapshot: &Snapshot,
        trust: &Trust,
        assertion: &str,
        clock: Clock,
    ) -> Result<Arc<VerifiedToken>, AssertionError> {
        let source = Source::new(trust, self.accepted_by(trust).to_vec());
        let shared = self.sources.get(snapshot, source).map_err(|error| AssertionError::Registration {
            client: trust.client.to_string(),
            problem: error.to_string(),
        })?;
        match shared.authenticate(assertion, clock).await {
            Authentication::Verified(token) => Ok(token),
            Authentication::Need(_)
            | Authentication::Refused(tessera_verifier::Error::KeysUnavailable { .. }) => {
                Err(AssertionError::KeysUnavailable { issuer: trust.issuer.clone() })
            }
            Authentication::Refused(error) => Err(AssertionError::Refused(error)),
        }
    }

    fn accepted_by<'a>(&'a self, trust: &'a Trust) -> &'a [String] {
        trust.audience.as_ref().map_or(&self.audiences, std::slice::from_ref)
    }
}

#[cfg(test)]
mod tests;
