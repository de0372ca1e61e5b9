//! The issuer identifier (RFC 8414 §2).

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use tessera_url::{PlainHttp, UrlFault};
use url::Url;

/// The name this server signs as, an `https` URL without query or fragment. Compared as text, never normalised:
/// `iss` in a token, the metadata and every verifier's policy must be the same bytes.
///
/// `http` is taken for loopback hosts only, where no network can read or change what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerId {
    text: String,
    path: String,
}

/// Why a text is not an [`IssuerId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerIdError {
    /// Not a URL that metadata and keys could be fetched below.
    #[error("the issuer must be an https URL (http is for loopback hosts only): {0}")]
    Url(#[from] UrlFault),
    /// A name in Punycode that decodes to nothing.
    #[error("the issuer is not a URL")]
    Syntax(#[from] url::ParseError),
    /// A query, which RFC 8414 §2 forbids.
    #[error("the issuer cannot have a query")]
    Query,
}

impl IssuerId {
    /// The identifier of an issuer that has no other name than the loopback address it listens on.
    #[must_use]
    pub fn of_loopback(address: SocketAddr) -> Self {
        Self { text: format!("http://{address}"), path: String::new() }
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path below which the endpoints are found: empty, or `/tenant` without a slash at its end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of a `path` below this identifier; `path` begins with a slash.
    #[must_use]
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }
}

impl FromStr for IssuerId {
    type Err = IssuerIdError;

    fn from_str(text: &str) -> Result<Self, IssuerIdError> {
        tessera_url::check(text, PlainHttp::Loopback)?;
        let url = Url::parse(text)?;
        if url.query().is_some() {
            return Err(IssuerIdError::Query);
        }
        Ok(Self { text: text.to_owned(), path: url.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for IssuerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for IssuerId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_stand_below_the_issuer() {
        for (text, path, token_endpoint) in [
            ("https://id.example", "", "https://id.example/v1/token"),
            ("https://id.example/", "", "https://id.example/v1/token"),
            ("https://id.example/tenant", "/tenant", "https://id.example/tenant/v1/token"),
            ("http://127.0.0.1:8080", "", "http://127.0.0.1:8080/v1/token"),
        ] {
            let issuer: IssuerId = text.parse().unwrap();
            assert_eq!((issuer.as_str(), issuer.path()), (text, path));
            assert_eq!(issuer.below("/v1/token"), token_endpoint);
        }
    }

    #[test]
    fn only_secure_plain_urls_name_an_issuer() {
        for (text, error) in [
            ("http://id.example", IssuerIdError::Url(UrlFault::RemoteHttp)),
            ("https:/id.example", IssuerIdError::Url(UrlFault::Scheme)),
            ("https://id.example ", IssuerIdError::Url(UrlFault::Character)),
            ("https://b\u{fc}cher.example", IssuerIdError::Url(UrlFault::Character)),
            ("https://id.example#x", IssuerIdError::Url(UrlFault::Fragment)),
            ("https://me@id.example", IssuerIdError::Url(UrlFault::UserInfo)),
            ("https://xn--a.example", IssuerIdError::Syntax(url::ParseError::IdnaError)),
            ("https://id.example?x", IssuerIdError::Query),
            ("https://id.example?", IssuerIdError::Query),
        ] {
            assert_eq!(text.parse::<IssuerId>(), Err(error), "{text}");
        }
    }
}
