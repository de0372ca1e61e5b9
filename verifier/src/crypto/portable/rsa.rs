//! RSA keys (RFC 8017), for public exponents as they are in use: short ones. Keys, signatures and messages
//! are public, so the time that things take is no secret, and nothing here keeps it constant.

mod encoding;
mod limb;
mod montgomery;

use alloc::vec;

use self::{encoding::Hash, limb::Word, montgomery::Modulus};
use super::super::{InvalidKey, WrongSignature};
use crate::algorithm::Algorithm;

pub(crate) struct RsaKey {
    modulus: Modulus<Word>,
    exponent: u32,
}

impl RsaKey {
    /// A key from its modulus, big-endian, and its exponent; both have to be odd.
    pub(crate) fn new(modulus: &[u8], exponent: u32) -> Result<Self, InvalidKey> {
        if exponent < 3 || exponent.is_multiple_of(2) {
            return Err(InvalidKey);
        }
        Modulus::new(modulus).map(|modulus| Self { modulus, exponent }).ok_or(InvalidKey)
    }

    /// Whether the bytes are an RSASSA-PKCS1-v1_5 or RSASSA-PSS signature (RFC 8017 §8.2.2, §8.1.2).
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        let mut encoded = vec![0; self.modulus.bits().div_ceil(8)];
        // Of exactly the modulus' length and below it, so that a signature has one spelling.
        if signature.len() != encoded.len() || !self.modulus.power(signature, self.exponent, &mut encoded) {
            return Err(WrongSignature);
        }
        let bits = self.modulus.bits();
        let is_good = match algorithm {
            Algorithm::Rs256 => encoding::is_pkcs1(Hash::Sha256, &encoded, message),
            Algorithm::Rs384 => encoding::is_pkcs1(Hash::Sha384, &encoded, message),
            Algorithm::Rs512 => encoding::is_pkcs1(Hash::Sha512, &encoded, message),
            Algorithm::Ps256 => encoding::is_pss(Hash::Sha256, &mut encoded, bits, message),
            Algorithm::Ps384 => encoding::is_pss(Hash::Sha384, &mut encoded, bits, message),
            Algorithm::Ps512 => encoding::is_pss(Hash::Sha512, &mut encoded, bits, message),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => false,
        };
        if is_good { Ok(()) } else { Err(WrongSignature) }
    }
}
