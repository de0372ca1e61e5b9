//! GETs a small document from another party: a key set, a metadata document.
//!
//! The other party is trusted for what it says only after its words were checked, and never for how much it says or
//! how long it takes. Redirects are not followed, proxies from the environment are not used: a document comes from
//! the address that was configured, or not at all.

mod destination;
#[cfg(test)]
mod tests;

use std::string::FromUtf8Error;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use reqwest::redirect;

pub use self::destination::{Destination, DestinationError, Http, redacted};
use crate::body::{self, BodyError};

/// Named to servers when the caller names nothing better.
const USER_AGENT: &str = concat!("tessera/", env!("CARGO_PKG_VERSION"));

/// How a [`Fetcher`] behaves.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Also fetch over `http:` from this machine: `127.0.0.0/8`, `[::1]` and `localhost`. For development and tests.
    pub allow_http_loopback: bool,
    /// The `User-Agent`; `tessera/VERSION` when absent.
    pub user_agent: Option<String>,
}

/// A client for documents. It keeps its connections; make one and clone it.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    http: Http,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The body.
    pub text: String,
    /// The `Cache-Control` field, several joined by `, `; empty when there was none.
    pub cache_control: String,
}

/// Why there is no document. No variant carries a query or credentials of an address.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup {
        /// What the client library said.
        source: reqwest::Error,
    },
    /// The address is not one to fetch from.
    #[error("the address of the document is not acceptable")]
    Destination {
        /// What is wrong with it.
        source: DestinationError,
    },
    /// The whole exchange did not end in time.
    #[error("{destination} did not deliver within {after:?}")]
    Deadline {
        /// Where the document was asked for.
        destination: Destination,
        /// The time allowed.
        after: Duration,
    },
    /// No connection, no TLS, or no HTTP answer.
    #[error("{destination} did not answer")]
    Unreachable {
        /// Where the document was asked for.
        destination: Destination,
        /// What the client library said.
        source: reqwest::Error,
    },
    /// A redirect, which is not followed: the configured address should be the final one.
    #[error("{destination} redirects ({status}); configure the address that it redirects to")]
    Redirected {
        /// Where the document was asked for.
        destination: Destination,
        /// The status, 3xx.
        status: StatusCode,
    },
    /// Any other status than 200.
    #[error("{destination} answered {status} instead of 200")]
    Status {
        /// Where the document was asked for.
        destination: Destination,
        /// The status.
        status: StatusCode,
    },
    /// More bytes than the limit were announced or came.
    #[error("the document of {destination} is larger than {limit} bytes")]
    TooLarge {
        /// Where the document was asked for.
        destination: Destination,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection failed in the middle of the document.
    #[error("the document of {destination} broke off")]
    Broken {
        /// Where the document was asked for.
        destination: Destination,
        /// What the client library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The document is not text.
    #[error("the document of {destination} is not UTF-8")]
    NotUtf8 {
        /// Where the document was asked for.
        destination: Destination,
        /// Where the text ends being text.
        source: std::str::Utf8Error,
    },
}

impl Fetcher {
    /// A fetcher with its own connections.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let client = client_builder()
            .user_agent(options.user_agent.unwrap_or_else(|| USER_AGENT.to_owned()))
            .build()
            .map_err(|source| FetchError::Setup { source })?;
        let http = if options.allow_http_loopback { Http::Loopback } else { Http::Never };
        Ok(Self { client, http })
    }

    /// GETs `url`: the answer must be 200, UTF-8, at most `limit` bytes, and complete within `timeout`.
    pub async fn get(&self, url: &str, timeout: Duration, limit: usize) -> Result<Document, FetchError> {
        let destination =
            Destination::parse(url, self.http).map_err(|source| FetchError::Destination { source })?;
        match tokio::time::timeout(timeout, self.exchange(&destination, timeout, limit)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(FetchError::Deadline { destination, after: timeout }),
        }
    }

    async fn exchange(
        &self,
        destination: &Destination,
        timeout: Duration,
        limit: usize,
    ) -> Result<Document, FetchError> {
        let answer = self
            .client
            .get(destination.as_url().clone())
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| FetchError::Unreachable {
                destination: destination.clone(),
                source: error.without_url(),
            })?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(FetchError::Redirected { destination: destination.clone(), status });
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status { destination: destination.clone(), status });
        }
        let cache_control = cache_control(answer.headers());
        let bytes = body::collect(reqwest::Body::from(answer), limit, timeout)
            .await
            .map_err(|error| FetchError::body(destination, error))?;
        let text = String::from_utf8(bytes.into()).map_err(|error: FromUtf8Error| FetchError::NotUtf8 {
            destination: destination.clone(),
            source: error.utf8_error(),
        })?;
        Ok(Document { text, cache_control })
    }
}

impl FetchError {
    fn body(destination: &Destination, error: BodyError) -> Self {
        let destination = destination.clone();
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge { destination, limit },
            BodyError::Deadline { after } => Self::Deadline { destination, after },
            BodyError::Broken { source } => Self::Broken { destination, source },
        }
    }
}

/// The settings that every outgoing client of Tessera shares: no redirects, no proxy from the environment, and
/// `localhost` never asked from a name server (RFC 6761 §6.3).
pub fn client_builder() -> reqwest::ClientBuilder {
    let localhost = destination::LOOPBACK.map(|ip| (ip, 0).into());
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .resolve_to_addrs("localhost", &localhost)
}

fn cache_control(headers: &HeaderMap) -> String {
    let fields: Vec<&str> =
        headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
    fields.join(", ")
}
