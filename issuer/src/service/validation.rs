//! Tokens of this server that come back to it: to be introspected, exchanged or revoked.
//!
//! They are verified as any verifier would, by the same core and with the keys that are published; this server trusts
//! no token for having made it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tessera_verifier::{
    AcceptedAudience, Attempt, Backend, Error, KeySource, Profile, Step, Timestamp, TrustError, TrustPolicy,
    TrustedIssuer, VerifiedToken, Verifier,
};

use crate::domain::{
    AccessToken, ActorChain, CLOCK_SKEW, IssuerId, MAX_LIFETIME, NoLongerValid, RevokedBy, ScopeSet,
    StoredKey, UnixTime,
};
use crate::keys::Keyring;
use crate::store::Snapshot;

/// Most tokens that are remembered as verified: who introspects asks about one token again and again.
const REMEMBERED: usize = 10_000;

/// Verifies tokens of one issuer, its own, for whatever audience.
pub struct TokenValidator {
    issuer: IssuerId,
    /// Made of the keys that are published, and made anew when these change.
    verifying: RwLock<Option<Arc<Verifying>>>,
}

struct Verifying {
    kids: Vec<String>,
    /// Many check at once; remembering a token takes it alone for a moment.
    verifier: RwLock<Verifier>,
}

/// A token of this server: its signature and its times are good.
#[derive(Clone, PartialEq)]
pub struct ValidatedToken {
    /// What it says, as far as this server acts on it.
    pub token: AccessToken,
    /// All that it says.
    pub claims: Map<String, Value>,
}

/// Why a token is not good. Whoever asks learns only that it is not.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// It is none of this server's, was tampered with, or has expired.
    #[error("the token does not verify: {0}")]
    Refused(Error),
    /// It is signed by this server, but is no access token as this server writes them.
    #[error("the token's claims are not as this server writes them")]
    Claims,
    /// The published keys make no verifier. Nothing is wrong with the token.
    #[error("the published keys cannot be used to verify")]
    Keys(#[source] Box<TrustError>),
    /// It was good, and was called back.
    #[error("the token is revoked: by {}", by.as_str())]
    Revoked {
        /// Its name.
        token_id: String,
        /// By which revocation.
        by: RevokedBy,
    },
    /// It was good, and something that it rests on is gone.
    #[error("{reason}")]
    NoLongerValid {
        /// Its name.
        token_id: String,
        /// What is gone.
        reason: NoLongerValid,
    },
}

/// What is read of a token's header.
#[derive(Deserialize)]
struct Header {
    kid: String,
}

impl TokenValidator {
    /// Verifies tokens of `issuer`.
    #[must_use]
    pub fn new(issuer: IssuerId) -> Self {
        Self { issuer, verifying: RwLock::default() }
    }

    /// Reads a token of this server: its signature and its times, nothing else.
    pub fn read(
        &self,
        keyring: &Keyring,
        token: &str,
        now: UnixTime,
    ) -> Result<ValidatedToken, ValidationError> {
        let verified = self.verify(keyring, token, now)?;
        // Clocks may differ about when it was issued; when it ends is for this one to say.
        let expiry = verified.expiry();
        let now = timestamp(now);
        if expiry <= now {
            return Err(ValidationError::Refused(Error::Expired { expiry, now }));
        }
        validated(token, &verified).ok_or(ValidationError::Claims)
    }

    /// Reads a token and finds out what it is still good for: the scopes that are left of it.
    pub fn validate(
        &self,
        snapshot: &Snapshot,
        token: &str,
        now: UnixTime,
    ) -> Result<(ValidatedToken, ScopeSet), ValidationError> {
        let validated = self.read(&snapshot.keyring, token, now)?;
        if let Some(by) = snapshot.revocations.is_revoked(&validated.token) {
            return Err(ValidationError::Revoked { token_id: validated.token.id, by });
        }
        match validated.token.remaining_scopes(&snapshot.directory, now) {
            Ok(scopes) => Ok((validated, scopes)),
            Err(reason) => Err(ValidationError::NoLongerValid { token_id: validated.token.id, reason }),
        }
    }

