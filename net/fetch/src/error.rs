//! Why there is no document.

use std::time::Duration;

use http::StatusCode;

use super::address::Forbidden;
use super::destination::{Destination, DestinationError};
use super::origin::Origin;
use super::settings_file::SettingsFileError;
use crate::body::BodyError;

/// Why there is no document. No variant carries a query or credentials of an address.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup {
        /// What the client library said.
        source: reqwest::Error,
    },
    /// The roots for all origins cannot be used: those that are set, or those that `SSL_CERT_FILE` names.
    #[error("the root certificates cannot be used")]
    Roots {
        /// What is wrong.
        source: SettingsFileError,
    },
    /// The address is not one to fetch from.
    #[error("the address of the document is not acceptable")]
    Destination {
        /// What is wrong with it.
        source: DestinationError,
    },
    /// It is where documents are not fetched from: written as such an address, or a name of nothing but such.
    #[error("{destination} is not a public address")]
    Forbidden {
        /// Where the document was asked for.
        destination: Destination,
        /// The address, and what to do.
        source: Forbidden,
    },
    /// A file of the settings of this origin cannot be used.
    #[error("the settings for {origin} cannot be used")]
    Origin {
        /// Whose settings.
        origin: Origin,
        /// What is wrong.
        source: SettingsFileError,
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
    #[error("{destination} redirects ({status}) to {location}; configure the final address")]
    Redirected {
        /// Where the document was asked for.
        destination: Destination,
        /// The status, 3xx.
        status: StatusCode,
        /// Where to, without a query.
        location: String,
    },
    /// Any other status than 200.
    #[error("{destination} answered {status} instead of 200")]
    Status {
        /// Where the document was asked for.
        destination: Destination,
        /// The status.
        status: StatusCode,
    },
    /// A body in a coding that was not asked for.
    #[error(
        "{destination} sent the document as {coding:?}, although it was asked for without a content coding"
    )]
    Coding {
        /// Where the document was asked for.
        destination: Destination,
        /// The `Content-Encoding`.
        coding: http::HeaderValue,
    },
    /// A page for people, as logins, portals and error pages with a good status are.
    #[error("{destination} answered with an HTML page instead of a document")]
    Page {
        /// Where the document was asked for.
        destination: Destination,
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

impl FetchError {
    pub(super) fn body(destination: &Destination, error: BodyError) -> Self {
        let destination = destination.clone();
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge { destination, limit },
            BodyError::Deadline { after } => Self::Deadline { destination, after },
            BodyError::Broken { source } => Self::Broken { destination, source },
        }
    }
}
