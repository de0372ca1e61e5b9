//! The JOSE header (RFC 7515 §4).

use alloc::{borrow::ToOwned, string::String};

use crate::{
    algorithm::Algorithm,
    error::Error,
    excerpt::Excerpt,
    json::{Object, Value},
    limits,
};

/// What is read of a header. Parameters that bring a key along (`jwk`, `jku`, `x5c`, `x5u`) are not
/// among it: a token does not choose the key it is verified with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) typ: Option<String>,
}

impl Header {
    pub(super) fn read(header: &Object<'_>) -> Result<Self, Error> {
        if header.get("crit").is_some() {
            return Err(Error::ExtensionsCritical);
        }
        if header.get("b64").is_some() {
            return Err(Error::PayloadUnencoded);
        }
        let name = text(header, "alg")?.ok_or(Error::AlgorithmMissing)?;
        let algorithm = Algorithm::from_name(name)
            .ok_or_else(|| Error::AlgorithmUnknown { algorithm: Excerpt::new(name) })?;
        let key_id = text(header, "kid")?;
        if key_id.is_some_and(|kid| kid.len() > limits::KEY_ID_BYTES || kid.chars().any(char::is_control)) {
            return Err(Error::HeaderMalformed { parameter: "kid" });
        }
        let typ = text(header, "typ")?;
        Ok(Self { algorithm, key_id: key_id.map(ToOwned::to_owned), typ: typ.map(ToOwned::to_owned) })
    }
}

fn text<'h>(header: &'h Object<'_>, parameter: &'static str) -> Result<Option<&'h str>, Error> {
    match header.get(parameter).map(|node| &node.value) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::HeaderMalformed { parameter }),
    }
}
