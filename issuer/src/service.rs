//! One token request, from proof to token: authenticate, decide, sign.

mod assertion;
mod certificate;
mod exchange;
mod introspection;
mod last_used;
mod request;
mod revocation;
mod rotation;
mod status;
mod validation;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use assertion::{AssertionError, AssertionUse, Assertions, NearMiss};
pub use certificate::CertificateError;
pub use introspection::{Active, AnswerFormat, Inactive, Introspection};
pub use last_used::LastUsed;
pub use request::{
    ClientAssertionType, ClientAuthentication, GrantType, PresentedJwt, SecretPlace, TokenRequest, TokenType,
};
pub use revocation::{RevocationOutcome, RevocationRequest};
pub use rotation::{ClockReading, RotationError, RotationOutcome, Rotator};
use status::NewToken;
pub use status::{ListError, SignedList, Statuses};
use tessera_fetch::Fetcher;
pub use validation::{TokenValidator, ValidatedToken, ValidationError};

use crate::domain::{
    ActDepth, Algorithm, Authenticated, AuthenticationFailure, Claims, Issuance, IssuerId, LifetimeBounds,
    ListId, Method, Pepper, RandomError, Refusal, RequestedAccess, StatusClaim, StatusReference, StatusTtl,
    TokenId, TokenParties, UnixTime, authenticate, decide,
};
use crate::keys::{Signer, SigningError, sign_token};
use crate::store::{BatchError, ReplayGuard, Snapshot, Snapshots, Stale, Store, StoreError};

/// Tells the time. A function and not a time where a decision waits for the network in the middle.
pub type Clock = fn() -> UnixTime;

/// What a [`TokenService`] is made of.
pub struct TokenServiceParts {
    /// The name it signs as.
    pub issuer: IssuerId,
    /// Where its endpoints are.
    pub endpoints: Endpoints,
    /// How long its tokens live.
    pub bounds: LifetimeBounds,
    /// How many may act one after the other for one subject.
    pub max_act_depth: ActDepth,
    /// How long verifiers may keep a status list.
    pub status_ttl: StatusTtl,
    /// The key of the hashes of client secrets.
    pub pepper: Pepper,
    /// Where revocations, used assertions and blocks of status indices are recorded.
    pub store: Arc<dyn Store>,
    /// The state of that store.
    pub snapshots: Arc<Snapshots>,
    /// Fetches the key sets of those whose assertions are accepted.
    pub fetcher: Fetcher,
    /// Whether key sets may be fetched over `http` from this machine.
    pub allow_http_loopback: bool,
    /// What a TLS listener adds, if there is one.
    pub mutual_tls: Option<MutualTls>,
    /// The time it goes by.
    pub clock: Clock,
}

/// URLs that tokens and assertions name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The token endpoint, which assertions may be made for (RFC 7523 §3).
    pub token: String,
    /// The URL that the name of a status list is appended to.
    pub status_lists: String,
}

/// Issues tokens from the current snapshot.
#[derive(Debug)]
pub struct TokenService {
    issuer: IssuerId,
    endpoints: Endpoints,
    bounds: LifetimeBounds,
    max_act_depth: ActDepth,
    pepper: Pepper,
    snapshots: Arc<Snapshots>,
    assertions: Assertions,
    validator: TokenValidator,
    mutual_tls: Option<MutualTls>,
    statuses: Statuses,
    last_used: LastUsed,
    clock: Clock,
    stopping: AtomicBool,
}

/// What can be done here because there is a TLS listener (RFC 8705).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualTls {
    /// Whether there is a CA whose certificates prove clients by name (§2.1), and not only registered certificates
    /// (§2.2).
    pub client_ca: bool,
    /// Where that listener is reached, without a path; `None` if by the issuer's own URL (§5).
    pub url: Option<String>,
}

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
#[derive(Debug)]
pub struct Granted {
    /// The token.
    pub issued: IssuedToken,
    /// What it says.
    pub claims: Claims,
    /// Who got it.
    pub client: Authenticated,
    /// The name of the token that it was exchanged for, if it was.
    pub subject_token: Option<String>,
}

