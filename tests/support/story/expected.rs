//! What a response has to be, and the report when it is not.

use std::fmt;

use http::header;

use crate::http::Exchange;

/// What is expected of a response. A challenge that is not expected must not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    status: u16,
    challenge: Option<String>,
    error: Option<&'static str>,
    not_stored: bool,
}

/// A response that is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surprise {
    request: String,
    expected: String,
    came: String,
}

impl Expected {
    /// A status, without challenge.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, challenge: None, error: None, not_stored: false }
    }

    /// 200.
    #[must_use]
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// A status with exactly this challenge.
    #[must_use]
    pub fn challenged(status: u16, challenge: &str) -> Self {
        Self { challenge: Some(challenge.to_owned()), ..Self::status(status) }
    }

    /// What every bad token gets, whatever is wrong with it (RFC 6750 §3.1).
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::challenged(401, r#"Bearer realm="orders", error="invalid_token""#)
    }

    /// A status with an `error` member in the JSON body (RFC 6749 §5.2).
    #[must_use]
    pub fn error(status: u16, error: &'static str) -> Self {
        Self { error: Some(error), ..Self::status(status) }
    }

    /// The same, and nobody may store it (RFC 6749 §5.1).
    #[must_use]
    pub fn not_stored(self) -> Self {
        Self { not_stored: true, ..self }
    }

    /// Compares a response with this.
    pub fn check(&self, exchange: &Exchange) -> Result<(), Surprise> {
        let came = self.seen_in(exchange);
        if came == *self { Ok(()) } else { Err(Surprise::of(exchange, self.to_string(), came.to_string())) }
    }

    /// What came, in the same terms. What this does not ask about is taken as it should be.
    fn seen_in(&self, exchange: &Exchange) -> Self {
        let error = exchange.member("error");
        let stored = exchange.headers.get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
        Self {
            status: exchange.status.as_u16(),
            challenge: exchange.challenge().map(str::to_owned),
            error: self.error.filter(|expected| error.as_deref() == Some(*expected)),
            not_stored: self.not_stored && !stored,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(error) = self.error {
            write!(f, ", error {error}")?;
        }
        if let Some(challenge) = &self.challenge {
            write!(f, ", challenge {challenge}")?;
        }
        if self.not_stored {
            write!(f, ", not to be stored")?;
        }
        Ok(())
    }
}

impl Surprise {
    /// A response that differs, with what was expected and what came in words.
    #[must_use]
    pub fn of(exchange: &Exchange, expected: String, came: String) -> Self {
        Self { request: format!("{} {}", exchange.method, exchange.url), expected, came }
    }
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}; came {}", self.request, self.expected, self.came)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, StatusCode};
    use url::Url;

    use super::*;

    fn response(status: u16, headers: &[(header::HeaderName, &'static str)], body: &str) -> Exchange {
        Exchange {
            method: Method::GET,
            url: Url::parse("http://127.0.0.1/orders").unwrap(),
            request_headers: HeaderMap::new(),
            request_body: String::new(),
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
                .collect(),
            body: body.to_owned(),
        }
    }

    const CHALLENGE: (header::HeaderName, &str) = (header::WWW_AUTHENTICATE, "Bearer realm=\"orders\"");

    #[test]
    fn what_is_expected_holds() {
        let bare = Expected::challenged(401, CHALLENGE.1);
        assert_eq!(bare.check(&response(401, &[CHALLENGE], "")), Ok(()));
        let refused = Expected::error(400, "invalid_target").not_stored();
        let stored = [(header::CACHE_CONTROL, "no-store")];
        assert_eq!(refused.check(&response(400, &stored, "{\"error\":\"invalid_target\"}")), Ok(()));
    }

    #[test]
    fn every_difference_is_a_surprise() {
        let differs =
            |expected: Expected, response: Exchange| expected.check(&response).unwrap_err().to_string();
        let body = "{\"error\":\"invalid_scope\"}";
        assert_eq!(
            differs(Expected::ok(), response(401, &[CHALLENGE], "")),
            "GET http://127.0.0.1/orders: expected 200; came 401, challenge Bearer realm=\"orders\""
        );
        differs(Expected::ok(), response(200, &[CHALLENGE], ""));
        differs(Expected::invalid_token(), response(401, &[CHALLENGE], ""));
        differs(Expected::error(400, "invalid_target"), response(400, &[], body));
        differs(Expected::ok().not_stored(), response(200, &[], ""));
    }
}
