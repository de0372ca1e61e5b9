//! Scopes (RFC 6749 §3.3): a set of case-sensitive tokens.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::limits;

/// A set of scopes, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    /// Reads scopes that are separated by single spaces. An empty text holds none; anything else that
    /// strays from the grammar is refused, since guessing at a scope is granting it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        Self::from_tokens(text.split(' ').collect())
    }

    pub(crate) fn from_tokens(tokens: Vec<&str>) -> Option<Self> {
        if tokens.len() > limits::TOKEN_SCOPES || !tokens.iter().all(|token| is_scope(token)) {
            return None;
        }
        let mut scopes = Self::default();
        for token in tokens {
            if let Err(place) = scopes.place(token) {
                scopes.0.insert(place, token.to_owned());
            }
        }
        Some(scopes)
    }

    pub(crate) fn contains(&self, scope: &str) -> bool {
        self.place(scope).is_ok()
    }

    /// Where a scope is, or where it would be.
    fn place(&self, scope: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|own| own.as_str().cmp(scope))
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// Whether a text is a scope-token: printable ASCII without space, quote and backslash.
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v31_splits_on_single_spaces_and_keeps_case() {
        let scopes = Scopes::parse("write read read").unwrap();
        assert_eq!(scopes.as_slice(), ["read", "write"]);
        assert!(scopes.contains("read") && !scopes.contains("Read") && !scopes.contains("rea"));
        assert!(!Scopes::parse("readwrite").unwrap().contains("read"));
        assert_eq!(Scopes::parse(""), Some(Scopes::default()));
        for text in [" ", " read", "read ", "read  write", "read\twrite", "read\nwrite", "re\"ad", "é"] {
            assert_eq!(Scopes::parse(text), None, "{text:?}");
        }
    }
}
