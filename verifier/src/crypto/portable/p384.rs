//! Keys on P-384. The curve is rare among issuers, and not worth arithmetic and tables of its own.

use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};

use super::super::{InvalidKey, WrongSignature};

pub(crate) struct P384Key(VerifyingKey);

impl P384Key {
    /// A key from affine coordinates, big-endian; the point is checked to lie on the curve.
    pub(crate) fn new(x: &[u8; 48], y: &[u8; 48]) -> Result<Self, InvalidKey> {
        let point = p384::Sec1Point::from_affine_coordinates(&(*x).into(), &(*y).into(), false);
        VerifyingKey::from_sec1_point(&point).map(Self).map_err(|_| InvalidKey)
    }

    /// The signature is r ‖ s (RFC 7518 §3.4), both in 1..n; a high s is as good as a low one.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        self.0.verify(message, &signature).map_err(|_| WrongSignature)
    }
}

#[cfg(test)]
mod tests;
