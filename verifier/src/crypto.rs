//! The seam to cryptography: prepared public keys, and nothing of how they work.
//!
//! A key is parsed and checked once, when its set is stored, and verifies many tokens. Everything here
//! is public, keys and signatures alike, so nothing here has to take constant time.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod host;
mod portable;

use alloc::vec::Vec;

pub use host::{HostCrypto, SignatureInput};
pub(crate) use portable::Tables;

use crate::algorithm::{Algorithm, KeyKind};

/// Who does the arithmetic. All give the same verdict on everything.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    /// Rust alone: it runs wherever the verifier does, WebAssembly included.
    Portable,
    /// aws-lc: native code only, and there the quickest.
    #[cfg(feature = "aws-lc")]
    AwsLc,
    /// What the host lends, where that is the quicker way, else Rust.
    Host(HostCrypto),
}

/// The numbers of a public key, in big-endian bytes (Ed25519: the encoding of RFC 8032). Their sizes are
/// right; whether they are a key remains to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKeyParts {
    /// The modulus has no leading zero byte, and 2048 to 4096 bits; the exponent is odd and not 1.
    Rsa {
        modulus: Vec<u8>,
        exponent: u32,
    },
    P256 {
        x: [u8; 32],
        y: [u8; 32],
    },
    P384 {
        x: [u8; 48],
        y: [u8; 48],
    },
    Ed25519 {
        x: [u8; 32],
    },
}

/// A public key, ready to verify.
#[derive(Debug)]
pub(crate) enum PublicKey {
    Portable(portable::PublicKey),
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc::PublicKey),
    Host(host::PublicKey),
}

/// The bytes are no signature of this key over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongSignature;

/// The numbers are no public key of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidKey;

impl PublicKeyParts {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            PublicKeyParts::Rsa { .. } => KeyKind::Rsa,
            PublicKeyParts::P256 { .. } => KeyKind::P256,
            PublicKeyParts::P384 { .. } => KeyKind::P384,
            PublicKeyParts::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }
}

impl PublicKey {
    pub(crate) fn new(backend: Backend, numbers: &PublicKeyParts) -> Result<Self, InvalidKey> {
        // What is a key is decided by one implementation, so that no backend takes what another refuses.
        let portable = portable::PublicKey::new(numbers)?;
        match backend {
            Backend::Portable => Ok(PublicKey::Portable(portable)),
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc => aws_lc::PublicKey::new(numbers).map(PublicKey::AwsLc),
            Backend::Host(host) => Ok(PublicKey::Host(host::PublicKey::new(host, portable, numbers))),
        }
    }

    /// Whether the bytes are this key's signature over the message. An algorithm for another kind of key
    /// has no good signatures. A key that verifies several spends memory of the tables' budget on being quicker; keys
    /// that are only published cost none.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        tables: &Tables,
    ) -> Result<(), WrongSignature> {
        let portable = match self {
            PublicKey::Portable(key) => {
                key.verify(algorithm, message, signature)?;
                key
            }
            #[cfg(feature = "aws-lc")]
            PublicKey::AwsLc(key) => return key.verify(algorithm, message, signature),
            PublicKey::Host(key) => {
                key.verify(algorithm, message, signature)?;
                key.portable()
            }
        };
        portable.verified(tables);
        Ok(())
    }

    /// Makes the key's tables now, if it has any.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn prepare(&self, tables: &Tables) {
        match self {
            PublicKey::Portable(key) => key.prepare(tables),
            #[cfg(feature = "aws-lc")]
            PublicKey::AwsLc(_) => {}
            PublicKey::Host(key) => key.portable().prepare(tables),
        }
    }
}

#[cfg(test)]
mod tests;
