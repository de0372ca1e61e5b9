//! The seam to cryptography: prepared public keys, and nothing of how they work.
//!
//! A key is parsed, checked and prepared once, when its set is stored, and verifies many tokens.

mod rustcrypto;

pub(crate) use rustcrypto::{Ed25519Key, P256Key, RsaKey};

use crate::algorithm::Algorithm;

/// A public key, ready to verify.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    Rsa(RsaKey),
    P256(P256Key),
    Ed25519(Ed25519Key),
}

/// The bytes are no signature of this key over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongSignature;

/// The numbers are no public key of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidKey;

impl PublicKey {
    /// What this key can verify; the key decides, never the token.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            PublicKey::Rsa(_) => Algorithm::Rs256,
            PublicKey::P256(_) => Algorithm::Es256,
            PublicKey::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        match self {
            PublicKey::Rsa(key) => key.verify(message, signature),
            PublicKey::P256(key) => key.verify(message, signature),
            PublicKey::Ed25519(key) => key.verify(message, signature),
        }
    }
}

#[cfg(test)]
mod tests;
