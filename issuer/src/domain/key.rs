//! Signing keys as the store knows them: their public half, their state, and a sealed box.

use std::fmt;

use jsonwebtoken::jwk::Jwk;

mod change;
mod plan;

pub use change::{KeyChange, Resealed, RotationReason};
pub use plan::{
    DEFAULT_ROTATE_EVERY, Event, FirstSeen, MAX_ROTATE_EVERY, MIN_ROTATE_EVERY, NextEvent, Plan, RotateEvery,
    RotateEveryError, Step, key_set_max_age,
};

use super::algorithm::Algorithm;
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

/// Comes before the label of a token, where the private key is in one. No sealed text starts so.
const PKCS11: &str = "pkcs11:";

/// Where a signing key stands in its life: *next* → *active* → *retired* → gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that verifiers know it before its first signature.
    Next,
    /// Signs.
    Active,
    /// Signs no more, but is published until its last token has expired: until it is removed.
    Retired {
        /// When it may be removed.
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
    /// Since when it stands there.
    pub since: UnixTime,
    /// When somebody asked that the next key take over from this one, which is active, as soon as that is safe.
    pub rotation_asked_at: Option<UnixTime>,
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

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
