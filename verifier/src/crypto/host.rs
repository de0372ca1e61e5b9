//! Keys whose signatures the host verifies, as far as it can: native code where the verifier itself is
//! WebAssembly.

use alloc::{borrow::Cow, sync::Arc, vec::Vec};
use core::fmt;

use super::{PublicKeyParts, WrongSignature, portable};
use crate::algorithm::Algorithm;

/// Signature verification that a host lends.
#[derive(Clone, Copy)]
pub struct HostCrypto {
    /// What it can do. Whoever lends it has tried that with known answers, good and bad.
    pub algorithms: &'static [Algorithm],
    /// Says whether a signature is right; nothing, if it could not tell. Then Rust does the arithmetic.
    pub verify: fn(&SignatureInput<'_>) -> Option<bool>,
}

/// A signature, and what it is said to be a signature of.
#[derive(Clone, Copy)]
pub struct SignatureInput<'m> {
    /// One of [`HostCrypto::algorithms`].
    pub algorithm: Algorithm,
    /// The key, as the DER of a `SubjectPublicKeyInfo` (RFC 5280 §4.1).
    pub key: &'m [u8],
    /// What is signed.
    pub message: &'m [u8],
    /// The signature in the form of a JWS: for ECDSA that is r and s, one after the other (RFC 7518 §3.4).
    pub signature: &'m [u8],
}

/// A key for which the host is asked.
pub(crate) struct PublicKey {
    portable: portable::PublicKey,
    host: HostCrypto,
    /// The key as the host wants it, where it can do anything with it.
    spki: Option<Arc<[u8]>>,
}

/// r and s, of which each has the length of the curve's order (RFC 7518 §3.4). DER would forgive another.
const ES256_SIGNATURE_BYTES: usize = 64;

impl SignatureInput<'_> {
    /// The signature in the form of native libraries: for ECDSA an `Ecdsa-Sig-Value` (RFC 3279 §2.2.3).
    #[must_use]
    pub fn native_signature(&self) -> Cow<'_, [u8]> {
        match self.algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                let (r, s) = self.signature.split_at(self.signature.len() / 2);
                element(SEQUENCE, &[integer(r), integer(s)].concat()).into()
            }
            _ => self.signature.into(),
        }
    }
}

impl PublicKey {
    pub(super) fn new(host: HostCrypto, portable: portable::PublicKey, numbers: &PublicKeyParts) -> Self {
        Self { portable, host, spki: spki(numbers).map(Arc::from) }
    }

    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        match self.ask_host(algorithm, message, signature) {
            Some(true) => Ok(()),
            Some(false) => Err(WrongSignature),
            None => self.portable.verify(algorithm, message, signature),
        }
    }

    fn ask_host(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        // Tables beat native code that makes none: measured in Envoy.
        let spki = self.spki.as_deref().filter(|_| !self.portable.is_prepared())?;
        if !self.host.algorithms.contains(&algorithm) || !self.portable.serves(algorithm) {
            return None;
        }
        if algorithm == Algorithm::Es256 && signature.len() != ES256_SIGNATURE_BYTES {
            return Some(false);
        }
        (self.host.verify)(&SignatureInput { algorithm, key: spki, message, signature })
    }

    pub(super) fn portable(&self) -> &portable::PublicKey {
        &self.portable
    }
}

/// The key in the one form that all native libraries read.
fn spki(numbers: &PublicKeyParts) -> Option<Vec<u8>> {
    /// rsaEncryption with the parameters that RFC 8017 §A.1 wants: NULL.
    const RSA: &[u8] =
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    /// id-ecPublicKey with the curve secp256r1 (RFC 5480 §2.1.1).
    const P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
        0x3d, 0x03, 0x01, 0x07,
    ];
    match numbers {
        PublicKeyParts::Rsa { modulus, exponent } if *exponent >= RSA_EXPONENT_MIN => {
            let numbers = [integer(modulus), integer(&exponent.to_be_bytes())].concat();
            let key = element(SEQUENCE, &numbers);
            Some(element(SEQUENCE, &[RSA, &bits(&key)].concat()))
        }
        PublicKeyParts::P256 { x, y } => {
            let point = [&[0x04], x.as_slice(), y].concat();
            Some(element(SEQUENCE, &[P256, &bits(&point)].concat()))
        }
        // No host lends anything for these, or not every host.
        PublicKeyParts::Rsa { .. } | PublicKeyParts::P384 { .. } | PublicKeyParts::Ed25519 { .. } => None,
    }
}

/// The smallest exponent that every native library takes (FIPS 186-5 §5.4).
const RSA_EXPONENT_MIN: u32 = 65_537;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// An element of DER (X.690 §8.1, §10.1).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = Vec::with_capacity(content.len() + 6);
    element.push(tag);
    match length.as_slice() {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}

/// A number that is not negative, so that a first bit of one gets a zero before it (X.690 §8.3).
fn integer(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, &digits].concat())
}

/// Bytes as a string of bits, none of them unused (X.690 §8.6).
fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

impl fmt::Debug for HostCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCrypto").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("portable", &self.portable)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
