//! Keys, tokens and policies to measure with: made anew in each run, by aws-lc.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};
use tessera_verifier::Algorithm;

/// The issuer of every token here.
pub(crate) const ISSUER: &str = "https://issuer.example";
/// Whom every token is for.
pub(crate) const AUDIENCE: &str = "orders";
/// The scope that the measured route asks for.
pub(crate) const SCOPE: &str = "orders:read";
/// The clock skew that everybody allows, in seconds: the verifier's default.
pub(crate) const LEEWAY: u64 = 30;
/// The request that carries the tokens.
pub(crate) const METHOD: &str = "GET";
pub(crate) const HOST: &str = "orders.example";
pub(crate) const TARGET: &str = "/orders/4711";

/// Where the status lists are, and which there is.
const LISTS: &str = "https://issuer.example/v1/status/";
const LIST: &str = "4f1d";
/// How many entries it has: as many as the longest of the draft's test vectors.
const STATUSES: usize = 1 << 20;
/// Where in it the token is.
pub(crate) const STATUS_INDEX: u64 = 700_001;

/// How long tokens last, in seconds: longer than any run.
const LIFETIME: u64 = 4 * 60 * 60;

/// An issuer with one key.
pub(crate) struct Issuer {
    algorithm: Algorithm,
    key_id: String,
    signer: Signer,
}

/// aws-lc could not make a key or a signature.
#[derive(Debug, thiserror::Error)]
#[error("aws-lc failed to {0}")]
pub(crate) struct MaterialError(&'static str);

enum Signer {
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What a policy is to be like, besides having one issuer with these keys.
pub(crate) struct PolicyShape {
    pub(crate) keys: Vec<Value>,
    /// Bounds of the token cache in entries and bytes; none: what a policy has that does not say.
    pub(crate) cache: Option<(usize, usize)>,
    /// How many routes there are. The request meets the last one only.
    pub(crate) routes: usize,
    /// Whether it asks for the status of tokens.
    pub(crate) status: bool,
}

impl Issuer {
    pub(crate) fn new(algorithm: Algorithm) -> Result<Self, MaterialError> {
        Self::with_key_id(algorithm, format!("{}-1", algorithm.name()))
    }

    pub(crate) fn with_key_id(algorithm: Algorithm, key_id: String) -> Result<Self, MaterialError> {
        let failed = |_| MaterialError("make a key");
        let rsa = |padding: &'static dyn RsaEncoding| {
            rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map(|key| Signer::Rsa(key, padding))
        };
        let signer = match algorithm {
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
            Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Signer::Ecdsa),
            Algorithm::Es384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Signer::Ecdsa),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Signer::Ed25519),
        };
        Ok(Self { algorithm, key_id, signer: signer.map_err(failed)? })
    }

    /// The public key as a JWK (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.signer {
            Signer::Rsa(key, _) => {
                let public = key.public_key();
                json!({
                    "kty": "RSA",
                    "n": text(public.modulus().big_endian_without_leading_zero()),
                    "e": text(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Signer::Ecdsa(key) => {
                // An uncompressed point (SEC 1 §2.3.3): 4, then both coordinates.
                let coordinates = key.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let curve = if self.algorithm == Algorithm::Es384 { "P-384" } else { "P-256" };
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Signer::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()) })
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), self.key_id.clone().into());
            members.insert("alg".into(), self.algorithm.name().into());
        }
        jwk
    }

    /// An access token (RFC 9068) as our issuer makes them. Each number gives another one.
    pub(crate) fn token(&self, number: usize) -> Result<String, MaterialError> {
        self.signed("at+jwt", &claims(number))
    }

    /// The same, with a status at an index of the list.
    pub(crate) fn token_with_status(&self, number: usize, index: u64) -> Result<String, MaterialError> {
        let mut claims = claims(number);
        if let Some(members) = claims.as_object_mut() {
            let reference = json!({ "idx": index, "uri": format!("{LISTS}{LIST}") });
            members.insert("status".into(), json!({ "status_list": reference }));
        }
        self.signed("at+jwt", &claims)
    }

    /// A status list token (draft-ietf-oauth-status-list §5.1) of [`STATUSES`] entries, none of them revoked.
    pub(crate) fn status_list(&self) -> Result<String, MaterialError> {
        let list = compress_to_vec_zlib(&vec![0; STATUSES / 8], 9);
        let claims = json!({
            "iss": ISSUER,
            "sub": format!("{LISTS}{LIST}"),
            "iat": now(),
            "exp": now() + LIFETIME,
            "ttl": 10,
            "status_list": { "bits": 1, "lst": URL_SAFE_NO_PAD.encode(list) },
        });
        self.signed("statuslist+jwt", &claims)
    }

    fn signed(&self, typ: &str, claims: &Value) -> Result<String, MaterialError> {
        let header = json!({ "alg": self.algorithm.name(), "typ": typ, "kid": self.key_id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signer.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// So many tokens, as values of the Authorization field.
    pub(crate) fn authorizations(&self, count: usize) -> Result<Vec<String>, MaterialError> {
        (0..count).map(|number| Ok(format!("Bearer {}", self.token(number)?))).collect()
    }
}

impl Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MaterialError> {
        let failed = |_| MaterialError("sign");
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key, padding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*padding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Ecdsa(key) => {
                key.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Self::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

impl PolicyShape {
    /// One route, and no memory of tokens: every decision verifies.
    pub(crate) fn cold(keys: Vec<Value>) -> Self {
        Self { keys, cache: Some((0, 0)), routes: 1, status: false }
    }

    /// One route, and the token cache that a policy has by default.
    pub(crate) fn warm(keys: Vec<Value>) -> Self {
        Self { keys, cache: None, routes: 1, status: false }
    }

    /// The policy document.
    pub(crate) fn document(&self) -> String {
        let others = (1..self.routes).map(|number| {
            json!({ "methods": ["GET"], "path": { "prefix": format!("/service-{number}") }, "scopes": [SCOPE] })
        });
        let own = json!({ "methods": ["GET"], "path": { "prefix": "/orders" }, "scopes": [SCOPE] });
        let routes: Vec<Value> = others.chain([own]).collect();
        let mut issuer = json!({ "issuer": ISSUER, "jwks": { "keys": self.keys } });
        if let (true, Some(members)) = (self.status, issuer.as_object_mut()) {
            members.insert("status".into(), json!({ "lists": LISTS, "required": true }));
        }
        let mut policy = json!({
            "issuers": [issuer],
            "audiences": [AUDIENCE],
            "routes": routes,
        });
        if let (Some((entries, bytes)), Some(members)) = (self.cache, policy.as_object_mut()) {
            members.insert("token_cache".into(), json!({ "entries": entries, "bytes": bytes }));
        }
        policy.to_string()
    }
}

/// The claims of an access token. Each number gives others.
fn claims(number: usize) -> Value {
    let now = now();
    json!({
        "iss": ISSUER,
        "sub": "checkout",
        "aud": AUDIENCE,
        "client_id": "checkout",
        "scope": "orders:read orders:write",
        "iat": now,
        "exp": now + LIFETIME,
        "jti": format!("9f1c2d3e4b5a69788796a5b4-{number:08}"),
    })
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