/// Why a well-formed request got no token. The log tells these apart; the answer says the standard's code.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client's secret does not prove it.
    #[error("the client is not authenticated: {0}")]
    Authentication(AuthenticationFailure),
    /// The client's certificate does not prove it.
    #[error("the client is not authenticated by its certificate")]
    Certificate(#[from] CertificateError),
    /// The client's assertion about itself does not prove it (RFC 7523 §2.2).
    #[error("the client assertion is not accepted")]
    ClientAssertion(#[source] AssertionError),
    /// The assertion that is the grant is not accepted (RFC 7523 §2.1).
    #[error("the assertion is not accepted")]
    Assertion(#[source] AssertionError),
    /// The token that is to be exchanged is not good.
    #[error("the subject token is not accepted")]
    SubjectToken {
        /// Who asked.
        client: Authenticated,
        /// What is wrong with it.
        #[source]
        error: ValidationError,
    },
    /// The client may not have what it asks for.
    #[error("refused: {refusal}")]
    Refused {
        /// Who asked.
        client: Authenticated,
        /// Why not.
        refusal: Refusal,
    },
    /// The state is too old to decide from.
    #[error("the state is out of date")]
    Stale(#[from] Stale),
    /// The audience wants an algorithm of which there is no key.
    #[error("there is no active key for {}", .0.map_or("any algorithm", Algorithm::as_str))]
    NoKeyOf(Option<Algorithm>),
    /// A token that came back cannot be looked at, which is no fault of it.
    #[error("the token could not be inspected")]
    Validation(#[source] ValidationError),
    /// The token needs a place in a status list, and there is none to be had.
    #[error("the token could not get a status")]
    Status(#[from] BatchError),
    /// The revocation did not reach the store.
    #[error("the revocation could not be recorded")]
    Unrecorded(#[source] StoreError),
    /// The key did not sign.
    #[error("the token could not be signed")]
    Signing(#[from] SigningError),
    /// No randomness for a token id.
    #[error("the token could not be named")]
    Random(#[from] RandomError),
}

impl TokenService {
    /// Puts the parts together. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(parts: TokenServiceParts) -> Self {
        let TokenServiceParts { issuer, endpoints, bounds, max_act_depth, status_ttl, pepper, .. } = parts;
        let TokenServiceParts { store, snapshots, fetcher, allow_http_loopback, mutual_tls, clock, .. } =
            parts;
        let replay_guard = ReplayGuard::new(Arc::clone(&store));
        Self {
            assertions: Assertions::new(&issuer, &endpoints, fetcher, allow_http_loopback, replay_guard),
            validator: TokenValidator::new(issuer.clone()),
            statuses: Statuses::new(store, status_ttl, clock),
            last_used: LastUsed::default(),
            issuer,
            endpoints,
            bounds,
            max_act_depth,
            pepper,
            snapshots,
            mutual_tls,
            clock,
            stopping: AtomicBool::new(false),
        }
    }

    /// From now on this service says that it is not ready: the process is about to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The name this service signs as.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    /// What the TLS listener adds, if there is one.
    #[must_use]
    pub const fn mutual_tls(&self) -> Option<&MutualTls> {
        self.mutual_tls.as_ref()
    }

    /// When credentials were used, to be written to the store by whoever has it.
    #[must_use]
    pub const fn last_used(&self) -> &LastUsed {
        &self.last_used
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

    /// How old the latest state may be, in seconds.
    #[must_use]
    pub fn state_age(&self) -> u64 {
        let age = self.snapshots.age();
        age.as_secs().saturating_add(u64::from(age.subsec_nanos() > 0))
    }

    /// The current state.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Stale> {
        self.snapshots.current()
    }

    /// Reads tokens of this server that come back to it.
    #[must_use]
    pub const fn validator(&self) -> &TokenValidator {
        &self.validator
    }

    /// Decides one request for a token.
    pub async fn issue(&self, request: &TokenRequest) -> Result<Granted, TokenError> {
        let client = self.prove(request, &*self.snapshots.current()?).await?;
        // Proving may have waited for keys: what is granted, and for how long, is as of now.
        let snapshot = self.snapshots.current()?;
        let now = self.now();
        self.last_used.note(client.credential(), now);
        let access =
            RequestedAccess { audience: request.audience.as_deref(), scopes: request.scopes.as_ref() };
        let (issuance, subject) = match &request.grant {
            GrantType::TokenExchange { subject_token, .. } => {
                let decided = self.exchange(&snapshot, &client, subject_token, access, now)?;
                (decided.issuance, Some(decided.subject))
            }
            GrantType::ClientCredentials | GrantType::JwtBearer(_) => {
                let (directory, token_id) = (&snapshot.directory, TokenId::generate()?);
                let decided = decide(directory, &self.issuer, &self.bounds, &client, access, token_id, now);
                (decided, None)
            }
        };
        match issuance {
            Ok(issuance) => {
                let granted = self.sign(&snapshot, client, issuance, now).await?;
                Ok(Granted { subject_token: subject.map(|subject| subject.id), ..granted })
            }
            Err(refusal) => Err(TokenError::Refused { client, refusal }),
        }
    }

    /// Makes the token that was decided on.
    async fn sign(
        &self,
        snapshot: &Snapshot,
        client: Authenticated,
        issuance: Issuance,
        now: UnixTime,
    ) -> Result<Granted, TokenError> {
        let Issuance { mut claims, algorithm, status } = issuance;
        let signer = snapshot.keyring.signer(algorithm).ok_or(TokenError::NoKeyOf(algorithm))?;
        if status {
            self.give_status(&mut claims, signer, snapshot, now).await?;
        }
        let token = sign_token(signer, &claims).await?;
        let lifetime = claims.exp.as_seconds().saturating_sub(now.as_seconds());
        let issued = IssuedToken { token, lifetime, scope: claims.scope.clone() };
        Ok(Granted { issued, claims, client, subject_token: None })
    }

    /// Gives the token a place in a status list, which is durable before it leaves.
    async fn give_status(
        &self,
        claims: &mut Claims,
        signer: &dyn Signer,
        snapshot: &Snapshot,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        let token = NewToken {
            parties: TokenParties {
                client: claims.client_id.clone(),
                subject: claims.sub.clone(),
                audience: claims.aud.clone(),
            },
            kid: signer.key_id(),
            algorithm: signer.algorithm(),
            expires_at: claims.exp,
        };
        let index = self.statuses.place(token, &snapshot.revocations, now).await?;
        let uri = self.endpoints.status_list(index.list);
        claims.status = Some(StatusClaim { status_list: StatusReference { idx: index.index, uri } });
        claims.jti = TokenId::with_status(index)?;
        Ok(())
    }

    /// A status list of this issuer, signed; not older than half the time for which it may be kept.
    pub async fn status_list(&self, id: ListId) -> Result<SignedList, ListError> {
        self.statuses.list(id, &self.snapshots, &self.issuer, &self.endpoints, self.now()).await
    }

    /// Finds out who asks at an endpoint where clients authenticate as they do for a token (RFC 7009 §2.1, RFC 7662
    /// §2.1).
    pub async fn authenticate_client(
        &self,
        client: &ClientAuthentication,
    ) -> Result<Authenticated, TokenError> {
        let snapshot = self.snapshots.current()?;
        let nobody = || TokenError::Authentication(AuthenticationFailure::UnknownClient);
        let client = self.authenticate(client, &snapshot).await?.ok_or_else(nobody)?;
        self.last_used.note(client.credential(), self.now());
        Ok(client)
    }

    /// Finds out whom the request proves.
    async fn prove(&self, request: &TokenRequest, snapshot: &Snapshot) -> Result<Authenticated, TokenError> {
        let authenticated = match (&request.grant, self.authenticate(&request.client, snapshot).await) {
            // A certificate that nobody registered for this client is the connection's, as a mesh shows one on each.
            (GrantType::JwtBearer(_), Err(TokenError::Certificate(error))) if error.is_no_credential() => {
                None
            }
            (_, authenticated) => authenticated?,
        };
        match (&request.grant, authenticated) {
            (GrantType::ClientCredentials | GrantType::TokenExchange { .. }, Some(client)) => Ok(client),
            (GrantType::ClientCredentials | GrantType::TokenExchange { .. }, None) => {
                Err(TokenError::Authentication(AuthenticationFailure::UnknownClient))
            }
            // A client that authenticates beside the assertion has to be the one that it proves (RFC 7521 §4.1).
            (GrantType::JwtBearer(assertion), authenticated) => {
                if let Some(client) = &authenticated {
                    self.last_used.note(client.credential(), self.now());
                }
                let authenticated = authenticated.as_ref().map(|client| client.client().as_str());
                let client = authenticated.or(request.client.claimed_client());
                self.assertions
                    .authenticate(snapshot, assertion.as_str(), AssertionUse::Grant, client, self.clock)
                    .await
                    .map_err(TokenError::Assertion)
            }
        }
    }

    /// Checks the client authentication, if there is one.
    async fn authenticate(
        &self,
        client: &ClientAuthentication,
        snapshot: &Snapshot,
    ) -> Result<Option<Authenticated>, TokenError> {
        match client {
            ClientAuthentication::None { .. } => Ok(None),
            ClientAuthentication::Secret { place, client, secret } => {
                let method = match place {
                    SecretPlace::Header => Method::SecretBasic,
                    SecretPlace::Form => Method::SecretPost,
                };
                authenticate(&snapshot.directory, &self.pepper, client, secret, method, self.now())
                    .map(Some)
                    .map_err(TokenError::Authentication)
            }
            ClientAuthentication::Assertion { kind, assertion, client } => {
                let usage = match kind {
                    ClientAssertionType::JwtBearer => AssertionUse::ClientAuthentication,
                    ClientAssertionType::JwtSpiffe => AssertionUse::Spiffe,
                };
                self.assertions
                    .authenticate(snapshot, assertion.as_str(), usage, client.as_deref(), self.clock)
                    .await
                    .map(Some)
                    .map_err(TokenError::ClientAssertion)
            }
            ClientAuthentication::Certificate { client, certificate } => {
                Ok(Some(certificate::authenticate(&snapshot.directory, client, certificate, self.now())?))
            }
        }
    }
}

impl Endpoints {
    /// The URL of a status list.
    #[must_use]
    pub fn status_list(&self, list: ListId) -> String {
        format!("{}{list}", self.status_lists)
    }
}

impl TokenError {
    /// The client, where it is known who it is.
    #[must_use]
    pub const fn proved(&self) -> Option<&Authenticated> {
        match self {
            Self::Refused { client, .. } | Self::SubjectToken { client, .. } => Some(client),
            _ => None,
        }
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
        let shown = format!("{issued:?} {:?}", PresentedJwt::new("eyJ.c.d".to_owned()));
        assert_eq!(shown, "IssuedToken { lifetime: 900, scope: None, .. } PresentedJwt(…)");
    }
}
