//! How a token signs with an algorithm of JWS.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

use crate::domain::Algorithm;

/// Bytes of a SHA-256 digest, and of the salt of PS256 (RFC 7518 §3.5).
const SHA256_BYTES: u64 = 32;
/// What stands before a SHA-256 digest in PKCS #1 v1.5: the DER of `DigestInfo` (RFC 8017 §9.2, note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// An algorithm as a token does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) algorithm: Algorithm,
    /// Whether the token gets a digest, and not the whole message.
    digested: bool,
}

impl Method {
    /// The way that a token with these mechanisms takes, if it has one. A digest that is made here keeps what goes to
    /// a module on the network short.
    pub(super) fn choose(algorithm: Algorithm, mechanisms: &[MechanismType]) -> Option<Self> {
        let has = |mechanism| mechanisms.contains(&mechanism);
        let (generate, over_digest, over_message) = match algorithm {
            Algorithm::Es256 => {
                (MechanismType::ECC_KEY_PAIR_GEN, Some(MechanismType::ECDSA), MechanismType::ECDSA_SHA256)
            }
            Algorithm::Es384 => {
                (MechanismType::ECC_KEY_PAIR_GEN, Some(MechanismType::ECDSA), MechanismType::ECDSA_SHA384)
            }
            Algorithm::Rs256 => (
                MechanismType::RSA_PKCS_KEY_PAIR_GEN,
                Some(MechanismType::RSA_PKCS),
                MechanismType::SHA256_RSA_PKCS,
            ),
            Algorithm::Ps256 => (
                MechanismType::RSA_PKCS_KEY_PAIR_GEN,
                Some(MechanismType::RSA_PKCS_PSS),
                MechanismType::SHA256_RSA_PKCS_PSS,
            ),
            // It digests the message twice, under what only the token knows.
            Algorithm::EdDsa => (MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, None, MechanismType::EDDSA),
        };
        let digested = over_digest.is_some_and(has);
        (has(generate) && (digested || has(over_message))).then_some(Self { algorithm, digested })
    }

    /// How it makes keys.
    pub(super) fn generate(self) -> Mechanism<'static> {
        match self.algorithm {
            Algorithm::Es256 | Algorithm::Es384 => Mechanism::EccKeyPairGen,
            Algorithm::Rs256 | Algorithm::Ps256 => Mechanism::RsaPkcsKeyPairGen,
            Algorithm::EdDsa => Mechanism::EccEdwardsKeyPairGen,
        }
    }

    /// How it signs what [`input`](Self::input) makes of a message.
    pub(super) fn sign(self) -> Mechanism<'static> {
        let pss = PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf: PkcsMgfType::MGF1_SHA256,
            s_len: SHA256_BYTES.into(),
        };
        match (self.algorithm, self.digested) {
            (Algorithm::Es256 | Algorithm::Es384, true) => Mechanism::Ecdsa,
            (Algorithm::Es256, false) => Mechanism::EcdsaSha256,
            (Algorithm::Es384, false) => Mechanism::EcdsaSha384,
            (Algorithm::Rs256, true) => Mechanism::RsaPkcs,
            (Algorithm::Rs256, false) => Mechanism::Sha256RsaPkcs,
            (Algorithm::Ps256, true) => Mechanism::RsaPkcsPss(pss),
            (Algorithm::Ps256, false) => Mechanism::Sha256RsaPkcsPss(pss),
            (Algorithm::EdDsa, _) => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        }
    }

    /// What the token gets of a message.
    pub(super) fn input(self, message: &[u8]) -> Vec<u8> {
        match self.algorithm {
            _ if !self.digested => message.to_vec(),
            Algorithm::Es384 => digest(&SHA384, message).as_ref().to_vec(),
            Algorithm::Rs256 => [&SHA256_INFO, digest(&SHA256, message).as_ref()].concat(),
            Algorithm::Es256 | Algorithm::Ps256 | Algorithm::EdDsa => {
                digest(&SHA256, message).as_ref().to_vec()
            }
        }
    }

    /// Bytes of a signature, where they are always as many.
    pub(super) fn signature_bytes(self) -> Option<usize> {
        match self.algorithm {
            Algorithm::Es256 | Algorithm::EdDsa => Some(64),
            Algorithm::Es384 => Some(96),
            Algorithm::Rs256 | Algorithm::Ps256 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_made_here_where_the_token_takes_one() {
        let ecdsa = [MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA, MechanismType::ECDSA_SHA256];
        let method = Method::choose(Algorithm::Es256, &ecdsa).unwrap();
        assert_eq!(
            (method.input(b"message").len(), method.sign().mechanism_type()),
            (32, MechanismType::ECDSA)
        );
        let whole = [MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA_SHA256];
        let method = Method::choose(Algorithm::Es256, &whole).unwrap();
        assert_eq!(method.input(b"message"), b"message");
        assert_eq!(method.sign().mechanism_type(), MechanismType::ECDSA_SHA256);
    }

    #[test]
    fn a_token_that_cannot_make_or_use_a_key_does_not_do_the_algorithm() {
        for (algorithm, mechanisms) in [
            (Algorithm::Es384, &[MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA_SHA256][..]),
            (Algorithm::Es256, &[MechanismType::ECDSA]),
            (Algorithm::Ps256, &[MechanismType::RSA_PKCS_KEY_PAIR_GEN, MechanismType::RSA_PKCS]),
            (Algorithm::EdDsa, &[MechanismType::ECC_KEY_PAIR_GEN, MechanismType::EDDSA]),
            (Algorithm::Rs256, &[]),
        ] {
            assert_eq!(Method::choose(algorithm, mechanisms), None, "{algorithm}");
        }
    }
}
