//! Signing keys as the store knows them: their public half, their state, and a sealed box.

use std::fmt;

use jsonwebtoken::jwk::Jwk;

use super::algorithm::Algorithm;
use super::lifetime::MAX_LIFETIME;
use super::time::UnixTime;

/// How long a retired key stays published, in seconds: until the last token it can have signed has expired, plus a
/// minute for the clocks of verifiers and for the moment in which a server still signs with its last snapshot.
pub const RETIRED_KEY_RETENTION: u64 = MAX_LIFETIME + 60;
/// Comes before the label of a token, where the private key is in one. No sealed text starts so.
const PKCS11: &str = "pkcs11:";

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

/// A private key at rest.
#[derive(Clone, PartialEq, Eq)]
pub enum PrivateKey {
    /// In PKCS #8, sealed under a key-encryption key.
    Sealed(String),
    /// In a PKCS #11 token of this label, which it never leaves. There it is found by the `kid`.
    Pkcs11 {
        /// The label of the token.
        token: String,
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
    /// The private key, or where it is.
    pub private: PrivateKey,
    /// When it was made.
    pub created_at: UnixTime,
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

impl PrivateKey {
    /// As it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Sealed(sealed) => sealed.clone(),
            Self::Pkcs11 { token } => format!("{PKCS11}{token}"),
        }
    }

    /// What [`to_text`](Self::to_text) made.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        match text.strip_prefix(PKCS11) {
            Some(token) => Self::Pkcs11 { token: token.to_owned() },
            None => Self::Sealed(text),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(_) => f.write_str("Sealed(…)"),
            Self::Pkcs11 { token } => f.debug_struct("Pkcs11").field("token", token).finish(),
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
