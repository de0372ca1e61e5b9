//! Scopes (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest single scope, in bytes; the longest in public use (Google's URLs) stay below 100.
pub const MAX_SCOPE: usize = 128;
/// Most scopes in one set. Sixty-four of the longest fill the verifier's limit for a token; nobody names more.
pub const MAX_SCOPES: usize = 64;

/// One scope, a `scope-token` of RFC 6749 §3.3: `orders:read`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

/// A set of scopes; as text they are in order and separated by one space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

/// Why a text is not a [`Scope`] or a [`ScopeSet`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Nothing where a scope should be: an empty text, a leading, trailing or doubled space.
    #[error("a scope cannot be empty")]
    Empty,
    /// Longer than [`MAX_SCOPE`].
    #[error("a scope has at most {MAX_SCOPE} characters, this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A character outside `%x21 / %x23-5B / %x5D-7E`.
    #[error("a scope cannot contain {character:?}; printable ASCII without space, \" and \\ can")]
    Character {
        /// The first such character.
        character: char,
    },
    /// More than [`MAX_SCOPES`].
    #[error("at most {MAX_SCOPES} scopes are taken at once")]
    TooMany,
}

impl Scope {
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Err(ScopeError::Empty);
        }
        if text.len() > MAX_SCOPE {
            return Err(ScopeError::TooLong { length: text.len() });
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '"' | '\\')) {
            Some(character) => Err(ScopeError::Character { character }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl ScopeSet {
    /// Collects scopes, at most [`MAX_SCOPES`] of them.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, ScopeError> {
        let set: BTreeSet<Scope> = scopes.into_iter().take(MAX_SCOPES + 1).collect();
        if set.len() > MAX_SCOPES { Err(ScopeError::TooMany) } else { Ok(Self(set)) }
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Those scopes that are to be kept.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Scope) -> bool) -> Self {
        Self(self.0.iter().filter(|scope| keep(scope)).cloned().collect())
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The first scope of this set that `other` does not hold.
    #[must_use]
    pub fn first_beyond<'a>(&'a self, other: &'a Self) -> Option<&'a Scope> {
        self.0.difference(&other.0).next()
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let mut set = BTreeSet::new();
        for (count, scope) in text.split(' ').enumerate() {
            if count == MAX_SCOPES {
                return Err(ScopeError::TooMany);
            }
            set.insert(scope.parse()?);
        }
        Ok(Self(set))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl serde::Serialize for ScopeSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Scope::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_ordered_and_without_repetition() {
        let set: ScopeSet = "orders:write orders:read orders:write".parse().unwrap();
        assert_eq!(set.to_string(), "orders:read orders:write");
    }

    #[test]
    fn the_grammar_is_kept_to_the_letter() {
        let too_many = (0..=MAX_SCOPES).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
        for (text, error) in [
            ("", ScopeError::Empty),
            (" a", ScopeError::Empty),
            ("a ", ScopeError::Empty),
            ("a  b", ScopeError::Empty),
            ("a\tb", ScopeError::Character { character: '\t' }),
            ("a\"", ScopeError::Character { character: '"' }),
            ("a\\", ScopeError::Character { character: '\\' }),
            ("é", ScopeError::Character { character: 'é' }),
            (&"x".repeat(129), ScopeError::TooLong { length: 129 }),
            (&too_many, ScopeError::TooMany),
        ] {
            assert_eq!(text.parse::<ScopeSet>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_goes_beyond_is_named() {
        let granted: ScopeSet = "a b".parse().unwrap();
        let asked: ScopeSet = "a c".parse().unwrap();
        assert_eq!(asked.first_beyond(&granted).map(Scope::as_str), Some("c"));
        assert_eq!(granted.first_beyond(&granted), None);
    }
}
