//! What a grant lets its client trade (RFC 8693).

use std::collections::BTreeSet;
use std::str::FromStr;

use super::scope::{MAX_SCOPES, Scope, ScopeError, ScopeSet};

/// Most exchanges that one grant allows: as many as it can hold scopes.
pub const MAX_EXCHANGES: usize = MAX_SCOPES;

/// "Who was called with this scope may call on with that one."
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Exchange {
    /// A scope that the grant's client offers, and that the token to be traded holds.
    pub from: Scope,
    /// A scope of the grant.
    pub to: Scope,
}

/// What may be traded by a grant. Nothing, unless it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Exchanges(BTreeSet<Exchange>);

/// There are more than [`MAX_EXCHANGES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a grant allows at most {MAX_EXCHANGES} exchanges")]
pub struct TooManyExchanges;

impl FromStr for Exchange {
    type Err = ScopeError;

    /// `FROM=TO`, or one scope where both are called the same.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (from, to) = text.split_once('=').unwrap_or((text, text));
        Ok(Self { from: from.parse()?, to: to.parse()? })
    }
}

impl Exchanges {
    /// Collects exchanges, at most [`MAX_EXCHANGES`] of them.
    pub fn new(exchanges: impl IntoIterator<Item = Exchange>) -> Result<Self, TooManyExchanges> {
        let set: BTreeSet<Exchange> = exchanges.into_iter().take(MAX_EXCHANGES + 1).collect();
        if set.len() > MAX_EXCHANGES { Err(TooManyExchanges) } else { Ok(Self(set)) }
    }

    /// True when nothing may be traded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The exchanges in order.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.0.iter()
    }

    /// The scopes out of `granted` that whoever holds `held` may have for it.
    pub(super) fn traded(&self, held: &ScopeSet, granted: &ScopeSet) -> ScopeSet {
        granted.only(|to| self.0.iter().any(|exchange| exchange.to == *to && held.contains(&exchange.from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_written_in_short_where_both_scopes_are_called_the_same() {
        let exchange =
            |text: &str| text.parse::<Exchange>().map(|it| (it.from.to_string(), it.to.to_string()));
        assert_eq!(exchange("a=b"), Ok(("a".to_owned(), "b".to_owned())));
        assert_eq!(exchange("a"), Ok(("a".to_owned(), "a".to_owned())));
        for text in ["", "=", "a=", "=b"] {
            assert_eq!(exchange(text), Err(ScopeError::Empty), "{text}");
        }
        let many = |count: usize| Exchanges::new((0..count).map(|n| format!("a=b{n}").parse().unwrap()));
        assert_eq!(many(MAX_EXCHANGES).map(|it| it.iter().count()), Ok(MAX_EXCHANGES));
        assert_eq!(many(MAX_EXCHANGES + 1), Err(TooManyExchanges));
    }
}
