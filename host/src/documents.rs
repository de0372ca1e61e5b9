//! Documents that are fetched once for all instances.

mod history;
mod locks;

use std::{fmt, sync::Arc, time::Duration};

use tessera_fetch::{Document, FetchError, Fetcher};

pub(crate) use history::{History, LastSeen};
pub(crate) use locks::FetchLocks;

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A JWK Set (RFC 7517 §5). It is of use as long as the policy is.
    KeySet,
    /// An issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414). They are of use as long as the policy is.
    Metadata,
    /// A status list token: one of many, of use for minutes.
    StatusList,
}

/// A document to fetch, for an instance that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Identifies the document when the instance is told of the result.
    pub id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// The URL to GET.
    pub url: String,
    /// How long the whole fetch may take.
    pub timeout: Duration,
    /// The longest body worth reading, in bytes.
    pub limit: usize,
}

/// A fetch that is over.
#[derive(Clone, Debug)]
pub(crate) struct FetchResult {
    pub(crate) id: String,
    pub(crate) kind: DocumentKind,
    /// When it was over, in seconds since the epoch.
    pub(crate) at: u64,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The document came. In the history: and an instance accepted it.
    Fetched(Arc<Document>),
    /// It did not come, or was refused.
    Failed,
}

/// An instance's words about a document: lines for a log, or why it refuses it.
pub(crate) type Examination = Result<Vec<String>, String>;

/// GETs documents.
pub(crate) trait Fetch: Send + Sync + 'static {
    fn get(&self, request: &FetchRequest) -> impl Future<Output = Result<Document, FetchError>> + Send;
}

impl Fetch for Fetcher {
    fn get(&self, request: &FetchRequest) -> impl Future<Output = Result<Document, FetchError>> + Send {
        self.get(&request.url, request.timeout, request.limit)
    }
}

impl FetchResult {
    /// Whether nobody has to know of the document later.
    fn is_ephemeral(&self) -> bool {
        self.kind == DocumentKind::StatusList
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeySet => "key set",
            Self::Metadata => "metadata",
            Self::StatusList => "status list",
        })
    }
}

#[cfg(test)]
mod tests;
