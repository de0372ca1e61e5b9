//! The documents that a verifier has fetched: their kinds, their identity, and how to fetch one.

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, time::Duration};

use sha2::{Digest as _, Sha256};

use crate::{limits, time::Timestamp};

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// A JWK Set (RFC 7517 §5). It stays in use as long as the policy does.
    KeySet,
    /// An issuer's metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). They stay in use as long as the policy does.
    Metadata,
    /// A status list token (draft-ietf-oauth-status-list §5.1): one of many, which come and go with the tokens that
    /// refer to them.
    StatusList,
}

/// Identifies a document. Every verifier of the same policy gives the same document the same identifier, and a key set
/// that moved to another URL gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId {
    kind: DocumentKind,
    /// The index of the issuer in the policy.
    issuer: usize,
    /// The first bits of the SHA-256 of the URL.
    url: u64,
}

/// A document to fetch: GET its URL without following redirects, and accept status 200 only. The Accept field is
/// [`ACCEPT`](Self::ACCEPT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Identifies the document in [`Verifier::supply`](crate::Verifier::supply) and
    /// [`Verifier::fail`](crate::Verifier::fail).
    pub id: DocumentId,
    /// The URL: https, or http to a loopback address where the policy allows that.
    pub url: String,
    /// How long the whole fetch may take.
    pub timeout: Duration,
    /// The longest body worth reading, in bytes. A longer one is a failure.
    pub limit: usize,
}

/// What to do about a document that a decision lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FetchPlan {
    /// Fetch it; nobody else is told to.
    Fetch(FetchRequest),
    /// Somebody else is fetching it, and has until then to report.
    Wait { until: Timestamp },
    /// Decide without it: it was fetched, or tried, too short a time ago.
    Nothing,
}

/// Whether a plan may be to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayFetch {
    Yes,
    No,
}

/// The SHA-256 of a URL, by which documents are told apart.
pub(crate) fn url_digest(url: &str) -> [u64; 4] {
    let digest: [u8; 32] = Sha256::digest(url).into();
    let (words, _) = digest.as_chunks();
    core::array::from_fn(|n| words.get(n).map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

impl DocumentId {
    pub(crate) fn new(kind: DocumentKind, issuer: usize, url: &str) -> Self {
        let [url, ..] = url_digest(url);
        Self { kind, issuer, url }
    }

    /// The same, from the first bits of the URL's digest.
    pub(crate) const fn from_digest(kind: DocumentKind, issuer: usize, url: u64) -> Self {
        Self { kind, issuer, url }
    }

    /// The identifier in the text that [`Display`](fmt::Display) writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(SEPARATOR);
        let (kind, issuer, url) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = DocumentKind::ALL.into_iter().find(|known| known.name() == kind)?;
        let id = Self { kind, issuer: issuer.parse().ok()?, url: u64::from_str_radix(url, 16).ok()? };
        parts.next().is_none().then_some(id)
    }

    /// What kind of document it is.
    #[must_use]
    pub const fn kind(self) -> DocumentKind {
        self.kind
    }

    /// The index of its issuer in the policy.
    pub(crate) const fn issuer(self) -> usize {
        self.issuer
    }
}

/// Between the parts of an identifier's text.
const SEPARATOR: char = '.';

impl fmt::Display for DocumentId {
    /// Opaque text for boundaries that have only text: printable ASCII, at most 48 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}{SEPARATOR}{:016x}", self.kind.name(), self.issuer, self.url)
    }
}

impl DocumentKind {
    const ALL: [Self; 3] = [Self::KeySet, Self::Metadata, Self::StatusList];

    const fn name(self) -> &'static str {
        match self {
            Self::KeySet => "keys",
            Self::Metadata => "metadata",
            Self::StatusList => "statuses",
        }
    }

    /// The longest document of the kind, in bytes.
    const fn limit(self) -> usize {
        match self {
            Self::KeySet => limits::KEY_SET_BYTES,
            Self::Metadata => limits::METADATA_BYTES,
            Self::StatusList => limits::STATUS_LIST_BYTES,
        }
    }
}

impl FetchRequest {
    /// The media types of the documents: the value of the Accept field to fetch with.
    pub const ACCEPT: &'static str = "application/jwk-set+json, application/json, application/statuslist+jwt";

    pub(crate) fn new(id: DocumentId, url: &str) -> Self {
        Self { id, url: url.to_owned(), timeout: limits::FETCH_TIMEOUT, limit: id.kind.limit() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_identifier_survives_a_boundary_of_text() {
        for kind in DocumentKind::ALL {
            for (issuer, url) in [(0, "https://a.example/"), (4095, "https://b.example/?x"), (usize::MAX, "")]
            {
                let id = DocumentId::new(kind, issuer, url);
                let text = id.to_string();
                assert!(text.len() <= 48 && text.is_ascii(), "{text}");
                assert_eq!(DocumentId::parse(&text), Some(id));
            }
        }
        for text in [
            "",
            "keys",
            "keys.0",
            "keys.0.x",
            "keys.-1.0",
            "keys.0.0.0",
            "sets.0.0",
            "keys.0.10000000000000000",
        ] {
            assert_eq!(DocumentId::parse(text), None, "{text}");
        }
    }
}