    /// A token may be for anyone here, so that its audience is not asked for.
    fn verify(
        &self,
        keyring: &Keyring,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<VerifiedToken>, ValidationError> {
        let current = self.current(keyring)?;
        let now = timestamp(now);
        let verifier = current.verifier.read().unwrap_or_else(PoisonError::into_inner);
        let check = verifier.check_token(token, AcceptedAudience::Any, now);
        drop(verifier);
        let step = match check.settled() {
            Ok(verdict) => Step::Done(verdict),
            Err(check) => {
                let mut verifier = current.verifier.write().unwrap_or_else(PoisonError::into_inner);
                verifier.settle(check, &mut Attempt::last(), now)
            }
        };
        match step {
            Step::Done(verdict) => verdict.map_err(ValidationError::Refused),
            // The keys are given, so that there is nothing to fetch.
            Step::Fetch(_) | Step::Wait { .. } => {
                let issuer = self.issuer.as_str().to_owned();
                Err(ValidationError::Refused(Error::KeysUnavailable { issuer }))
            }
        }
    }

    /// The verifier for the keys that are published.
    fn current(&self, keyring: &Keyring) -> Result<Arc<Verifying>, ValidationError> {
        let known = self.verifying.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|it| it.is_for(keyring)) {
            return Ok(known);
        }
        let verifier =
            verifier(&self.issuer, keyring.keys()).map_err(|error| ValidationError::Keys(Box::new(error)))?;
        let kids = keyring.keys().iter().map(|key| key.kid.clone()).collect();
        let current = Arc::new(Verifying { kids, verifier: RwLock::new(verifier) });
        *self.verifying.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&current));
        Ok(current)
    }
}

impl Verifying {
    fn is_for(&self, keyring: &Keyring) -> bool {
        self.kids.iter().eq(keyring.keys().iter().map(|key| &key.kid))
    }
}

fn verifier(issuer: &IssuerId, keys: &[StoredKey]) -> Result<Verifier, TrustError> {
    let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
    let keys = KeySource::Inline(json!({ "keys": keys }).to_string());
    let issuer = TrustedIssuer::new(issuer.as_str(), keys)
        .profile(Profile::AccessToken)
        .max_lifetime(MAX_LIFETIME)
        .clock_skew(CLOCK_SKEW);
    let trust = TrustPolicy::new().issuer(issuer).remembered_tokens(REMEMBERED);
    Verifier::trusting(trust, Backend::AwsLc)
}

/// What a token says whose signature is verified.
fn validated(token: &str, verified: &VerifiedToken) -> Option<ValidatedToken> {
    let claims: Map<String, Value> = serde_json::from_str(verified.claims_json()).ok()?;
    let text = |name: &str| claims.get(name)?.as_str();
    let time = |name: &str| claims.get(name)?.as_u64().map(UnixTime::from_seconds);
    let (header, _) = token.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let token = AccessToken {
        id: text("jti")?.to_owned(),
        kid: header.kid,
        subject: text("sub")?.parse().ok()?,
        client: text("client_id")?.parse().ok()?,
        audience: text("aud")?.parse().ok()?,
        scopes: match claims.get("scope") {
            Some(scopes) => scopes.as_str()?.parse().ok()?,
            None => ScopeSet::default(),
        },
        issued_at: time("iat")?,
        expires_at: time("exp")?,
        actors: claims.get("act").map_or_else(|| Some(ActorChain::default()), ActorChain::from_claim)?,
    };
    Some(ValidatedToken { token, claims })
}

const fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}

impl ValidationError {
    /// Whether this server is what is wrong, and not the token.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Keys(_))
    }

    /// The name of the token, where it is one of this server's.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        match self {
            Self::Revoked { token_id, .. } | Self::NoLongerValid { token_id, .. } => Some(token_id),
            Self::Refused(_) | Self::Claims | Self::Keys(_) => None,
        }
    }
}

impl fmt::Debug for TokenValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenValidator").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The claims may be anyone's personal data.
impl fmt::Debug for ValidatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidatedToken").field("token", &self.token.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
