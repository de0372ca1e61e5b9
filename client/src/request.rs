//! What a token is wanted for.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Scopes in one request. A token that needs more is a design problem; 64 keeps the form within a kilobyte or two.
const SCOPES_MAX: usize = 64;

/// Bytes in an audience or a scope: the length that a URL may have everywhere.
const NAME_BYTES_MAX: usize = 2048;

/// An audience and a set of scopes. Two requests are equal when they would get the same token; the order in which
/// scopes were named does not matter. Cloning is cheap: make one for each kind of call and keep it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Parts {
    audience: String,
    scopes: BTreeSet<String>,
}

/// Why something is no request for a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The audience is empty, longer than 2,048 bytes, or holds a control character.
    #[error("{audience:?} is no audience: it must have 1 to 2,048 bytes and no control characters")]
    Audience {
        /// What was given.
        audience: String,
    },
    /// The scope is no `scope-token` of RFC 6749 §3.3: printable ASCII without space, `"` and `\`.
    #[error("{scope:?} is no scope: RFC 6749 §3.3 allows printable ASCII without space, quote and backslash")]
    Scope {
        /// What was given.
        scope: String,
    },
    /// More than 64 scopes.
    #[error("{count} scopes in one request; at most 64 are allowed")]
    TooManyScopes {
        /// How many were given.
        count: usize,
    },
}

impl Request {
    /// A request for a token that `audience` accepts, with `scopes`; none asks for the server's default.
    pub fn new<S: Into<String>>(
        audience: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, RequestError> {
        let audience = audience.into();
        if audience.is_empty() || audience.len() > NAME_BYTES_MAX || audience.contains(char::is_control) {
            return Err(RequestError::Audience { audience });
        }
        let mut parsed = BTreeSet::new();
        for scope in scopes {
            let scope = scope.into();
            if !is_scope_token(&scope) {
                return Err(RequestError::Scope { scope });
            }
            parsed.insert(scope);
        }
        if parsed.len() > SCOPES_MAX {
            return Err(RequestError::TooManyScopes { count: parsed.len() });
        }
        Ok(Self(Arc::new(Parts { audience, scopes: parsed })))
    }

    /// The audience: the `clientId` of the callee.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The scopes, sorted, without duplicates.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.scopes.iter().map(String::as_str)
    }
}

/// RFC 6749 §3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty()
        && scope.len() <= NAME_BYTES_MAX
        && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_of_scopes_do_not_matter() {
        let one = Request::new("orders", ["b", "a", "b"]).unwrap();
        let other = Request::new("orders", ["a", "b"]).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.scopes().collect::<Vec<_>>(), ["a", "b"]);
        assert_ne!(one, Request::new("orders", ["a"]).unwrap());
        assert_ne!(one, Request::new("stock", ["a", "b"]).unwrap());
    }

    #[test]
    fn what_rfc_6749_does_not_allow_is_refused() {
        for scope in ["", "two words", "quo\"te", "back\\slash", "caf\u{e9}", "line\nbreak"] {
            let expected = RequestError::Scope { scope: scope.to_owned() };
            assert_eq!(Request::new("orders", [scope]).unwrap_err(), expected);
        }
        for audience in ["", "line\nbreak"] {
            let expected = RequestError::Audience { audience: audience.to_owned() };
            assert_eq!(Request::new(audience, ["a"]).unwrap_err(), expected);
        }
        let many = (0..65).map(|n| n.to_string());
        assert_eq!(Request::new("orders", many).unwrap_err(), RequestError::TooManyScopes { count: 65 });
    }
}
