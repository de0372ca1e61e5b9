//! The policy document: what a verifier trusts, and what it asks of a request.
//!
//! It is read into types that cannot hold a contradiction, or not at all: everything that is wrong in a
//! document is reported at once, each with its place and, where that can be told, what to write.

mod challenge;
mod condition;
mod glob;
mod grammar;
mod issuer;
mod problem;
mod reader;
mod requirement;
mod route;
#[cfg(feature = "schema")]
mod schema;
mod status;
mod suggestion;
mod tokens;
mod trust;
mod upstream;
mod url;
mod view;

use alloc::{string::String, vec::Vec};

pub(crate) use challenge::{Challenge, ResourceMetadata};
pub(crate) use condition::{ClaimPaths, Condition};
pub use issuer::Profile;
pub(crate) use issuer::{Issuer, KeySource};
pub use problem::{PolicyError, Problem};
pub(crate) use requirement::{Requirement, check_audience};
pub(crate) use route::{Access, Routes};
#[cfg(feature = "schema")]
pub use schema::policy_schema;
pub(crate) use status::StatusRules;
pub(crate) use tokens::{TokenPrefix, TokenSource};
pub use trust::{KeySource as TrustedKeySource, TrustError, TrustPolicy, TrustedIssuer};
pub(crate) use upstream::{DRY_RUN_FIELD, Upstream};

use crate::{
    crypto::Backend,
    json::{Bounds, Node},
    limits,
};
use grammar::{Number, Settings, Shape, TEXTS, Text, fields};
use reader::{Fault, Place, Reader};
use suggestion::did_you_mean;

fields! {
    /// What a verifier trusts, and what it asks of a request.
    static POLICY {
        /// The issuers whose tokens are accepted.
        "issuers": required Shape::List(&Shape::Object(&issuer::ISSUER)),
        /// What this service is called in `aud`: a token has to name one of these.
        "audiences": required TEXTS,
        /// Where in a request tokens are read. The Authorization field with the scheme Bearer, if absent.
        "tokens": optional Shape::List(&Shape::Object(&tokens::SOURCE)),
        /// What requests need. The first route that matches decides, and a request that none is for is
        /// refused. Without routes every request with a good token passes.
        "routes": optional Shape::List(&Shape::Object(&route::ROUTE)),
        /// What goes upstream with an allowed request.
        "upstream": optional Shape::Object(&upstream::UPSTREAM),
        /// What a refusal tells the caller besides the standard's code.
        "challenge": optional Shape::Object(&challenge::CHALLENGE),
        /// The service as a protected resource (RFC 9728).
        "resource": optional Shape::Object(&challenge::RESOURCE),
        /// The answer while an issuer's keys cannot be had. Either way the request is refused: `unavailable`
        /// says that this side is at fault (503), `unauthorized` that the token is not accepted (401).
        "while_keys_missing": optional Shape::Text(&WHILE_KEYS_MISSING),
        /// CORS preflight requests pass without a token: browsers send none with them.
        "cors_preflight": optional Shape::Flag,
        /// Refusals are reported, and the requests let through with the field `tessera-dry-run`.
        "dry_run": optional Shape::Flag,
        /// How many verified tokens are remembered.
        "token_cache": optional Shape::Object(&TOKEN_CACHE),
        /// URLs may be http on loopback addresses, for trying things out.
        "allow_http_loopback": optional Shape::Flag,
    }
}

fields! {
    /// The bounds of the memory of verified tokens.
    static TOKEN_CACHE {
        /// The most tokens; 0 for none.
        "entries": optional Shape::Number(&CACHE_ENTRIES),
        /// The most memory for them, in bytes.
        "bytes": optional Shape::Number(&CACHE_BYTES),
    }
}

static CACHE_ENTRIES: Number = Number { unit: "entries", min: 0, max: 1_000_000, default: 10_000 };
static CACHE_BYTES: Number = Number { unit: "bytes", min: 0, max: 1 << 30, default: 16 << 20 };

const WHEN_MISSING: &[&str] = &["unavailable", "unauthorized"];

static WHILE_KEYS_MISSING: Text = Text {
    #[cfg(feature = "schema")]
    schema: grammar::TextSchema::Words(|| WHEN_MISSING.to_vec()),
    check: |text, _| {
        (!WHEN_MISSING.contains(&text)).then(|| Fault {
            message: alloc::format!("`{text}` is no answer; there are {}", WHEN_MISSING.join(" and ")),
            suggestion: did_you_mean(text, WHEN_MISSING),
        })
    },
};

/// What a verifier goes by.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// At least one, each name once.
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) urls: UrlRules,
    pub(crate) cache: CacheBounds,
    /// The claims that conditions and fields ask for.
    pub(crate) claims: ClaimPaths,
    pub(crate) rules: Rules,
}

