//! What the fuzz targets reach into: the JSON parser and the keys by themselves, without a token around them.
//! It is there with the feature `fuzzing` only, and no part of the crate's interface.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

pub use crate::crypto::Backend;
use crate::{
    Algorithm, JsonError,
    crypto::{self, PublicKey, PublicKeyParts},
    json::{self, Bounds, Node, Value},
    limits,
};

/// A JSON value as the verifier reads it, on its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string, its escapes resolved.
    String(String),
    /// The elements, in their order.
    Array(Vec<Json>),
    /// The members, in their order.
    Object(Vec<(String, Json)>),
}

/// Reads JSON as that of a token is read.
pub fn parse_json(text: &str) -> Result<Json, JsonError> {
    let bounds =
        Bounds { bytes: limits::TOKEN_BYTES, depth: limits::TOKEN_DEPTH, elements: limits::TOKEN_ELEMENTS };
    json::parse(text, bounds).map(|node| owned(&node))
}

fn owned(node: &Node<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(text) => Json::Number((*text).to_owned()),
        Value::String(text) => Json::String(text.to_string()),
        Value::Array(elements) => Json::Array(elements.iter().map(owned).collect()),
        Value::Object(object) => {
            let member = |member: &json::Member<'_>| (member.name.to_string(), owned(&member.value));
            Json::Object(object.iter().map(member).collect())
        }
    }
}

/// The numbers of a public key, sized as the reader of key sets leaves them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// A modulus without leading zero byte, of 2048 to 4096 bits, and an odd exponent above 1.
    Rsa {
        /// Big-endian.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: u32,
    },
    /// A point's coordinates, big-endian.
    P256([u8; 32], [u8; 32]),
    /// A point's coordinates, big-endian.
    P384([u8; 48], [u8; 48]),
    /// The encoding of RFC 8032.
    Ed25519([u8; 32]),
}

/// A public key of one backend.
#[derive(Debug)]
pub struct Key(PublicKey);

/// The memory for the tables of prepared keys.
#[derive(Clone, Debug, Default)]
pub struct Tables(crypto::Tables);

impl Key {
    /// The key, if the numbers are one.
    #[must_use]
    pub fn new(backend: Backend, numbers: &Numbers) -> Option<Self> {
        let numbers = match numbers.clone() {
            Numbers::Rsa { modulus, exponent } => PublicKeyParts::Rsa { modulus, exponent },
            Numbers::P256(x, y) => PublicKeyParts::P256 { x, y },
            Numbers::P384(x, y) => PublicKeyParts::P384 { x, y },
            Numbers::Ed25519(x) => PublicKeyParts::Ed25519 { x },
        };
        PublicKey::new(backend, &numbers).ok().map(Self)
    }

    /// Whether the bytes are this key's signature over the message.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(algorithm, message, signature, &crypto::Tables::default()).is_ok()
    }

    /// Makes the key's table, as after some good signatures.
    pub fn prepare(&self, tables: &Tables) {
        self.0.prepare(&tables.0);
    }
}
