//! Private keys in this process's memory: made, parsed once, used.

use std::fmt;
use std::future::ready;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    RsaPublicKeyComponents,
};
use futures_util::future::Either;
use jsonwebtoken::jwk::Jwk;
use zeroize::Zeroizing;

use super::public::PublicKey;
use super::signer::{Signature, Signer, SigningError, access_token_header};
use crate::domain::Algorithm;

/// Size of a new RSA key. 2048 bits are what every verifier takes; the key is replaced long before it ages.
const RSA_KEY_SIZE: KeySize = KeySize::Rsa2048;

/// A parsed private key. Parsing an RSA key costs more than signing with it, so it happens once.
pub(super) struct Private {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Edwards(Ed25519KeyPair),
}

/// Signs in this process.
pub(super) struct MemorySigner {
    kid: String,
    header: String,
    private: Private,
}

/// Makes a private key, in PKCS #8.
pub(super) fn generate_pkcs8(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let ecdsa = |curve: &'static EcdsaSigningAlgorithm| {
        Some(EcdsaKeyPair::generate(curve).ok()?.to_pkcs8v1().ok()?.as_ref().to_vec())
    };
    let bytes = match algorithm {
        Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
        Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)?,
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(RSA_KEY_SIZE).ok()?.as_der().ok()?;
            der.as_ref().to_vec()
        }
        Algorithm::EdDsa => Ed25519KeyPair::generate().ok()?.to_pkcs8().ok()?.as_ref().to_vec(),
    };
    Some(Zeroizing::new(bytes))
}

impl Private {
    /// `None` if it is no key of that algorithm.
    pub(super) fn parse(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        let ecdsa = |curve| EcdsaKeyPair::from_pkcs8(curve, pkcs8).ok().map(Pair::Ecdsa);
        let rsa = |padding| Some(Pair::Rsa(RsaKeyPair::from_pkcs8(pkcs8).ok()?, padding));
        let pair = match algorithm {
            Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Pair::Edwards),
        }?;
        Some(Self { algorithm, pair })
    }

    /// The public half as it is published, and its id.
    pub(super) fn public(&self) -> Option<(String, Jwk)> {
        match &self.pair {
            Pair::Ecdsa(pair) => PublicKey::Point(pair.public_key().as_ref()).jwk(self.algorithm),
            Pair::Rsa(pair, _) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicKey::Rsa { n: &n, e: &e }.jwk(self.algorithm)
            }
            Pair::Edwards(pair) => PublicKey::Edwards(pair.public_key().as_ref()).jwk(self.algorithm),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature).map(|()| signature)
            }
            Pair::Edwards(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
        }
        .map_err(|_| SigningError::Key)
    }
}

impl MemorySigner {
    pub(super) fn new(kid: &str, private: Private) -> Self {
        Self { kid: kid.to_owned(), header: access_token_header(private.algorithm, kid), private }
    }
}

impl Signer for MemorySigner {
    fn key_id(&self) -> &str {
        &self.kid
    }

    fn algorithm(&self) -> Algorithm {
        self.private.algorithm
    }

    fn header(&self) -> &str {
        &self.header
    }

    fn sign(&self, message: &[u8]) -> Signature<'_> {
        Either::Left(ready(self.private.sign(message)))
    }
}

impl fmt::Debug for MemorySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}
