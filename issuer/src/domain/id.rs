//! Names of clients and audiences.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest client identifier, in bytes. RFC 6749 sets none; 255 is what most databases and proxies take in an
/// indexed or logged field.
pub const MAX_CLIENT_ID: usize = 255;

/// The name of a client, and of the same party as an audience: `orders`, `https://orders.example`.
///
/// 1 to 255 characters of RFC 6749 Appendix A `VSCHAR`, without space, quotes and backslash: those are legal
/// there, but only ever appear in attempts to confuse a log, a shell or a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// Why a text is not a [`ClientId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdError {
    /// No characters at all.
    #[error("a client identifier cannot be empty")]
    Empty,
    /// Longer than [`MAX_CLIENT_ID`].
    #[error("a client identifier has at most {MAX_CLIENT_ID} characters, this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A character outside the allowed set.
    #[error(
        "a client identifier cannot contain {character:?}; printable ASCII without space, quotes and \\ can"
    )]
    Character {
        /// The first such character.
        character: char,
    },
}

impl ClientId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    fn from_str(text: &str) -> Result<Self, ClientIdError> {
        if text.is_empty() {
            return Err(ClientIdError::Empty);
        }
        if text.len() > MAX_CLIENT_ID {
            return Err(ClientIdError::TooLong { length: text.len() });
        }
        let allowed = |c: &char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`' | '\\');
        match text.chars().find(|c| !allowed(c)) {
            Some(character) => Err(ClientIdError::Character { character }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl serde::Serialize for ClientId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A map keyed by identifiers can be asked with whatever text a request brought.
impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_are_identifiers() {
        for text in ["a", "orders", "https://orders.example:8443/v1?x=1", &"x".repeat(MAX_CLIENT_ID)] {
            assert_eq!(text.parse::<ClientId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_evidence() {
        assert_eq!("".parse::<ClientId>(), Err(ClientIdError::Empty));
        assert_eq!("x".repeat(256).parse::<ClientId>(), Err(ClientIdError::TooLong { length: 256 }));
        for (text, character) in [
            ("a b", ' '),
            ("a\"", '"'),
            ("a'", '\''),
            ("a\\b", '\\'),
            ("ä", 'ä'),
            ("a\n", '\n'),
            ("a\u{7f}", '\u{7f}'),
        ] {
            assert_eq!(text.parse::<ClientId>(), Err(ClientIdError::Character { character }), "{text:?}");
        }
    }
}
