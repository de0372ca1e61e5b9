//! What must not be seen: secrets and tokens. `Debug` masks them, dropping them wipes them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// A client secret or an assertion.
pub struct Secret(Zeroizing<String>);

/// An access token. Cloning shares it.
#[derive(Clone)]
pub struct AccessToken(Arc<Parts>);

struct Parts {
    token: Zeroizing<String>,
    /// `Bearer` and the token, marked sensitive.
    bearer: HeaderValue,
}

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl AccessToken {
    /// Takes `token` if it is a `b64token` of RFC 6750 §2.1, which is what fits behind `Bearer`.
    pub(crate) fn parse(token: Zeroizing<String>) -> Option<Self> {
        let body = token.trim_end_matches('=');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if body.is_empty() || !body.bytes().all(allowed) {
            return None;
        }
        // The header value shares this buffer, so it is wiped when the last request that carries it is gone.
        let text = Zeroizing::new(format!("Bearer {}", *token));
        let mut bearer = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
        bearer.set_sensitive(true);
        Some(Self(Arc::new(Parts { token, bearer })))
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.token
    }

    /// The value for `Authorization`. Its `Debug` and HTTP/2 header compression treat it as secret.
    #[must_use]
    pub fn bearer(&self) -> HeaderValue {
        self.0.bearer.clone()
    }

    /// Whether both are clones of the answer to one exchange.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_secret_nor_token() {
        let secret = Secret::from("hunter2".to_owned());
        let token = AccessToken::parse(Zeroizing::new("hunter2".to_owned())).unwrap();
        let header = token.bearer();
        assert_eq!(format!("{secret:?} {token:?} {header:?}"), "Secret(…) AccessToken(…) Sensitive");
        assert_eq!(header, "Bearer hunter2");
    }

    #[test]
    fn only_what_fits_behind_bearer_is_a_token() {
        for token in ["", "==", "a b", "a=b", "a\r\nX: y", "a,b", "\u{e9}"] {
            assert!(AccessToken::parse(Zeroizing::new(token.to_owned())).is_none(), "{token:?}");
        }
        assert!(AccessToken::parse(Zeroizing::new("aZ0-._~+/==".to_owned())).is_some());
    }
}
