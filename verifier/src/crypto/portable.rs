//! Keys in Rust alone, so they build for WebAssembly.

mod ed25519;
mod p256;
mod p384;
mod rsa;
mod tables;

use self::{ed25519::Ed25519Key, p256::P256Key, p384::P384Key, rsa::RsaKey};
use super::{InvalidKey, PublicKeyParts, WrongSignature};
use crate::algorithm::{Algorithm, KeyKind};

pub(crate) use tables::Tables;

/// A public key, ready to verify.
#[derive(Debug)]
pub(crate) enum PublicKey {
    Rsa(RsaKey),
    P256(P256Key),
    P384(P384Key),
    Ed25519(Ed25519Key),
}

impl PublicKey {
    pub(super) fn new(numbers: &PublicKeyParts) -> Result<Self, InvalidKey> {
        match numbers {
            PublicKeyParts::Rsa { modulus, exponent } => RsaKey::new(modulus, *exponent).map(Self::Rsa),
            PublicKeyParts::P256 { x, y } => P256Key::new(x, y).map(Self::P256),
            PublicKeyParts::P384 { x, y } => P384Key::new(x, y).map(Self::P384),
            PublicKeyParts::Ed25519 { x } => Ed25519Key::new(x).map(Self::Ed25519),
        }
    }

    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        match (self, algorithm) {
            (Self::Rsa(key), _) => key.verify(algorithm, message, signature),
            (Self::P256(key), Algorithm::Es256) => key.verify(message, signature),
            (Self::P384(key), Algorithm::Es384) => key.verify(message, signature),
            (Self::Ed25519(key), Algorithm::EdDsa) => key.verify(message, signature),
            (Self::P256(_) | Self::P384(_) | Self::Ed25519(_), _) => Err(WrongSignature),
        }
    }

    /// Whether this algorithm is for such a key.
    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        let kind = match self {
            Self::Rsa(_) => KeyKind::Rsa,
            Self::P256(_) => KeyKind::P256,
            Self::P384(_) => KeyKind::P384,
            Self::Ed25519(_) => KeyKind::Ed25519,
        };
        algorithm.key_kind() == kind
    }

    /// Whether tables make it quicker than a key is by itself.
    pub(super) fn is_prepared(&self) -> bool {
        match self {
            Self::Rsa(_) | Self::P384(_) => false,
            Self::P256(key) => key.is_prepared(),
            Self::Ed25519(key) => key.is_prepared(),
        }
    }

    /// Notes a good signature: after some of them, a key is worth its tables.
    pub(super) fn verified(&self, tables: &Tables) {
        match self {
            // All that helps these keys is there from the start.
            Self::Rsa(_) | Self::P384(_) => {}
            Self::P256(key) => key.verified(tables),
            Self::Ed25519(key) => key.verified(tables),
        }
    }

    /// Makes the key's tables now, if there are any and the budget has room for them.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn prepare(&self, tables: &Tables) {
        match self {
            Self::Rsa(_) | Self::P384(_) => {}
            Self::P256(key) => key.prepare(tables),
            Self::Ed25519(key) => key.prepare(tables),
        }
    }
}

macro_rules! opaque {
    ($($key:ident),*) => {
        $(impl core::fmt::Debug for $key {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($key)).finish_non_exhaustive()
            }
        })*
    };
}

// A prepared key is many numbers and no news.
opaque!(RsaKey, P256Key, P384Key, Ed25519Key);
