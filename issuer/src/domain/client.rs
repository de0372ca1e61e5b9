//! Clients, each of which can be an audience at the same time.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::credential::Credential;
use super::id::ClientId;
use super::lifetime::Lifetime;
use super::scope::{Scope, ScopeSet};
use super::time::UnixTime;

/// Longest description of a client or a scope, in bytes: a paragraph, not a document.
pub const MAX_DESCRIPTION: usize = 512;
/// Most labels of one client, and longest name and value of one, in bytes; as Kubernetes has them.
pub const MAX_LABELS: usize = 16;
const MAX_LABEL: usize = 63;

/// A client, which is an audience at the same time.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// What it is, for people.
    pub description: Description,
    /// Who it belongs to, for people and for other tools: `team` = `checkout`.
    pub labels: Labels,
    /// A client that is not enabled gets no tokens, and no token is made for it.
    pub enabled: bool,
    /// What it is as an audience.
    pub audience: Audience,
    /// How it can prove itself. In the order of their making.
    pub credentials: Vec<Arc<Credential>>,
    /// When it was registered.
    pub created_at: UnixTime,
}

/// What a client is to those who call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// The scopes it offers, each with what it allows, for people.
    pub scopes: BTreeMap<Scope, Description>,
    /// What a caller gets who names no scope, as far as it was granted; all that was granted if this is empty
    /// (RFC 6749 §3.3).
    pub default_scopes: ScopeSet,
    /// How long tokens for it live at most.
    pub lifetime: Option<Lifetime>,
    /// What tokens for it are signed with; the issuer's own choice if absent.
    pub algorithm: Option<Algorithm>,
    /// Whether tokens for it say where their status is, so that it can refuse them when they are revoked.
    pub status: bool,
}

/// A text for people, of one line, at most [`MAX_DESCRIPTION`] bytes. It may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Description(String);

/// Names and values for people and other tools; they decide nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Labels(BTreeMap<String, String>);

/// Why a text is no [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a description is one line of at most {MAX_DESCRIPTION} bytes")]
pub struct DescriptionError;

/// Why there can be no such label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not a name, an equals sign and a value.
    #[error("a label is written NAME=VALUE")]
    Syntax,
    /// A name or value with other characters, or too long.
    #[error(
        "the name and the value of a label have at most {MAX_LABEL} letters, digits, `-`, `_`, `.`, `/` or `@`"
    )]
    Text,
    /// More than [`MAX_LABELS`].
    #[error("a client has at most {MAX_LABELS} labels")]
    TooMany,
}

impl Description {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Description {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        if text.len() > MAX_DESCRIPTION || text.chars().any(char::is_control) {
            return Err(DescriptionError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Labels {
    /// Collects labels; of two with one name the last counts.
    pub fn new(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelError> {
        let mut collected = Self::default();
        for (name, value) in labels {
            collected.insert(name, value)?;
        }
        Ok(collected)
    }

    fn insert(&mut self, name: String, value: String) -> Result<(), LabelError> {
        let good = |text: &str| {
            text.len() <= MAX_LABEL
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte))
        };
        if name.is_empty() || !good(&name) || !good(&value) {
            return Err(LabelError::Text);
        }
        if self.0.len() == MAX_LABELS && !self.0.contains_key(&name) {
            return Err(LabelError::TooMany);
        }
        self.0.insert(name, value);
        Ok(())
    }
}

impl Audience {
    /// An audience that offers these scopes and says nothing else.
    #[must_use]
    pub fn offering(scopes: &ScopeSet) -> Self {
        let scopes = scopes.iter().map(|scope| (scope.clone(), Description::default())).collect();
        Self { scopes, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people_are_lines() {
        for text in ["", "Takes orders, 24/7", &"é".repeat(MAX_DESCRIPTION / 2)] {
            assert_eq!(text.parse::<Description>().map(|it| it.0), Ok(text.to_owned()));
        }
        for text in ["a\nb", "\u{1b}[31m", &"x".repeat(MAX_DESCRIPTION + 1)] {
            assert_eq!(text.parse::<Description>(), Err(DescriptionError), "{text:?}");
        }
    }

    #[test]
    fn labels_are_few_and_plain() {
        let mut labels = Labels::default();
        let mut insert = |name: &str, value: &str| labels.insert(name.to_owned(), value.to_owned());
        for number in 0..MAX_LABELS {
            assert_eq!(insert(&format!("l{number}"), "team@acme.example"), Ok(()));
        }
        assert_eq!(insert("one-more", ""), Err(LabelError::TooMany));
        assert_eq!(insert("l0", ""), Ok(()), "a label can change");
        for (name, value) in [("", "x"), ("a b", "x"), ("l1", "é"), ("l1", &*"x".repeat(64))] {
            assert_eq!(insert(name, value), Err(LabelError::Text), "{name} {value}");
        }
    }
}
