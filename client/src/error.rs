//! What can go wrong between asking for a token and holding one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use tessera_fetch::{Destination, DestinationError, FetchError};

use crate::credential::ProviderError;

/// Bytes of a server's own words that are repeated.
const CODE_BYTES_MAX: usize = 64;
const DESCRIPTION_BYTES_MAX: usize = 256;

/// Why there is no token. Cheap to clone: one failed exchange answers every caller that waited for it.
///
/// No variant holds a secret, an assertion or a token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Nothing can be sent: the root certificates are unusable, or TLS or the resolver.
    #[error("requests cannot be sent")]
    Setup {
        /// What is wrong.
        source: Arc<FetchError>,
    },
    /// The address of the issuer or of its token endpoint is not one to send a credential to.
    #[error("the address of the {what} is not acceptable")]
    Address {
        /// `issuer` or `token endpoint`.
        what: &'static str,
        /// What is wrong with it.
        source: DestinationError,
    },
    /// The issuer's metadata (RFC 8414) could not be fetched.
    #[error("the metadata of the issuer could not be fetched")]
    Metadata {
        /// What the fetch said.
        source: Arc<FetchError>,
    },
    /// The issuer's metadata is no JSON object with the members that RFC 8414 §2 requires.
    #[error("the metadata at {address} is not what RFC 8414 §2 asks for (line {line}, column {column})")]
    MetadataSyntax {
        /// Where it was fetched.
        address: Destination,
        /// Line of the document, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// The metadata speaks for another issuer (RFC 8414 §3.3); the comparison is exact.
    #[error(
        "the metadata is for issuer {found:?}, configured is {expected:?}: configure exactly what it says"
    )]
    IssuerMismatch {
        /// The issuer configured.
        expected: String,
        /// The issuer that the metadata names.
        found: String,
    },
    /// The assertion could not be had.
    #[error("the assertion could not be obtained")]
    Assertion {
        /// What the provider said.
        source: Arc<ProviderError>,
    },
    /// No connection, no TLS, or no HTTP answer.
    #[error("{endpoint} did not answer")]
    Unreachable {
        /// The token endpoint.
        endpoint: Destination,
        /// What the client library said.
        source: Arc<reqwest::Error>,
    },
    /// All attempts together did not end in time.
    #[error("no token within {after:?}")]
    Deadline {
        /// The time allowed.
        after: Duration,
    },
    /// The server refused the request (RFC 6749 §5.2).
    #[error("{endpoint} refused: {code}{}", .description.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The token endpoint.
        endpoint: Destination,
        /// The error code.
        code: ErrorCode,
        /// The server's description, for people.
        description: Option<String>,
    },
    /// A status that is neither success nor an error in the form of RFC 6749 §5.2.
    #[error("{endpoint} answered {status}")]
    Status {
        /// The token endpoint.
        endpoint: Destination,
        /// The status.
        status: StatusCode,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer could not be read whole.
    #[error("the answer of {endpoint} broke off or is larger than {limit} bytes")]
    Body {
        /// The token endpoint.
        endpoint: Destination,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is no access token response (RFC 6749 §5.1).
    #[error("the answer of {endpoint} is no access token response: {reason}")]
    Malformed {
        /// The token endpoint.
        endpoint: Destination,
        /// What is missing or wrong.
        reason: &'static str,
    },
    /// The server granted less than was asked for (RFC 6749 §3.3).
    #[error("the server left out scope {missing:?}: ask for less, or have the client authorised for it")]
    ScopeReduced {
        /// A scope asked for and not granted.
        missing: String,
    },
    /// More distinct requests at once than the cache holds.
    #[error("more than {limit} different requests for tokens are under way")]
    Busy {
        /// The capacity of the cache.
        limit: usize,
    },
    /// The task that fetched the token was stopped, as happens when the runtime shuts down.
    #[error("the exchange was interrupted")]
    Interrupted,
}

/// The error codes of RFC 6749 §5.2 and RFC 8707 §2.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `invalid_request`: the request is malformed.
    InvalidRequest,
    /// `invalid_client`: the client is unknown or did not prove itself.
    InvalidClient,
    /// `invalid_grant`: the assertion is not accepted.
    InvalidGrant,
    /// `unauthorized_client`: this client may not do this.
    UnauthorizedClient,
    /// `unsupported_grant_type`: the server does not know the grant.
    UnsupportedGrantType,
    /// `invalid_scope`: a scope is unknown or not for this client.
    InvalidScope,
    /// `invalid_target`: the audience is unknown or not for this client.
    InvalidTarget,
    /// Another code, in the server's words.
    Other(String),
}

impl ErrorCode {
    pub(crate) fn parse(code: &str) -> Self {
        match code {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            other => Self::Other(printable(other, CODE_BYTES_MAX)),
        }
    }

    /// The code as it stands in the answer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::Other(code) => code,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<FetchError> for TokenError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Setup { .. } | FetchError::Roots { .. } => Self::Setup { source: Arc::new(error) },
            error => Self::Metadata { source: Arc::new(error) },
        }
    }
}

impl TokenError {
    pub(crate) fn issuer_mismatch(expected: &str, found: &str) -> Self {
        let found = printable(found, DESCRIPTION_BYTES_MAX);
        Self::IssuerMismatch { expected: expected.to_owned(), found }
    }

    pub(crate) fn refused(endpoint: Destination, code: &str, description: Option<&str>) -> Self {
        let description = description.map(|text| printable(text, DESCRIPTION_BYTES_MAX));
        Self::Refused { endpoint, code: ErrorCode::parse(code), description }
    }

    /// When the server wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A server's words, cut and with everything replaced that could disturb a log line or a terminal: RFC 6749 §5.2
/// allows printable ASCII only.
fn printable(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_written() {
        for code in [
            "invalid_request",
            "invalid_client",
            "invalid_grant",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
            "invalid_target",
        ] {
            let parsed = ErrorCode::parse(code);
            assert!(!matches!(parsed, ErrorCode::Other(_)), "{code}");
            assert_eq!(parsed.as_str(), code);
        }
        assert_eq!(ErrorCode::parse("use_dpop_nonce"), ErrorCode::Other("use_dpop_nonce".to_owned()));
    }

    #[test]
    fn a_servers_words_cannot_disturb_a_log() {
        assert_eq!(printable("a\nb\x1b[31mc\u{202e}", 64), "a?b?[31mc?");
        assert_eq!(printable(&"x".repeat(1000), DESCRIPTION_BYTES_MAX).len(), DESCRIPTION_BYTES_MAX);
    }
}
