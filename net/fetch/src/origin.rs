//! One origin, and what it needs beyond the rules for all: roots of its own, a token, networks.

use std::fmt;
use std::path::PathBuf;

use tessera_url::PlainHttp;
use url::Url;

use super::address::Network;
use super::destination::{Destination, DestinationError};

/// Scheme, host and port of a server.
///
/// Cloning and comparing are cheap enough for settings; [`Origin::parse`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is no [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No document could be fetched from there.
    #[error("{0}")]
    Destination(#[from] DestinationError),
    /// There is more to it than scheme, host and port.
    #[error("the settings are for all of {origin}: leave out what follows it")]
    More {
        /// The part that counts.
        origin: Origin,
    },
}

/// The settings of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginAccess {
    /// Whose settings these are.
    pub origin: Origin,
    /// A PEM file: the only roots for this origin. `None` for those of the operating system. Read at the start and
    /// again at each fetch.
    pub ca: Option<PathBuf>,
    /// A file with the token that each request to this origin carries (RFC 6750 §2.1), and no other request. Read
    /// again at each fetch, because platforms replace such tokens.
    pub bearer: Option<PathBuf>,
    /// Networks that this origin may be in besides those that are allowed for all.
    pub allowed: Vec<Network>,
}

impl Origin {
    /// Parses `https://host` or `https://host:port`; a final `/` is as good as none.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, OriginError> {
        let destination = Destination::parse(text, plain_http)?;
        let url = destination.as_url();
        let origin = Self::of(url);
        if url.path() == "/" && url.query().is_none() {
            Ok(origin)
        } else {
            Err(OriginError::More { origin })
        }
    }

    /// The origin that `url` belongs to.
    pub(super) fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use tessera_url::UrlFault;

    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, shown) in [
            ("https://Kubernetes.default.svc", "https://kubernetes.default.svc"),
            ("https://kubernetes.default.svc:443/", "https://kubernetes.default.svc"),
            ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ] {
            assert_eq!(Origin::parse(text, PlainHttp::Never).unwrap().to_string(), shown);
        }
        let origin = Origin::parse("https://id.example", PlainHttp::Never).unwrap();
        for text in ["https://id.example/keys", "https://id.example/?a"] {
            let error = Origin::parse(text, PlainHttp::Never);
            assert_eq!(error, Err(OriginError::More { origin: origin.clone() }), "{text}");
        }
        let error = Origin::parse("http://id.example", PlainHttp::Loopback);
        assert_eq!(error, Err(OriginError::Destination(DestinationError::Url(UrlFault::RemoteHttp))));
    }
}
