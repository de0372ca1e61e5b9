//! An issuer: its tokens, its keys, and the server that publishes them in whatever state it is.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::envoy::START;

/// What the server does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Answers with the document.
    Good,
    /// Answers with this status.
    Status(u16),
    /// Answers with something that is not a document.
    Garbage,
    NotUtf8,
    /// Answers with more than is worth reading.
    TooLong,
    /// The connection ends without an answer.
    Closed,
    /// Envoy gives the call up when its time is over.
    TimesOut,
    /// Envoy never tells how the call ended.
    Silent,
    /// The document, told so many milliseconds after the time of the call is over.
    Late(u64),
    /// Envoy does not take the call.
    Refused,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// The issuer whose key set is at a known URL, and the one whose is to be discovered.
pub(crate) const KNOWN: &str = "https://known.example";
pub(crate) const DISCOVERED: &str = "https://discovered.example";

pub(crate) struct KeyServer {
    pub(crate) conduct: Conduct,
    /// How long an answer takes, in milliseconds.
    pub(crate) latency: u64,
    /// The keys that are published, by their generation.
    pub(crate) published: Vec<u8>,
}

impl KeyServer {
    pub(crate) fn new() -> Self {
        Self { conduct: Conduct::Good, latency: 10, published: vec![0] }
    }

    /// The answer and when it comes, in milliseconds after the call; `None` for never.
    pub(crate) fn answer(&self, origin: &str, path: &str, timeout: u64) -> Option<(u64, Option<Answer>)> {
        let good = || self.document(origin, path);
        let answer = |status, body: &[u8]| Some(Answer { status, body: body.to_vec() });
        let latency = self.latency.min(timeout);
        Some(match self.conduct {
            Conduct::Good => (latency, Some(good())),
            Conduct::Status(status) => (latency, answer(status, good().body.as_slice())),
            Conduct::Garbage => (latency, answer(200, b"<html>")),
            Conduct::NotUtf8 => (latency, answer(200, b"{\"keys\":[],\"x\":\"\xff\"}")),
            Conduct::TooLong => (latency, answer(200, &vec![b' '; 1024 * 1024])),
            Conduct::Closed => (latency, None),
            Conduct::TimesOut => (timeout, answer(504, b"upstream request timeout")),
            Conduct::Silent | Conduct::Refused => return None,
            Conduct::Late(millis) => (timeout + millis, Some(good())),
        })
    }

    fn document(&self, origin: &str, path: &str) -> Answer {
        let body = match path {
            "/.well-known/openid-configuration" => {
                format!(r#"{{"issuer":"{origin}","jwks_uri":"{origin}/keys"}}"#)
            }
            "/keys" => {
                let keys: Vec<String> = self.published.iter().map(|generation| jwk(*generation)).collect();
                format!(r#"{{"keys":[{}]}}"#, keys.join(","))
            }
            other => panic!("nothing is at {other}"),
        };
        Answer { status: 200, body: body.into_bytes() }
    }
}

fn key(generation: u8) -> SigningKey {
    SigningKey::from_bytes(&[generation + 1; 32])
}

fn jwk(generation: u8) -> String {
    let x = URL_SAFE_NO_PAD.encode(key(generation).verifying_key().as_bytes());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k{generation}","x":"{x}"}}"#)
}

/// A token of an issuer by its key of a generation, or by another key of the same name.
pub(crate) fn token(issuer: &str, generation: u8, forged: bool) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"k{generation}"}}"#);
    let expiry = START / 1_000 + 5 * 86_400;
    let claims = format!(r#"{{"iss":"{issuer}","sub":"alice","aud":"orders","exp":{expiry}}}"#);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = key(if forged { generation + 100 } else { generation });
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}
