//! Tokens and keys for tests. They are signed by aws-lc-rs, so that what verifies them portably is another
//! implementation than what made them.

pub(crate) mod rsa_keys;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

#[cfg(feature = "aws-lc")]
use crate::crypto::HostCrypto;
use crate::{Attempt, Decision, Request, Verifier, algorithm::Algorithm, crypto::Backend, time::Timestamp};

/// The time of the tests.
pub(crate) const NOW: u64 = 1_790_000_000;

/// The time of the tests, moved by some seconds.
pub(crate) fn at(offset: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.checked_add_signed(offset).unwrap())
}

/// The issuer of the tests' tokens.
pub(crate) const ISSUER: &str = "https://issuer.example";

/// Every backend of this build.
pub(crate) const BACKENDS: &[Backend] = &[
    Backend::Portable,
    #[cfg(feature = "aws-lc")]
    Backend::AwsLc,
    #[cfg(feature = "aws-lc")]
    Backend::Host(LENT),
];

/// The backend of tests to which none matters: the quickest of this build.
pub(crate) const BACKEND: Backend = {
    #[cfg(feature = "aws-lc")]
    let backend = Backend::AwsLc;
    #[cfg(not(feature = "aws-lc"))]
    let backend = Backend::Portable;
    backend
};

/// A host that lends what Envoy lends, and reads keys by its own means.
#[cfg(feature = "aws-lc")]
const LENT: HostCrypto = HostCrypto {
    algorithms: &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Es256],
    verify: |signed| {
        use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
        let algorithm: &dyn VerificationAlgorithm = match signed.algorithm {
            Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_ASN1,
            other => panic!("{other:?} is not lent"),
        };
        let key = UnparsedPublicKey::new(algorithm, signed.key);
        Some(key.verify(signed.message, &signed.native_signature()).is_ok())
    },
};

/// A private key and what it signs with. Every test has new ones, but for RSA.
pub(crate) struct Signer {
    algorithm: Algorithm,
    key: PrivateKey,
}

enum PrivateKey {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Es256 => {
                PrivateKey::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Algorithm::Es384 => {
                PrivateKey::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
            }
            Algorithm::EdDsa => PrivateKey::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => return Self::rsa(algorithm, 2048),
        };
        Self { algorithm, key }
    }

    /// An RSA key of 2048, 3072 or 4096 bits; there is one of each size.
    pub(crate) fn rsa(algorithm: Algorithm, bits: usize) -> Self {
        let text = match bits {
            2048 => rsa_keys::TEST_KEY_2048,
            3072 => rsa_keys::TEST_KEY_3072,
            4096 => rsa_keys::TEST_KEY_4096,
            other => panic!("there is no test key of {other} bits"),
        };
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap();
        Self { algorithm, key: PrivateKey::Rsa(key) }
    }

    pub(crate) fn rs256() -> Self {
        Self::new(Algorithm::Rs256)
    }

    pub(crate) fn es256() -> Self {
        Self::new(Algorithm::Es256)
    }

    pub(crate) fn ed25519() -> Self {
        Self::new(Algorithm::EdDsa)
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn alg(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The public key, without optional members but `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match &self.key {
            PrivateKey::Rsa(key) => {
                let public = key.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({ "kty": "RSA", "kid": kid, "n": encode(n.big_endian_without_leading_zero()),
                        "e": encode(e.big_endian_without_leading_zero()) })
            }
            PrivateKey::Ecdsa(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "kid": kid, "x": encode(x), "y": encode(y) })
            }
            PrivateKey::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(key.public_key().as_ref()) })
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            PrivateKey::Rsa(key) => {
                let mut signature = alloc::vec![0; key.public_modulus_len()];
                key.sign(rsa_encoding(self.algorithm), &random, message, &mut signature).unwrap();
                signature
            }
            PrivateKey::Ecdsa(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            PrivateKey::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of any header and payload.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A good token, but for these changes of its claims.
    pub(crate) fn access_token(&self, kid: &str, changes: &[(&str, &str)]) -> String {
        self.token(&header(self.alg(), kid), &claims(changes))
    }
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => panic!("{algorithm} is not RSA"),
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> [u8; 32] {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    core::array::from_fn(|i| u8::try_from(digits[2 * i] << 4 | digits[2 * i + 1]).unwrap())
}

pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The header of an RFC 9068 access token.
pub(crate) fn header(alg: &str, kid: &str) -> String {
    json!({ "alg": alg, "kid": kid, "typ": "at+jwt" }).to_string()
}

/// The claims of a good access token with changes: pairs of a name and a JSON text, or an empty text to
/// leave the claim out.
pub(crate) fn claims(changes: &[(&str, &str)]) -> String {
    let mut members: Vec<(String, String)> = [
        ("iss", format!("{ISSUER:?}")),
        ("sub", r#""billing""#.to_owned()),
        ("client_id", r#""billing""#.to_owned()),
        ("aud", r#""orders""#.to_owned()),
        ("scope", r#""orders:read""#.to_owned()),
        ("jti", r#""t-1""#.to_owned()),
        ("iat", (NOW - 10).to_string()),
        ("exp", (NOW + 300).to_string()),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into();
    for (name, text) in changes {
        members.retain(|(own, _)| own != name);
        if !text.is_empty() {
            members.push(((*name).to_owned(), (*text).to_owned()));
        }
    }
    let members: Vec<String> = members.iter().map(|(name, text)| format!("{name:?}:{text}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A policy for the audience `orders` and one issuer, which is [`ISSUER`] with these further members.
pub(crate) fn policy(issuer: Value) -> String {
    let Value::Object(mut members) = issuer else { panic!("members are an object") };
    members.insert("issuer".to_owned(), ISSUER.into());
    json!({ "issuers": [members], "audiences": ["orders"] }).to_string()
}

/// A verifier by this policy, which has to be good.
pub(crate) fn load(policy: &str) -> Verifier {
    Verifier::load(policy, BACKEND).unwrap()
}

/// The answer of a verifier that nothing can be fetched for.
pub(crate) fn authorize(verifier: &mut Verifier, request: &Request<'_>, now: Timestamp) -> Decision {
    verifier.authorize(request, &mut Attempt::last(), now).done().unwrap()
}
