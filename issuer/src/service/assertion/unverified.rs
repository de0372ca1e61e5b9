//! What an assertion says of itself, before anything is believed: just enough to find its registration.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tessera_verifier::limits;

/// The three claims that choose a registration, unverified.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) issuer: String,
    pub(super) subject: String,
    audiences: Vec<String>,
}

/// Why the claims cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnverifiedError {
    /// Longer than the verifier would look at.
    #[error("it is longer than {} bytes", limits::TOKEN_BYTES)]
    TooLong,
    /// Not the three parts of a JWS (RFC 7515 §3.1).
    #[error("it does not have three parts")]
    NotCompact,
    /// The payload is not base64url.
    #[error("its payload is not base64url")]
    NotBase64Url,
    /// JSON nested deeper than any token needs.
    #[error("its payload is nested deeper than {} levels", limits::TOKEN_DEPTH)]
    TooDeep,
    /// Not a JSON object with text for `iss` and `sub`, and text or texts for `aud`.
    #[error("its payload is not an object with `iss`, `sub` and `aud`")]
    NotClaims,
}

#[derive(serde::Deserialize)]
struct RawClaims {
    iss: String,
    sub: String,
    aud: OneOrMany,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Unverified {
    pub(super) fn read(assertion: &str) -> Result<Self, UnverifiedError> {
        if assertion.len() > limits::TOKEN_BYTES {
            return Err(UnverifiedError::TooLong);
        }
        let mut parts = assertion.split('.');
        let (Some(_), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnverifiedError::NotCompact);
        };
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| UnverifiedError::NotBase64Url)?;
        if depth(&payload) > limits::TOKEN_DEPTH {
            return Err(UnverifiedError::TooDeep);
        }
        let RawClaims { iss, sub, aud } =
            serde_json::from_slice(&payload).map_err(|_| UnverifiedError::NotClaims)?;
        let audiences = match aud {
            OneOrMany::One(audience) => vec![audience],
            OneOrMany::Many(audiences) => audiences,
        };
        Ok(Self { issuer: iss, subject: sub, audiences })
    }

    /// Whether it is addressed to `audience`, by its own words.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.audiences.iter().any(|own| own == audience)
    }
}

/// The deepest nesting of arrays and objects in JSON text, counted without parsing it.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Result<(String, String, Vec<String>), UnverifiedError> {
        let assertion = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        Unverified::read(&assertion).map(|it| (it.issuer, it.subject, it.audiences))
    }

    #[test]
    fn one_audience_or_many() {
        let expected = |many: &[&str]| {
            Ok(("i".to_owned(), "s".to_owned(), many.iter().map(|it| (*it).to_owned()).collect()))
        };
        assert_eq!(read(r#"{"iss":"i","sub":"s","aud":"a"}"#), expected(&["a"]));
        assert_eq!(read(r#"{"iss":"i","sub":"s","aud":["a","b"],"x":{"y":[]}}"#), expected(&["a", "b"]));
    }

    #[test]
    fn everything_else_is_refused() {
        let deep = format!(r#"{{"iss":"i","sub":"s","aud":"a","x":{}{}}}"#, "[".repeat(8), "]".repeat(8));
        for (payload, error) in [
            ("[]", UnverifiedError::NotClaims),
            (r#"{"iss":"i","sub":"s"}"#, UnverifiedError::NotClaims),
            (r#"{"iss":["i"],"sub":"s","aud":"a"}"#, UnverifiedError::NotClaims),
            (r#"{"iss":"i","iss":"j","sub":"s","aud":"a"}"#, UnverifiedError::NotClaims),
            (r#"{"iss":"i","sub":"s","aud":[["a"]]}"#, UnverifiedError::NotClaims),
            (&deep, UnverifiedError::TooDeep),
        ] {
            assert_eq!(read(payload), Err(error), "{payload}");
        }
        for (assertion, error) in [
            ("", UnverifiedError::NotCompact),
            ("a.b", UnverifiedError::NotCompact),
            ("a.b.c.d", UnverifiedError::NotCompact),
            ("a.=.c", UnverifiedError::NotBase64Url),
            (&"x".repeat(limits::TOKEN_BYTES + 1), UnverifiedError::TooLong),
        ] {
            assert_eq!(Unverified::read(assertion).map(|_| ()), Err(error), "{assertion:.20}");
        }
    }

    #[test]
    fn brackets_in_text_do_not_nest() {
        assert_eq!(depth(br#"{"a":"[[[{\"[["}"#), 1);
        assert_eq!(depth(b"[[[]],[]]"), 3);
    }
}
