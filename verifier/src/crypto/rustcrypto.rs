//! Keys by the RustCrypto crates: pure Rust, so they build for WebAssembly.

use core::fmt;

use p256::ecdsa::signature::Verifier as _;
use rsa::{BoxedUint, pkcs1v15};
use sha2::Sha256;

use super::{InvalidKey, WrongSignature};

#[derive(Clone)]
pub(crate) struct RsaKey(pkcs1v15::VerifyingKey<Sha256>);

#[derive(Clone)]
pub(crate) struct P256Key(p256::ecdsa::VerifyingKey);

#[derive(Clone)]
pub(crate) struct Ed25519Key(ed25519_dalek::VerifyingKey);

impl RsaKey {
    /// A key from modulus and exponent, big-endian. Their sizes are the caller's to check.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidKey> {
        let modulus = BoxedUint::from_be_slice_vartime(modulus);
        let exponent = BoxedUint::from_be_slice_vartime(exponent);
        let key = rsa::PublicKey::new(modulus, exponent).map_err(|_| InvalidKey)?;
        Ok(Self(pkcs1v15::VerifyingKey::new(key)))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = pkcs1v15::Signature::try_from(signature).map_err(|_| WrongSignature)?;
        self.0.verify(message, &signature).map_err(|_| WrongSignature)
    }
}

impl P256Key {
    /// A key from affine coordinates, big-endian; the point is checked to lie on the curve.
    pub(crate) fn new(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, InvalidKey> {
        let point = p256::Sec1Point::from_affine_coordinates(&(*x).into(), &(*y).into(), false);
        p256::ecdsa::VerifyingKey::from_sec1_point(&point).map(Self).map_err(|_| InvalidKey)
    }

    /// The signature is r ‖ s (RFC 7518 §3.4), both in 1..n; a high s is as good as a low one.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        self.0.verify(message, &signature).map_err(|_| WrongSignature)
    }
}

impl Ed25519Key {
    /// A key from its encoding, which has to be the canonical one (RFC 8032 §5.1.3); points of small
    /// order are no keys.
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey)?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        if canonical && !key.is_weak() { Ok(Self(key)) } else { Err(InvalidKey) }
    }

    /// The strict equation: S below the group order, and no R of small order.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        self.0.verify_strict(message, &signature).map_err(|_| WrongSignature)
    }
}

macro_rules! opaque {
    ($($key:ident),*) => {
        $(impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($key)).finish_non_exhaustive()
            }
        })*
    };
}

// A prepared key is many numbers and no news.
opaque!(RsaKey, P256Key, Ed25519Key);