/// What is asked of requests, and what they are answered.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// At least one: what this service is called in `aud`.
    pub(crate) audiences: Vec<String>,
    /// At least one.
    pub(crate) tokens: Vec<TokenSource>,
    pub(crate) routes: Routes,
    pub(crate) upstream: Upstream,
    pub(crate) challenge: Challenge,
    pub(crate) resource: Option<ResourceMetadata>,
    pub(crate) cors_preflight: bool,
    pub(crate) dry_run: bool,
}

/// Which URLs are fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlRules {
    http_loopback: bool,
}

/// How much the token cache holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheBounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Default for CacheBounds {
    fn default() -> Self {
        let size = |number: &Number| usize::try_from(number.default).unwrap_or(usize::MAX);
        Self { entries: size(&CACHE_ENTRIES), bytes: size(&CACHE_BYTES) }
    }
}

impl Policy {
    /// Reads a policy document.
    pub(crate) fn parse(text: &str, backend: Backend) -> Result<Self, PolicyError> {
        let bounds = Bounds {
            bytes: limits::POLICY_BYTES,
            depth: limits::POLICY_DEPTH,
            elements: limits::DOCUMENT_ELEMENTS,
        };
        let mut reader = Reader::new(text);
        let node = reader.parse(bounds);
        let policy = node.as_ref().and_then(|node| Self::read(&mut reader, node, backend));
        match (policy, reader.finish()) {
            (Some(policy), Ok(())) => Ok(policy),
            (_, Err(error)) => Err(error),
            // What could not be read always left a problem behind.
            (None, Ok(())) => Err(PolicyError::empty()),
        }
    }

    fn read(reader: &mut Reader<'_>, node: &Node<'_>, backend: Backend) -> Option<Self> {
        let place = &Place::Root;
        let http_loopback = node.as_object().is_some_and(|policy| policy.flag("allow_http_loopback"));
        reader.set(Settings { http_loopback });
        reader.check(node, place, &Shape::Object(&POLICY));
        let policy = node.as_object()?;

        let mut claims = ClaimPaths::default();
        let issuers = issuer::read_all(reader, policy, place, &mut claims, backend);
        let names: Vec<&str> = issuers.iter().map(|issuer| issuer.name.as_str()).collect();
        let routes = Routes::read(reader, policy, place, &names, &mut claims);
        let tokens = TokenSource::read_all(reader, policy, place);
        let resource = ResourceMetadata::read(policy, &issuers, &tokens, &routes);
        let bounds = policy.object("token_cache");
        let cache_number = |name, rule: &Number| {
            let number = bounds.map_or(rule.default, |cache| cache.number(name, rule));
            usize::try_from(number).unwrap_or(usize::MAX)
        };
        let rules = Rules {
            audiences: policy.texts("audiences"),
            upstream: Upstream::read(reader, policy, place, &mut claims),
            challenge: Challenge::read(policy, resource.as_ref()),
            cors_preflight: policy.flag("cors_preflight"),
            dry_run: policy.flag("dry_run"),
            tokens,
            routes,
            resource,
        };
        let cache = CacheBounds {
            entries: cache_number("entries", &CACHE_ENTRIES),
            bytes: cache_number("bytes", &CACHE_BYTES),
        };
        Some(Self { issuers, urls: UrlRules { http_loopback }, cache, claims, rules })
    }
}

/// Reads a list of conditions that is a document of its own.
pub(crate) fn parse_conditions(text: &str) -> Result<(Vec<Condition>, ClaimPaths), PolicyError> {
    let bounds =
        Bounds { bytes: limits::CONDITIONS_BYTES, depth: limits::POLICY_DEPTH, elements: limits::CONDITIONS };
    let mut reader = Reader::new(text);
    let node = reader.parse(bounds);
    let mut paths = ClaimPaths::default();
    let mut conditions = Vec::new();
    if let Some(node) = &node {
        reader.check(node, &Place::Root, &condition::CONDITIONS);
        conditions = Condition::read_all(node.elements(), &mut paths);
    }
    reader.finish().map(|()| (conditions, paths))
}

/// The condition that a claim is a text.
pub(crate) fn equals(claim: &str, text: &str) -> (Vec<Condition>, ClaimPaths) {
    let mut paths = ClaimPaths::default();
    let conditions = Condition::equals(claim, text, &mut paths).into_iter().collect();
    (conditions, paths)
}

impl UrlRules {
    #[cfg(test)]
    pub(crate) const HTTPS_ONLY: Self = Self { http_loopback: false };

    /// Whether a URL that came in a fetched document may be fetched in its turn.
    pub(crate) fn allow(self, url: &str) -> bool {
        url.len() <= limits::IDENTIFIER_BYTES && url::fault(url, self.http_loopback).is_none()
    }
}

#[cfg(test)]
mod tests;
