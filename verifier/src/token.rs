//! A signed JWT in compact serialization (RFC 7515 §7.1), taken apart but not yet believed.

mod claims;
mod header;

use alloc::{string::String, vec::Vec};

pub(crate) use claims::{Claims, Round, audiences, date, required};
pub(crate) use header::Header;

use crate::{
    base64url,
    error::{Error, Part},
    json::{self, Bounds, Object, Value},
    limits,
};

/// The bounds of the JSON in a token.
const BOUNDS: Bounds =
    Bounds { bytes: limits::TOKEN_BYTES, depth: limits::TOKEN_DEPTH, elements: limits::TOKEN_ELEMENTS };

/// The three parts of a token. Nothing in it is true before the signature is verified.
pub(crate) struct Compact<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    /// Header and payload with the dot between them: what the signature is over (RFC 7515 §5.1).
    signed: &'t str,
}

impl<'t> Compact<'t> {
    pub(crate) fn split(token: &'t str) -> Result<Self, Error> {
        Self::split_within(token, limits::TOKEN_BYTES)
    }

    /// The same, with another limit for the length, in bytes.
    pub(crate) fn split_within(token: &'t str, limit: usize) -> Result<Self, Error> {
        if token.len() > limit {
            return Err(Error::TokenTooLong { bytes: token.len() });
        }
        // Told apart before any part is decoded: a JWE's header asks for expensive work.
        let parts = token.split('.').take(7).count();
        let not_compact = Error::TokenNotCompact { parts };
        match parts {
            3 => {}
            5 => return Err(Error::TokenEncrypted),
            _ => return Err(not_compact),
        }
        let (Some((signed, signature)), Some((header, _))) = (token.rsplit_once('.'), token.split_once('.'))
        else {
            return Err(not_compact);
        };
        let Some((_, payload)) = signed.split_once('.') else { return Err(not_compact) };
        for (text, part) in [(header, Part::Header), (payload, Part::Payload), (signature, Part::Signature)] {
            if text.is_empty() {
                return Err(Error::PartEmpty(part));
            }
        }
        Ok(Self { header, payload, signature, signed })
    }

    pub(crate) fn header(&self) -> Result<Header, Error> {
        let bytes = base64url::decoded_len(self.header);
        if bytes > limits::TOKEN_HEADER_BYTES {
            return Err(Error::HeaderTooLong { bytes });
        }
        let text = decode_text(self.header, Part::Header)?;
        Header::read(&parse_object(&text, Part::Header, BOUNDS)?)
    }

    /// The payload as text; [`parse_payload`] reads it.
    pub(crate) fn payload(&self) -> Result<String, Error> {
        decode_text(self.payload, Part::Payload)
    }

    /// The payload as it is, whatever it is.
    pub(crate) fn payload_bytes(&self) -> Result<Vec<u8>, Error> {
        decode(self.payload, Part::Payload)
    }

    pub(crate) fn signature(&self) -> Result<Vec<u8>, Error> {
        decode(self.signature, Part::Signature)
    }

    pub(crate) fn signed(&self) -> &'t [u8] {
        self.signed.as_bytes()
    }
}

/// The claims as JSON, each name once.
pub(crate) fn parse_payload(text: &str) -> Result<Object<'_>, Error> {
    parse_object(text, Part::Payload, BOUNDS)
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, Error> {
    base64url::decode(text).map_err(|_| Error::PartNotBase64Url(part))
}

fn decode_text(text: &str, part: Part) -> Result<String, Error> {
    String::from_utf8(decode(text, part)?).map_err(|_| Error::PartNotUtf8(part))
}

/// A part that has to be an object, within these bounds.
pub(crate) fn parse_object(text: &str, part: Part, bounds: Bounds) -> Result<Object<'_>, Error> {
    let node = json::parse(text, bounds).map_err(|error| Error::PartNotJson(part, error))?;
    match node.value {
        Value::Object(object) => Ok(object),
        _ => Err(Error::PartNotObject(part)),
    }
}

#[cfg(test)]
mod tests;
