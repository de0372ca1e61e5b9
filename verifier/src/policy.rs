//! The policy document: what a verifier trusts, and what it asks of a request.
//!
//! It is read into types that cannot hold a contradiction, or not at all: everything that is wrong in a
//! document is reported at once, each with its place and, where that can be told, what to write.

mod issuer;
mod problem;
mod reader;
mod route;
mod suggestion;
mod url;

use alloc::{borrow::ToOwned, string::String, vec::Vec};

pub(crate) use issuer::{Issuer, KeySource, Profile};
pub use problem::{PolicyError, Problem};
pub(crate) use route::{Access, Route};

use crate::{
    json::{Bounds, Object},
    limits,
};
use reader::{Place, Reader};

const MEMBERS: &[&str] = &["issuers", "audiences", "routes", "challenge", "allow_http_loopback"];

/// What a verifier goes by.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// At least one, each name once.
    pub(crate) issuers: Vec<Issuer>,
    /// At least one: what this service is called in `aud`.
    pub(crate) audiences: Vec<String>,
    /// The first that matches decides. Without any, every request with a good token passes.
    pub(crate) routes: Vec<Route>,
    pub(crate) challenge: Challenge,
}

/// What a refusal tells the caller besides the standard's code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenge {
    /// The protection space (RFC 9110 §11.5).
    pub(crate) realm: Option<String>,
    /// Where the resource describes itself (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<String>,
}

impl Policy {
    /// Reads a policy document.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let bounds = Bounds {
            bytes: limits::POLICY_BYTES,
            depth: limits::POLICY_DEPTH,
            elements: limits::DOCUMENT_ELEMENTS,
        };
        let mut reader = Reader::new(text);
        let node = reader.parse(bounds);
        let place = Place::Root;
        let object = node.as_ref().and_then(|node| reader.object(node, &place, MEMBERS));
        let policy = object.map(|object| {
            let http_loopback = reader.flag(object, &place, "allow_http_loopback");
            Self {
                issuers: issuer::read(&mut reader, object, &place, http_loopback),
                audiences: reader.identifiers(object, &place, "audiences", |_| None),
                routes: route::read(&mut reader, object, &place),
                challenge: Challenge::read(&mut reader, object, &place, http_loopback),
            }
        });
        match (policy, reader.finish()) {
            (Some(policy), Ok(())) => Ok(policy),
            (_, Err(error)) => Err(error),
            // What could not be read always left a problem behind.
            (None, Ok(())) => Err(PolicyError::empty()),
        }
    }
}

impl Challenge {
    fn read(reader: &mut Reader<'_>, policy: &Object<'_>, place: &Place<'_>, http_loopback: bool) -> Self {
        let Some(node) = policy.get("challenge") else { return Self::default() };
        let place = place.member("challenge");
        let Some(object) = reader.object(node, &place, &["realm", "resource_metadata"]) else {
            return Self::default();
        };
        let realm = reader.optional_text(object, &place, "realm").map(|(realm, node)| {
            if !realm.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                reader.problem(node, &place.member("realm"), "a realm is printable ASCII", None);
            }
            realm.to_owned()
        });
        let resource_metadata = reader
            .optional_text(object, &place, "resource_metadata")
            .map(|(url, node)| reader.url(url, node, &place.member("resource_metadata"), http_loopback));
        Self { realm, resource_metadata }
    }
}

#[cfg(test)]
mod tests;
