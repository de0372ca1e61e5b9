//! An issuer's keys inside the test process, to be made, published and withdrawn at will. aws-lc signs, so that what
//! verifies is another implementation than what made the token.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::token::Token;

/// An algorithm to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, with 2048 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// A private key and what it is called.
pub struct SigningKey {
    id: String,
    pair: Pair,
}

/// aws-lc could not make a key or a signature.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("aws-lc failed to {0}")]
pub struct SigningError(&'static str);

enum Pair {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The claims of an access token (RFC 9068), to be changed at will. Each has another `jti`.
#[derive(Debug, Clone)]
pub struct Claims {
    members: Value,
}

impl SigningKey {
    /// Makes a key. `id` is its `kid`.
    pub fn new(algorithm: Algorithm, id: &str) -> Result<Self, SigningError> {
        let pair = match algorithm {
            Algorithm::Rs256 => rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map(Pair::Rsa),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::Ecdsa),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        Ok(Self { id: id.to_owned(), pair: pair.map_err(|_| SigningError("make a key"))? })
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": text(public.modulus().big_endian_without_leading_zero()),
                    "e": text(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Ecdsa(pair) => {
                // An uncompressed point (SEC 1 §2.3.3): 4, then both coordinates.
                let coordinates = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.id.clone().into());
        }
        jwk
    }

    /// Signs claims, in a token of type `at+jwt`.
    pub fn sign(&self, claims: &Claims) -> Result<Token, SigningError> {
        let header = json!({ "alg": self.pair.algorithm(), "typ": "at+jwt", "kid": self.id });
        self.sign_as(&header, &claims.members)
    }

    /// Signs a status list (draft-ietf-oauth-status-list §5.1) of single bits, fresh for `ttl` seconds.
    pub fn sign_status_list(&self, uri: &str, list: &str, ttl: u64) -> Result<Token, SigningError> {
        let header = json!({ "alg": self.pair.algorithm(), "typ": "statuslist+jwt", "kid": self.id });
        let now = now();
        let list = json!({ "bits": 1, "lst": list });
        self.sign_as(
            &header,
            &json!({ "sub": uri, "iat": now, "exp": now + 300, "ttl": ttl, "status_list": list }),
        )
    }

    /// Signs what the caller says, header included.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> Result<Token, SigningError> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(signed.as_bytes()).ok_or(SigningError("sign"))?;
        let compact = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Token::parse(&compact).map_err(|_| SigningError("sign an object"))
    }
}

impl Pair {
    /// Its name (RFC 7518 §3.1, RFC 8037 §3.1).
    fn algorithm(&self) -> &'static str {
        match self {
            Pair::Rsa(_) => "RS256",
            Pair::Ecdsa(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ecdsa(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_owned()),
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_owned()),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl Claims {
    /// Those of a token from `issuer` for `audience` with `scope`, issued now and good for five minutes.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, scope: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let now = now();
        Self {
            members: json!({
                "iss": issuer,
                "aud": audience,
                "scope": scope,
                "sub": "billing",
                "client_id": "billing",
                "iat": now,
                "exp": now + 300,
                "jti": format!("{now}-{}", NUMBER.fetch_add(1, Ordering::Relaxed)),
            }),
        }
    }

    /// The members as they are.
    #[must_use]
    pub fn members(&self) -> &Value {
        &self.members
    }

    /// The same with another value for a claim.
    #[must_use]
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        if let Some(members) = self.members.as_object_mut() {
            members.insert(claim.to_owned(), value.into());
        }
        self
    }

    /// The same, issued `age` seconds ago and good for `lifetime` seconds from then on.
    #[must_use]
    pub fn issued_ago(self, age: u64, lifetime: u64) -> Self {
        let issued = now().saturating_sub(age);
        self.with("iat", issued).with("exp", issued + lifetime)
    }
}

/// Lists of sixteen tokens, as they stand in a status list token: none revoked; and the draft's example (§4.1), by which
/// the tokens at 0, 3 and others are.
pub const NONE_REVOKED: &str = "eNpjYAAAAAIAAQ";
/// See [`NONE_REVOKED`].
pub const SOME_REVOKED: &str = "eNrbuRgAAhcBXQ";

/// A key set (RFC 7517 §5) of these keys.
#[must_use]
pub fn key_set<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Value {
    json!({ "keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<Value>>() })
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_was_told_to() {
        let key = SigningKey::new(Algorithm::Es256, "k1").unwrap();
        let claims = Claims::new("https://issuer.example", "orders", "read").with("sub", "mail");
        let token = key.sign(&claims.issued_ago(100, 60)).unwrap();
        assert_eq!(token.key_id(), Some("k1"));
        assert_eq!(token.claims()["sub"], "mail");
        assert!(token.expiry().unwrap() <= now() - 40);
        assert_eq!(key_set([&key])["keys"][0]["kid"], "k1");
    }

    #[test]
    fn debug_output_holds_no_key() {
        let key = SigningKey::new(Algorithm::EdDsa, "k1").unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(k1)");
    }
}
