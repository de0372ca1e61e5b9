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
use crate::domain::{
    Accepts, Authenticated, AuthenticationFailure, Conditions, Credential, CredentialKind, IssuerId, Method,
    Trust,
};
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
    /// The client or its registration is no longer good.
    #[error("the client is not authenticated: {0}")]
    Client(AuthenticationFailure),
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
        let (credential, trust) = self.registration(snapshot, &claims, client)?;
        let token = self.verify(snapshot, credential, trust, assertion, clock).await?;
        if token.issuer() != trust.issuer || trust.conditions != Conditions::subject(token.subject()) {
            return Err(AssertionError::Mismatch);
        }
        Authenticated::by(&snapshot.directory, credential, Method::WorkloadGrant, clock())
            .map_err(AssertionError::Client)
    }

    /// Refetches the key sets of what is registered as they age, until dropped.
    pub async fn keep_fresh(&self, snapshots: &Snapshots, clock: Clock) {
        self.sources.keep_fresh(snapshots, clock).await;
    }

    /// Whether a registration would make a policy that the verifier takes. Says what is wrong with it if not.
    pub fn check(client: &str, trust: &Trust, allow_http_loopback: bool) -> Result<(), AssertionError> {
        Source::new(trust, vec![trust.issuer.clone()]).verifier(allow_http_loopback).map(|_| ()).map_err(
            |error| AssertionError::Registration { client: client.to_owned(), problem: error.to_string() },
        )
    }

    fn registration<'a>(
        &self,
        snapshot: &'a Snapshot,
        claims: &Unverified,
        client: Option<&str>,
    ) -> Result<(&'a Credential, &'a Trust), AssertionError> {
        let fits = |credential: &'a Arc<Credential>| {
            let CredentialKind::Workload(trust) = &credential.kind else { return None };
            let fits = self.accepted_by(trust).iter().any(|audience| claims.is_for(audience))
                && trust.conditions == Conditions::subject(&claims.subject)
                && client.is_none_or(|client| client == credential.client.as_str());
            fits.then_some((&**credential, trust))
        };
        let mut found = snapshot.directory.workloads(&claims.issuer, &claims.subject).filter_map(fits);
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
        credential: &Credential,
        trust: &Trust,
        assertion: &str,
        clock: Clock,
    ) -> Result<Arc<VerifiedToken>, AssertionError> {
        let source = Source::new(trust, self.accepted_by(trust).to_vec());
        let shared = self.sources.get(snapshot, source).map_err(|error| AssertionError::Registration {
            client: credential.client.to_string(),
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
        let [issuer, _] = &self.audiences;
        match &trust.audience.accepts {
            Accepts::Issuer => std::slice::from_ref(issuer),
            Accepts::TokenEndpoint => &self.audiences,
            Accepts::Other(audience) => std::slice::from_ref(audience),
        }
    }
}

#[cfg(test)]
mod tests;
