//! One token request, from proof to token: authenticate, decide, sign, and leave an audit line.

mod assertion;
mod audit;

use std::fmt;
use std::sync::Arc;

pub use assertion::{AssertionError, Assertions, UnverifiedError};

use crate::domain::{
    Algorithm, Authenticated, AuthenticationFailure, Claims, ClientSecret, Issuance, IssuerId,
    LifetimeBounds, Method, Pepper, RandomError, Refusal, ScopeSet, TokenId, UnixTime, Wish, authenticate,
    decide,
};
use crate::keys::{SigningError, sign_token};
use crate::store::{Snapshot, Snapshots, Stale};

/// Tells the time. A function and not a time where a decision waits for the network in the middle.
pub type Clock = fn() -> UnixTime;

/// Issues tokens from the current snapshot.
#[derive(Debug)]
pub struct TokenService {
    issuer: IssuerId,
    bounds: LifetimeBounds,
    pepper: Pepper,
    snapshots: Arc<Snapshots>,
    assertions: Assertions,
    clock: Clock,
}

/// A well-formed request for a token.
#[derive(Debug)]
pub struct TokenRequest {
    /// How the client proves itself, which is also what OAuth calls the grant type.
    pub proof: Proof,
    /// The audience asked for (`audience`, or `resource` of RFC 8707).
    pub audience: Option<String>,
    /// The scopes asked for; `None` for all that are granted.
    pub scopes: Option<ScopeSet>,
}

/// What a client brings to prove itself.
#[derive(Debug)]
pub enum Proof {
    /// `client_credentials` (RFC 6749 §4.4).
    Secret(Credentials),
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1).
    Assertion {
        /// The JWT.
        assertion: Presented,
        /// `client_id`, which may be left out but must agree (RFC 7521 §4.1).
        client: Option<String>,
        /// Credentials brought in addition: checked too, and of the same client.
        credentials: Option<Credentials>,
    },
}

/// A client's name and secret as presented.
#[derive(Debug)]
pub struct Credentials {
    /// The name, unchecked.
    pub client: String,
    /// The secret, unchecked.
    pub secret: ClientSecret,
    /// Where they stood.
    pub method: Method,
}

/// A token that someone presented. `Debug` shows nothing of it.
pub struct Presented(String);

/// A token and what its holder needs to know of it.
pub struct IssuedToken {
    /// The token in JWS compact serialisation.
    pub token: String,
    /// Seconds until it expires.
    pub lifetime: u64,
    /// Its scopes, space-separated, if it has any.
    pub scope: Option<String>,
}

/// A request that was granted.
struct Granted {
    issued: IssuedToken,
    claims: Claims,
    proved_by: Method,
}

/// Why a well-formed request got no token. The log tells these apart; the answer says the standard's code.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client's secret does not prove it.
    #[error("the client is not authenticated: {0}")]
    Authentication(AuthenticationFailure),
    /// The client's assertion does not prove it.
    #[error("the assertion is not accepted")]
    Assertion(#[from] AssertionError),
    /// The client may not have what it asks for.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The state is too old to decide from.
    #[error("the state is out of date")]
    Stale(#[from] Stale),
    /// The audience wants an algorithm of which there is no key.
    #[error("there is no active key for {}", .0.map_or("any algorithm", Algorithm::as_str))]
    NoKeyOf(Option<Algorithm>),
    /// The key did not sign.
    #[error("the token could not be signed")]
    Signing(#[from] SigningError),
    /// No randomness for a token id.
    #[error("the token could not be named")]
    Random(#[from] RandomError),
}

impl TokenService {
    /// A service that signs as `issuer`, by the time of `clock`.
    #[must_use]
    pub const fn new(
        issuer: IssuerId,
        bounds: LifetimeBounds,
        pepper: Pepper,
        snapshots: Arc<Snapshots>,
        assertions: Assertions,
        clock: Clock,
    ) -> Self {
        Self { issuer, bounds, pepper, snapshots, assertions, clock }
    }

    /// The name this service signs as.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    /// The time this service goes by.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        (self.clock)()
    }

    /// Refetches the key sets of trusted issuers as they age, until dropped.
    pub async fn keep_fresh(&self) {
        self.assertions.keep_fresh(&self.snapshots, self.clock).await;
    }

    /// The latest state, however old: for what is published rather than decided.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        self.snapshots.latest()
    }

    /// The current state.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Stale> {
        self.snapshots.current()
    }

    /// Answers one request, and writes the audit line of the decision.
    pub async fn exchange(&self, request: &TokenRequest) -> Result<IssuedToken, TokenError> {
        let decision = self.decide(request).await;
        audit::token(request, &decision);
        decision.map(|granted| granted.issued)
    }

    async fn decide(&self, request: &TokenRequest) -> Result<Granted, TokenError> {
        let client = self.prove(&request.proof, &*self.snapshots.current()?).await?;
        // Proving may have waited for keys: what is granted, and for how long, is as of now.
        let snapshot = self.snapshots.current()?;
        let now = self.now();
        let wish = Wish { audience: request.audience.as_deref(), scopes: request.scopes.as_ref() };
        let token_id = TokenId::generate()?;
        let Issuance { claims, algorithm } =
            decide(&snapshot.directory, &self.issuer, &self.bounds, &client, wish, token_id, now)
                .map_err(TokenError::Refused)?;
        let signer = snapshot.keyring.signer(algorithm).ok_or(TokenError::NoKeyOf(algorithm))?;
        let token = sign_token(signer, &claims)?;
        let lifetime = claims.exp.as_seconds().saturating_sub(now.as_seconds());
        let issued = IssuedToken { token, lifetime, scope: claims.scope.clone() };
        Ok(Granted { issued, claims, proved_by: client.method() })
    }

    fn check(&self, snapshot: &Snapshot, credentials: &Credentials) -> Result<Authenticated, TokenError> {
        let Credentials { client, secret, method } = credentials;
        authenticate(&snapshot.directory, &self.pepper, client, secret, *method, self.now())
            .map_err(TokenError::Authentication)
    }

    async fn prove(&self, proof: &Proof, snapshot: &Snapshot) -> Result<Authenticated, TokenError> {
        match proof {
            Proof::Secret(credentials) => self.check(snapshot, credentials),
            Proof::Assertion { assertion, client, credentials } => {
                let by_secret = credentials.as_ref().map(|it| self.check(snapshot, it)).transpose()?;
                let client = by_secret.as_ref().map(|it| it.client().as_str()).or(client.as_deref());
                Ok(self.assertions.authenticate(snapshot, assertion.as_str(), client, self.clock).await?)
            }
        }
    }
}

impl Proof {
    /// The client's name as the request claims it, if it does.
    #[must_use]
    pub fn claimed_client(&self) -> Option<&str> {
        match self {
            Self::Secret(credentials) => Some(&credentials.client),
            Self::Assertion { client, credentials, .. } => {
                client.as_deref().or(credentials.as_ref().map(|it| &*it.client))
            }
        }
    }
}

impl Presented {
    /// Takes a presented token.
    #[must_use]
    pub const fn new(token: String) -> Self {
        Self(token)
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("lifetime", &self.lifetime)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_token() {
        let issued = IssuedToken { token: "eyJ.a.b".to_owned(), lifetime: 900, scope: None };
        let shown = format!("{issued:?} {:?}", Presented::new("eyJ.c.d".to_owned()));
        assert_eq!(shown, "IssuedToken { lifetime: 900, scope: None, .. } Presented(…)");
    }
}
