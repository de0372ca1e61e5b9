//! Tokens seen from outside: what is written on one, and what a forger would do to it. Nothing here verifies.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// A JWT in compact form, taken apart without trusting it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    compact: String,
    header: Value,
    claims: Value,
}

/// A text that is no JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not three base64url words of which the first two are JSON objects")]
pub struct NotAToken;

impl Token {
    /// Takes a token apart.
    pub fn parse(compact: &str) -> Result<Self, NotAToken> {
        let mut words = compact.split('.');
        let (Some(header), Some(claims), Some(_), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(NotAToken);
        };
        Ok(Self { compact: compact.to_owned(), header: object(header)?, claims: object(claims)? })
    }

    /// As it travels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.compact
    }

    /// The JOSE header.
    #[must_use]
    pub fn header(&self) -> &Value {
        &self.header
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    /// Which key it says it is signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// When it expires, in seconds since the epoch.
    #[must_use]
    pub fn expiry(&self) -> Option<u64> {
        self.claims.get("exp")?.as_u64()
    }

    /// The forgery of somebody who wants more than was granted: another scope, the old signature.
    #[must_use]
    pub fn with_scope(&self, scope: &str) -> Self {
        let mut claims = self.claims.clone();
        if let Some(members) = claims.as_object_mut() {
            members.insert("scope".to_owned(), scope.into());
        }
        let mut words = self.compact.split('.');
        let (header, signature) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        let compact = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Self { compact, header: self.header.clone(), claims }
    }

    /// The forgery of somebody who has no key: another character in the middle of the signature.
    #[must_use]
    pub fn with_other_signature(&self) -> Self {
        let (signed, signature) = self.compact.rsplit_once('.').unwrap_or_default();
        let (front, back) = signature.split_at_checked(signature.len() / 2).unwrap_or_default();
        let other = if back.starts_with('A') { 'B' } else { 'A' };
        let rest: String = back.chars().skip(1).collect();
        Self { compact: format!("{signed}.{front}{other}{rest}"), ..self.clone() }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({})", crate::http::shorten(&self.compact))
    }
}

fn object(word: &str) -> Result<Value, NotAToken> {
    let bytes = URL_SAFE_NO_PAD.decode(word).map_err(|_| NotAToken)?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object).ok_or(NotAToken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token() -> Token {
        let word = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = word(json!({ "alg": "ES256", "kid": "k1" }));
        let claims = word(json!({ "scope": "orders:read", "exp": 7 }));
        Token::parse(&format!("{header}.{claims}.c2lnbmF0dXJl")).unwrap()
    }

    #[test]
    fn a_token_is_read() {
        assert_eq!((token().key_id(), token().expiry()), (Some("k1"), Some(7)));
        assert_eq!(Token::parse("a.b"), Err(NotAToken));
        assert_eq!(Token::parse("e30.W10.x"), Err(NotAToken));
    }

    #[test]
    fn a_forgery_differs_in_its_claims_only() {
        let forged = token().with_scope("orders:write");
        assert_eq!(Token::parse(forged.as_str()), Ok(forged.clone()));
        assert_eq!(forged.claims()["scope"], "orders:write");
        assert_eq!(forged.key_id(), Some("k1"));
        assert!(forged.as_str().ends_with(".c2lnbmF0dXJl"));
    }

    #[test]
    fn a_forgery_differs_in_its_signature_only() {
        let forged = token().with_other_signature();
        assert_eq!(forged.claims(), token().claims());
        let signed = token().as_str().strip_suffix("c2lnbmF0dXJl").unwrap().to_owned();
        assert_eq!(forged.as_str(), format!("{signed}c2lnbmA0dXJl"));
        assert_eq!(forged.with_other_signature().as_str(), format!("{signed}c2lnbmB0dXJl"));
    }

    #[test]
    fn debug_output_is_useless_to_a_thief() {
        let shown = format!("{:?}", token());
        assert!(shown.contains('…') && !shown.contains(token().as_str()), "{shown}");
    }
}
