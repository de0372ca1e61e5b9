//! An issuer's metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): where its keys are.

use alloc::{borrow::ToOwned, string::String};

use crate::{
    document::DocumentError,
    excerpt::Excerpt,
    json::{self, Bounds},
    limits,
    policy::UrlRules,
};

const BOUNDS: Bounds = Bounds {
    bytes: limits::METADATA_BYTES,
    depth: limits::KEY_SET_DEPTH,
    elements: limits::DOCUMENT_ELEMENTS,
};

/// The `jwks_uri` of a metadata document of this issuer.
///
/// The document has to name the issuer exactly: without that, one issuer's metadata could stand in for
/// another's (OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3).
pub(crate) fn jwks_uri(text: &str, issuer: &str, urls: UrlRules) -> Result<String, DocumentError> {
    let node = json::parse(text, BOUNDS).map_err(DocumentError::NotJson)?;
    let metadata = node.as_object();
    let text = |name| metadata.and_then(|object| object.text(name)).ok_or(DocumentError::NotMetadata);
    let named = text("issuer")?;
    if named != issuer {
        return Err(DocumentError::OtherIssuer(Excerpt::new(named)));
    }
    let url = text("jwks_uri")?;
    if urls.allow(url) { Ok(url.to_owned()) } else { Err(DocumentError::UrlRefused(Excerpt::new(url))) }
}
