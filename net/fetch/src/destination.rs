//! The rule for addresses that a Tessera process sends requests to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

/// What the name `localhost` stands for.
pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Whether `http:` without TLS is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http {
    /// Never: `https:` only.
    #[default]
    Never,
    /// Towards this machine only: a literal loopback address or the name `localhost`.
    Loopback,
}

/// An absolute `https:` URL (or `http:` to this machine where [`Http::Loopback`] allows it) without credentials.
///
/// Cloning shares it. `Display` and `Debug` show scheme, host, port and path; never the query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination(Arc<Url>);

/// Why an address is not acceptable. No variant repeats the text, which may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It is no absolute URL.
    #[error("not an absolute URL")]
    Syntax {
        /// What the parser said.
        #[from]
        source: url::ParseError,
    },
    /// It is `http:`, or something that is not HTTP at all.
    #[error(
        "{scheme}://{host} is not https (plain http is for loopback, and only where that is switched on)"
    )]
    Scheme {
        /// The scheme found.
        scheme: String,
        /// The host found; empty if there is none.
        host: String,
    },
    /// There is a user name or a password in it.
    #[error("the URL of host {host} holds a user name or password; remove it")]
    Userinfo {
        /// The host found.
        host: String,
    },
}

impl Destination {
    /// Parses `text` under the rule.
    pub fn parse(text: &str, http: Http) -> Result<Self, DestinationError> {
        let url = Url::parse(text)?;
        let host = || url.host_str().unwrap_or_default().to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DestinationError::Userinfo { host: host() });
        }
        let acceptable = match url.scheme() {
            "https" => true,
            "http" => http == Http::Loopback && is_loopback(&url),
            _ => false,
        };
        if !acceptable {
            return Err(DestinationError::Scheme { scheme: url.scheme().to_owned(), host: host() });
        }
        Ok(Self(Arc::new(url)))
    }

    /// The URL, to send a request to. Its own `Display` shows the query.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What may be shown of an address that was configured: what [`Destination`] shows of it, so no query and no
/// credentials. For logs that speak of an address before or without parsing it as a destination.
#[must_use]
pub fn redacted(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) if url.has_host() => shown(&url),
        _ => "(not a URL with a host)".to_owned(),
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

    fn refused(text: &str, http: Http) -> DestinationError {
        Destination::parse(text, http).expect_err("the address must be refused")
    }

    #[test]
    fn https_goes_anywhere_and_http_only_to_this_machine() {
        for text in ["https://issuer.example/keys", "https://[2001:db8::1]:8443/", "https://10.0.0.1/"] {
            assert!(Destination::parse(text, Http::Never).is_ok(), "{text}");
        }
        for text in ["http://127.0.0.1:8080/", "http://127.9.9.9/", "http://[::1]/", "http://LOCALHOST/"] {
            assert!(Destination::parse(text, Http::Loopback).is_ok(), "{text}");
            assert!(matches!(refused(text, Http::Never), DestinationError::Scheme { .. }), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_loopback_is_refused() {
        for text in [
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost./",
        ] {
            assert!(matches!(refused(text, Http::Loopback), DestinationError::Scheme { .. }), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_relative_references_are_refused() {
        assert!(matches!(refused("file:///etc/passwd", Http::Loopback), DestinationError::Scheme { .. }));
        assert!(matches!(refused("ftp://localhost/", Http::Loopback), DestinationError::Scheme { .. }));
        assert!(matches!(refused("/keys", Http::Loopback), DestinationError::Syntax { .. }));
    }

    #[test]
    fn credentials_are_refused_and_never_repeated() {
        for text in ["https://user:hunter2@issuer.example/", "https://hunter2@issuer.example/"] {
            let error = refused(text, Http::Never);
            assert_eq!(error, DestinationError::Userinfo { host: "issuer.example".to_owned() });
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_query_is_not_shown() {
        let destination =
            Destination::parse("https://issuer.example:8443/keys?key=hunter2", Http::Never).unwrap();
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
