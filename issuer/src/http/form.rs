//! `application/x-www-form-urlencoded`, read strictly.

use std::collections::HashMap;

/// Most parameters in one request. The grants here know seven; clients add a few of their own.
pub(super) const MAX_PARAMETERS: usize = 32;

/// A form whose parameters each occur once.
#[derive(Debug)]
pub(super) struct Form(HashMap<String, String>);

/// Why a body is no such form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// A broken escape, or bytes that are not UTF-8.
    #[error("the form is not well-formed")]
    Malformed,
    /// More than [`MAX_PARAMETERS`].
    #[error("the form has more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// The same parameter twice, which RFC 6749 §3.2 forbids. Taking either would let two readers of one request
    /// see two requests.
    #[error("the parameter `{name}` is repeated")]
    Repeated {
        /// Which one.
        name: String,
    },
}

impl Form {
    /// Reads a body. Parameters without a value count as absent (RFC 6749 §3.2), but not twice.
    pub(super) fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut form = HashMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if form.len() == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            let name = decode(name).ok_or(FormError::Malformed)?;
            let value = decode(value.strip_prefix(b"=").unwrap_or(value)).ok_or(FormError::Malformed)?;
            if form.contains_key(&name) {
                return Err(FormError::Repeated { name });
            }
            form.insert(name, value);
        }
        form.retain(|_, value| !value.is_empty());
        Ok(Self(form))
    }

    /// Takes a parameter's value out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

/// Undoes form encoding: `+` is a space, `%` starts two hexadecimal digits, the result is UTF-8.
pub(super) fn decode(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hexadecimal(*rest.next()?)? << 4 | hexadecimal(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_absent() {
        let mut form = Form::parse(b"a=1+%2B%c3%a9&b=&&c&d==x&%61b=%00").unwrap();
        assert_eq!(form.take("a").as_deref(), Some("1 +\u{e9}"));
        assert_eq!(form.take("b"), None);
        assert_eq!(form.take("c"), None);
        assert_eq!(form.take("d").as_deref(), Some("=x"));
        assert_eq!(form.take("ab").as_deref(), Some("\0"));
        assert_eq!(form.take("a"), None, "taken");
    }

    #[test]
    fn everything_else_is_refused() {
        let many = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&");
        let repeated = |name: &str| FormError::Repeated { name: name.to_owned() };
        for (body, error) in [
            (&b"a=1&a=2"[..], repeated("a")),
            (b"a=1&%61=1", repeated("a")),
            (b"a=&a=1", repeated("a")),
            (b"a=%", FormError::Malformed),
            (b"a=%4", FormError::Malformed),
            (b"a=%+1", FormError::Malformed),
            (b"a=%ff", FormError::Malformed),
            (b"\xff=1", FormError::Malformed),
            (many.as_bytes(), FormError::TooMany),
        ] {
            assert_eq!(Form::parse(body).unwrap_err(), error, "{}", String::from_utf8_lossy(body));
        }
    }
}
