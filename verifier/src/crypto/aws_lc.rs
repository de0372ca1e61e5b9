//! Keys by aws-lc, for native code.

use alloc::vec::Vec;
use core::fmt;

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
        VerificationAlgorithm,
    },
};

use super::{InvalidKey, PublicKeyParts, WrongSignature};
use crate::algorithm::Algorithm;

/// The key as aws-lc holds it, once for each of its algorithms: aws-lc-rs binds the two.
pub(crate) struct PublicKey {
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

/// What an RSA key can verify.
static RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
];

impl PublicKey {
    pub(super) fn new(numbers: &PublicKeyParts) -> Result<Self, InvalidKey> {
        let parsed = match numbers {
            PublicKeyParts::Rsa { modulus, exponent } => rsa(modulus, *exponent)?,
            PublicKeyParts::P256 { x, y } => one(Algorithm::Es256, &ECDSA_P256_SHA256_FIXED, &sec1(x, y))?,
            PublicKeyParts::P384 { x, y } => one(Algorithm::Es384, &ECDSA_P384_SHA384_FIXED, &sec1(x, y))?,
            PublicKeyParts::Ed25519 { x } => one(Algorithm::EdDsa, &ED25519, x)?,
        };
        Ok(Self { parsed })
    }

    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        if algorithm == Algorithm::EdDsa && has_small_order(signature) {
            return Err(WrongSignature);
        }
        let (_, key) = self.parsed.iter().find(|(own, _)| *own == algorithm).ok_or(WrongSignature)?;
        key.verify_sig(message, signature).map_err(|_| WrongSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

fn rsa(modulus: &[u8], exponent: u32) -> Result<Vec<(Algorithm, ParsedPublicKey)>, InvalidKey> {
    let exponent: Vec<u8> = exponent.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let components = PublicKeyComponents { n: modulus, e: &exponent };
    RSA.iter()
        .map(|(algorithm, parameters)| {
            let key = components.to_parsed_public_key(parameters).map_err(|_| InvalidKey)?;
            Ok((*algorithm, key))
        })
        .collect()
}

fn one(
    algorithm: Algorithm,
    verification: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Result<Vec<(Algorithm, ParsedPublicKey)>, InvalidKey> {
    let key = ParsedPublicKey::new(verification, bytes).map_err(|_| InvalidKey)?;
    Ok([(algorithm, key)].into())
}

/// A point in the uncompressed form of SEC 1 §2.3.3.
fn sec1(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// The y coordinates of the eight points whose order divides the cofactor, little-endian. The points with
/// one y differ in the sign of x, which is the topmost bit of an encoding.
#[rustfmt::skip]
const SMALL_ORDER: [[u8; 32]; 5] = [
    // 0: the two points of order 4.
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    // 1: the neutral element.
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    // −1: the point of order 2.
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    // two of the four points of order 8.
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // the other two.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
];

/// Whether an Ed25519 signature's R has small order. aws-lc compares the encoding of R with that of the
/// point it computes, so other spellings of these points are refused there; these themselves are not.
fn has_small_order(signature: &[u8]) -> bool {
    let Some((mut r, _)) = signature.split_first_chunk::<32>().map(|(r, s)| (*r, s)) else { return false };
    if let Some(last) = r.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&r)
}
