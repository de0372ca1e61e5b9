//! Tokens as the guide describes them: a good one, and what is different about it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Map, Value, json};
use tessera_policy_file::PolicyFile;

use crate::{NOW, guide::Cell};

pub(crate) const ISSUER: &str = "https://issuer.example";

/// Its status list.
pub(crate) const LIST: &str = "https://issuer.example/v1/status/7d3f";

/// How far the keys are out of reach.
#[derive(Clone, Copy, Default)]
pub(crate) enum Keys {
    #[default]
    AtHand,
    OutOfReach,
    /// They were fetched so many seconds ago, and are out of reach since.
    Old(u64),
}

pub(crate) struct Token {
    /// None if the request has none.
    pub(crate) text: Option<String>,
    pub(crate) keys: Keys,
    /// Whether the issuer's status lists can be had.
    pub(crate) has_lists: bool,
}

/// The key of an issuer, the same in every run.
fn key(owner: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(digest(&SHA256, owner.as_bytes()).as_ref()).unwrap()
}

pub(crate) fn key_set(issuer: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(issuer).public_key());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] })
}

/// The status list of the guide's issuer: the places are good, revoked and suspended.
pub(crate) fn status_list() -> String {
    let list = compress_to_vec_zlib(&[0b10_01_00], 9);
    let header = json!({ "alg": "EdDSA", "typ": "statuslist+jwt", "kid": "k1" });
    let claims = json!({ "sub": LIST, "iat": NOW, "exp": NOW + 60, "ttl": 10,
        "status_list": { "bits": 2, "lst": URL_SAFE_NO_PAD.encode(list) } });
    signed_by(ISSUER, object(&header), object(&claims))
}

fn signed_by(owner: &str, header: Map<String, Value>, claims: Map<String, Value>) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(Value::from(part).to_string()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key(owner).sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

impl Token {
    /// The token that a cell describes.
    pub(crate) fn described(cell: &Cell) -> Self {
        let mut header = object(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }));
        let mut claims =
            object(&json!({ "iss": ISSUER, "sub": "billing", "client_id": "billing", "aud": "orders",
            "scope": "orders:read", "jti": "t-1", "iat": NOW - 10, "exp": NOW + 290 }));
        let mut keys = Keys::default();
        let mut stranger = None;
        let mut has_lists = true;
        for code in &cell.code {
            if let Some(name) = code.strip_prefix("no ") {
                assert!(header.remove(name).or(claims.remove(name)).is_some(), "{code}");
                continue;
            }
            let said: Map<String, Value> =
                serde_json::from_str(PolicyFile::parse(code).unwrap().json()).unwrap();
            for (name, value) in said {
                match (name.as_str(), value.as_str()) {
                    ("signed by", Some(owner)) => stranger = Some(owner.to_owned()),
                    ("keys", Some("out of reach")) => keys = Keys::OutOfReach,
                    ("keys", Some(age)) => {
                        keys = Keys::Old(age.strip_suffix(" s old").unwrap().parse().unwrap());
                    }
                    ("list", Some("out of reach")) => has_lists = false,
                    ("place in the list", _) => {
                        let reference = json!({ "idx": value, "uri": LIST });
                        claims.insert("status".into(), json!({ "status_list": reference }));
                    }
                    ("alg" | "typ" | "kid", _) => drop(header.insert(name, value)),
                    ("exp" | "nbf" | "iat", Some(time)) => drop(claims.insert(name, seconds(time).into())),
                    _ => drop(claims.insert(name, value)),
                }
            }
        }
        if cell.words == "none" {
            return Self { text: None, keys, has_lists };
        }
        // What names no issuer is told by its subject.
        let named = claims.get("iss").or(claims.get("sub")).and_then(Value::as_str);
        let owner = stranger.unwrap_or_else(|| named.unwrap().to_owned());
        Self { text: Some(signed_by(&owner, header, claims)), keys, has_lists }
    }

    pub(crate) fn payload(&self) -> &str {
        self.text.as_deref().and_then(|text| text.split('.').nth(1)).unwrap_or_default()
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// `now`, `now + 10` or `now - 10`.
fn seconds(text: &str) -> u64 {
    let offset = text.strip_prefix("now").unwrap().replace(' ', "");
    NOW.checked_add_signed(if offset.is_empty() { 0 } else { offset.parse().unwrap() }).unwrap()
}
