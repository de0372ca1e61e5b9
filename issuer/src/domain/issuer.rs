//! The issuer identifier (RFC 8414 §2).

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use url::{Host, Url};

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
    /// A character that URLs do not have (RFC 3986 §2), though some parsers forgive it.
    #[error("the issuer cannot contain {character:?}; write it as `https://` and a host in ASCII")]
    Character {
        /// The first such character.
        character: char,
    },
    /// Not a URL.
    #[error("the issuer is not a URL")]
    NotUrl(#[source] url::ParseError),
    /// `http` to a host that is not this machine, or another scheme altogether.
    #[error("the issuer must be an https URL (http is for loopback hosts only)")]
    NotHttps,
    /// Query, fragment or user information, which RFC 8414 §2 forbids.
    #[error("the issuer cannot have a query, a fragment or user information")]
    Decorated,
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
        // Parsers drop white space and turn `\` into `/`; verifiers compare the text as it stands.
        if let Some(character) = text.chars().find(|character| !is_of_url(*character)) {
            return Err(IssuerIdError::Character { character });
        }
        let url = Url::parse(text).map_err(IssuerIdError::NotUrl)?;
        if !is_secure(&url) || !text.contains("://") {
            return Err(IssuerIdError::NotHttps);
        }
        if is_decorated(&url) {
            return Err(IssuerIdError::Decorated);
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

/// Unreserved, reserved, or the sign of an encoded one (RFC 3986 §2).
fn is_of_url(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(character)
}

/// `https`, or `http` to a loopback host.
pub(super) fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

/// Carries a query, a fragment or user information.
fn is_decorated(url: &Url) -> bool {
    url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
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
            ("http://id.example", IssuerIdError::NotHttps),
            ("http://127.0.0.1.example", IssuerIdError::NotHttps),
            ("ftp://localhost", IssuerIdError::NotHttps),
            ("https:id.example", IssuerIdError::NotHttps),
            ("https:/id.example", IssuerIdError::NotHttps),
            (" https://id.example", IssuerIdError::Character { character: ' ' }),
            ("https://id.example/a b", IssuerIdError::Character { character: ' ' }),
            ("https://id.ex\tample", IssuerIdError::Character { character: '\t' }),
            ("https://id.example\n", IssuerIdError::Character { character: '\n' }),
            ("https:\\\\id.example", IssuerIdError::Character { character: '\\' }),
            ("https://id.example/a|b", IssuerIdError::Character { character: '|' }),
            ("https://b\u{fc}cher.example", IssuerIdError::Character { character: '\u{fc}' }),
            ("https://id.example/\u{2026}", IssuerIdError::Character { character: '\u{2026}' }),
            ("https://id.example?x", IssuerIdError::Decorated),
            ("https://id.example#x", IssuerIdError::Decorated),
            ("https://me@id.example", IssuerIdError::Decorated),
            ("id.example", IssuerIdError::NotUrl(url::ParseError::RelativeUrlWithoutBase)),
        ] {
            assert_eq!(text.parse::<IssuerId>(), Err(error), "{text}");
        }
    }
}
