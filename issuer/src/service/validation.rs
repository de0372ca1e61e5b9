//! Tokens of this server that come back to it: to be introspected, exchanged or revoked.
//!
//! They are verified as any verifier would, by the same core and with the keys that are published; this server trusts
//! no token for having made it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tessera_verifier::{
    AcceptedAudience, Attempt, Backend, Error, PolicyError, Step, Timestamp, UnverifiedClaims, VerifiedToken,
    Verifier,
};

use crate::domain::{
    AccessToken, ActorChain, CLOCK_SKEW, IssuerId, MAX_LIFETIME, NoLongerValid, RevokedBy, ScopeSet,
    StoredKey, UnixTime,
};
use crate::keys::Keyring;
use crate::store::Snapshot;

/// Most tokens that are remembered as verified: who introspects asks about one token again and again.
const REMEMBERED: u32 = 10_000;

/// Verifies tokens of one issuer, its own, for whatever audience.
pub struct TokenValidator {
    issuer: IssuerId,
    /// Made of the keys that are published, and made anew when these change.
    verifying: Mutex<Option<Verifying>>,
}

struct Verifying {
    kids: Vec<String>,
    verifier: Verifier,
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
    Keys(#[source] PolicyError),
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

/// The claims of an access token of ours.
#[derive(Deserialize)]
struct Payload {
    jti: String,
    sub: String,
    client_id: String,
    aud: String,
    iat: u64,
    exp: u64,
    scope: Option<String>,
    act: Option<Value>,
}

impl TokenValidator {
    /// Verifies tokens of `issuer`.
    #[must_use]
    pub fn new(issuer: IssuerId) -> Self {
        Self { issuer, verifying: Mutex::default() }
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

    fn verify(
        &self,
        keyring: &Keyring,
        token: &str,
        now: UnixTime,
    ) -> Result<std::sync::Arc<VerifiedToken>, ValidationError> {
        // The verifier wants to know for whom a token should be. Here it may be for anyone: for whom it says.
        let payload = UnverifiedClaims::payload(token).map_err(ValidationError::Refused)?;
        let claims = UnverifiedClaims::read(&payload).map_err(ValidationError::Refused)?;
        let audiences = claims.audiences().map_err(ValidationError::Refused)?;

        // A panic elsewhere leaves a verifier that is whole.
        let mut verifying = self.verifying.lock().unwrap_or_else(PoisonError::into_inner);
        let kids = || keyring.keys().iter().map(|key| &key.kid);
        let current = match verifying.take().filter(|it| it.kids.iter().eq(kids())) {
            Some(current) => current,
            None => Verifying {
                kids: kids().cloned().collect(),
                verifier: verifier(&self.issuer, keyring.keys()).map_err(ValidationError::Keys)?,
            },
        };
        let verifier = &mut verifying.insert(current).verifier;
        let audience = AcceptedAudience::OneOf(&audiences);
        match verifier.authenticate(token, audience, &mut Attempt::last(), timestamp(now)) {
            Step::Done(verdict) => verdict.map_err(ValidationError::Refused),
            // The keys are in the policy, so that there is nothing to fetch.
            Step::Fetch(_) | Step::Wait { .. } => {
                let issuer = self.issuer.as_str().to_owned();
                Err(ValidationError::Refused(Error::KeysUnavailable { issuer }))
            }
        }
    }
}

fn verifier(issuer: &IssuerId, keys: &[StoredKey]) -> Result<Verifier, PolicyError> {
    let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
    let policy = json!({
        "issuers": [{
            "issuer": issuer.as_str(),
            "profile": "at+jwt",
            "max_lifetime": MAX_LIFETIME,
            "clock_skew": CLOCK_SKEW,
            "jwks": { "keys": keys },
        }],
        // Asked for with each token.
        "audiences": [issuer.as_str()],
        "token_cache": { "entries": REMEMBERED },
    });
    Verifier::load(&policy.to_string(), Backend::AwsLc)
}

/// What a token says whose signature is verified.
fn validated(token: &str, verified: &VerifiedToken) -> Option<ValidatedToken> {
    let claims: Map<String, Value> = serde_json::from_str(verified.claims_json()).ok()?;
    let payload: Payload = serde_json::from_value(Value::Object(claims.clone())).ok()?;
    let (header, _) = token.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let actors = payload.act.as_ref().map_or_else(|| Some(ActorChain::default()), ActorChain::from_claim)?;
    let scopes = payload.scope.map_or_else(|| Ok(ScopeSet::default()), |scopes| scopes.parse()).ok()?;
    let token = AccessToken {
        id: payload.jti,
        kid: header.get("kid")?.as_str()?.to_owned(),
        subject: payload.sub.parse().ok()?,
        client: payload.client_id.parse().ok()?,
        audience: payload.aud.parse().ok()?,
        scopes,
        issued_at: UnixTime::from_seconds(payload.iat),
        expires_at: UnixTime::from_seconds(payload.exp),
        actors,
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
