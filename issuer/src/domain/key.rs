//! Signing keys as the store knows them: their public half, their state, and a sealed box.

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::jwk::Jwk;

mod change;
mod plan;

pub use change::{KeyChange, RotationReason};
pub use plan::{
    DEFAULT_ROTATE_EVERY, Event, MAX_ROTATE_EVERY, MIN_ROTATE_EVERY, Plan, Prospect, RotateEvery, RotateEveryError,
    Sightings, Step, key_set_max_age,
};

use super::lifetime::MAX_LIFETIME;
use super::time::UnixTime;

/// How long a verifier may keep the published key set, in seconds.
pub const KEY_SET_MAX_AGE: u64 = 300;
/// How old a copy of the state may be that tokens are issued from, in seconds.
pub const MAX_STALENESS: u64 = 10;
/// What clocks may differ by, and a key set may spend on its way, in seconds. Verifiers take this much of a token's
/// times, too.
pub const CLOCK_ALLOWANCE: u64 = 60;
/// How long a key is published before it signs, in seconds: until whoever fetched the key set just before, from a
/// server that did not know the key yet, has to fetch it again.
pub const PUBLICATION_LEAD: u64 = KEY_SET_MAX_AGE + MAX_STALENESS + CLOCK_ALLOWANCE;
/// How long a retired key stays published, in seconds: until the last token has expired that a server can have signed
/// with it, which had not heard yet that it is retired.
pub const RETIRED_KEY_RETENTION: u64 = MAX_LIFETIME + MAX_STALENESS + CLOCK_ALLOWANCE;

/// Signature algorithms that this issuer signs with (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default, small and quick to make.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS #1 v1.5 with SHA-256, for verifiers that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
}

/// The text names no [`Algorithm`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm must be ES256 or RS256")]
pub struct UnknownAlgorithm;

/// Where a signing key stands in its life: *next* → *active* → *retired* → gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that verifiers know it before its first signature.
    Next,
    /// Signs.
    Active,
    /// Signs no more, but is published until its last token has expired.
    Retired {
        /// When it may leave the published set.
        published_until: UnixTime,
    },
}

/// A signing key at rest.
#[derive(Clone)]
pub struct StoredKey {
    /// RFC 7638 thumbprint of the public key, base64url; the `kid`.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands.
    pub state: KeyState,
    /// Since when it stands there.
    pub since: UnixTime,
    /// When somebody asked that the next key take over from this one, which is active, as soon as that is safe.
    pub rotation_asked_at: Option<UnixTime>,
    /// The public key as it is published.
    pub jwk: Jwk,
    /// The private key (PKCS #8), sealed under the key-encryption key.
    pub sealed: String,
    /// When it was made.
    pub created_at: UnixTime,
}

impl Algorithm {
    /// The name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        match text {
            "ES256" => Ok(Self::Es256),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl KeyState {
    /// One word for it, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired { .. } => "retired",
        }
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
