//! Signing keys as the store knows them: their public half, their state, and a sealed box.

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::jwk::Jwk;

use super::lifetime::MAX_LIFETIME;
use super::time::UnixTime;

/// How long a retired key stays published, in seconds: until the last token it can have signed has expired, plus a
/// minute for the clocks of verifiers and for the moment in which a server still signs with its last snapshot.
pub const RETIRED_KEY_RETENTION: u64 = MAX_LIFETIME + 60;

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
        /// When it leaves the published set.
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

impl StoredKey {
    /// Whether the key belongs into the published set.
    #[must_use]
    pub fn is_published(&self, now: UnixTime) -> bool {
        match self.state {
            KeyState::Next | KeyState::Active => true,
            KeyState::Retired { published_until } => now < published_until,
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
