//! Where a request goes, and how much of that is shown.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tessera_url::{PlainHttp, UrlFault};
use url::Url;

/// What the name `localhost` stands for.
pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// A URL that may be fetched: [`tessera_url::check`] is the rule.
///
/// Cloning shares it. `Display` and `Debug` show scheme, host, port and path; never the query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination(Arc<Url>);

/// Why an address is not acceptable. No variant repeats the text, which may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It is not a URL that may be fetched.
    #[error(transparent)]
    Url(#[from] UrlFault),
    /// The parser takes less than the rule: of all texts, names in Punycode that decode to nothing.
    #[error("not a URL")]
    Syntax {
        /// What the parser said.
        #[from]
        source: url::ParseError,
    },
}

impl Destination {
    /// Parses `text` under the rule of [`tessera_url::check`].
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, DestinationError> {
        tessera_url::check(text, plain_http)?;
        Ok(Self(Arc::new(Url::parse(text)?)))
    }

    /// The URL, to send a request to. Its own `Display` shows the query.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Shown in place of what is not a URL.
pub(super) const NOT_A_URL: &str = "(not a URL with a host)";

/// What may be shown of an address that was configured: what [`Destination`] shows of it, so no query and no
/// credentials. For logs that speak of an address before or without parsing it as a destination.
#[must_use]
pub fn redacted(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) if url.has_host() => shown(&url),
        _ => NOT_A_URL.to_owned(),
    }
}

fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_common_one_and_errors_repeat_no_credentials() {
        Destination::parse("http://LOCALHOST:8080/keys", PlainHttp::Loopback).unwrap();
        for (text, fault) in [
            ("http://LOCALHOST:8080/keys", UrlFault::LoopbackHttp),
            ("https://user:hunter2@issuer.example/", UrlFault::UserInfo),
            ("https://issuer.example\\hunter2", UrlFault::Character),
        ] {
            let error = Destination::parse(text, PlainHttp::Never).unwrap_err();
            assert_eq!(error, DestinationError::Url(fault), "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let error = Destination::parse("https://xn--a.example/", PlainHttp::Never).unwrap_err();
        assert_eq!(error, DestinationError::Syntax { source: url::ParseError::IdnaError });
    }

    #[test]
    fn the_query_is_not_shown() {
        let destination =
            Destination::parse("https://issuer.example:8443/keys?key=hunter2", PlainHttp::Never).unwrap();
        assert_eq!(destination.to_string(), "https://issuer.example:8443/keys");
        assert_eq!(format!("{destination:?}"), "Destination(https://issuer.example:8443/keys)");
    }

    #[test]
    fn what_is_redacted_shows_neither_query_nor_credentials() {
        for (text, expected) in [
            ("https://issuer.example/keys?key=hunter2#x", "https://issuer.example/keys"),
            ("https://me:hunter2@issuer.example:8443/keys", "https://issuer.example:8443/keys"),
            ("http://localhost:80/", "http://localhost/"),
            ("hunter2", "(not a URL with a host)"),
            ("data:,hunter2", "(not a URL with a host)"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
