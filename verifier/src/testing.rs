//! Tokens and keys for tests. They are signed by aws-lc-rs, so that what verifies them is another
//! implementation than what made them.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::time::Timestamp;

/// The time of the tests.
pub(crate) const NOW: u64 = 1_790_000_000;

/// The time of the tests, moved by some seconds.
pub(crate) fn at(offset: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.checked_add_signed(offset).unwrap())
}

/// The issuer of the tests' tokens.
pub(crate) const ISSUER: &str = "https://issuer.example";

/// A private key, new in every test.
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Takes a tenth of a second or two: the tests that need no RSA do without.
    pub(crate) fn rs256() -> Self {
        Self::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn es256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Signer::Rsa(_) => "RS256",
            Signer::P256(_) => "ES256",
            Signer::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key, without optional members but `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Signer::Rsa(key) => {
                let public = key.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({ "kty": "RSA", "kid": kid, "n": encode(n.big_endian_without_leading_zero()),
                        "e": encode(e.big_endian_without_leading_zero()) })
            }
            Signer::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y) })
            }
            Signer::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(key.public_key().as_ref()) })
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(key) => {
                let mut signature = alloc::vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Ed25519(key) => key.sign(message).as_ref().to_vec(),
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
