//! `application/x-www-form-urlencoded`, read strictly.

use std::borrow::Cow;

/// Most parameters in one request. The grants here know nine; clients add a few of their own.
pub(super) const MAX_PARAMETERS: usize = 32;

/// A form whose parameters each occur once, but for those that may occur again.
#[derive(Debug)]
pub(super) struct Form<'a> {
    /// Few enough for a search to beat a hash.
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Those that did.
    repeated: Vec<&'static str>,
}

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

impl<'a> Form<'a> {
    /// Reads a body. Parameters without a value count as absent (RFC 6749 §3.2), but not twice. `repeatable` may
    /// occur again: their first values count, and [`repeats`](Self::repeats) tells of the others.
    pub(super) fn parse(body: &'a [u8], repeatable: &[&'static str]) -> Result<Self, FormError> {
        let mut form = Self { parameters: Vec::new(), repeated: Vec::new() };
        for (count, pair) in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let (name, value) = split(pair);
            let name = decode(name).ok_or(FormError::Malformed)?;
            let value = decode(value).ok_or(FormError::Malformed)?;
            if !form.parameters.iter().any(|(known, _)| *known == name) {
                form.parameters.push((name, value));
            } else if let Some(name) = repeatable.iter().find(|repeatable| name == **repeatable) {
                form.repeated.push(name);
            } else {
                return Err(FormError::Repeated { name: name.into_owned() });
            }
        }
        form.parameters.retain(|(_, value)| !value.is_empty());
        Ok(form)
    }

    /// Takes a parameter's value out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.parameters.iter().position(|(known, _)| known == name)?;
        Some(self.parameters.swap_remove(place).1.into_owned())
    }

    /// Whether a repeatable parameter occurred more than once.
    pub(super) fn repeats(&self, name: &str) -> bool {
        self.repeated.contains(&name)
    }
}

/// The names in a query, which is encoded like a form; `None` for one that cannot be decoded.
pub(super) fn names(query: &str) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    let pairs = query.as_bytes().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| decode(split(pair).0))
}

/// A name and its value, which is empty if there is no `=`.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
    let (name, value) = pair.split_at(equals);
    (name, value.strip_prefix(b"=").unwrap_or(value))
}

/// Undoes form encoding: `+` is a space, `%` starts two hexadecimal digits, the result is UTF-8.
pub(super) fn decode(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if !encoded.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hexadecimal(*rest.next()?)? << 4 | hexadecimal(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPEATABLE: &[&str] = &["resource"];

    #[test]
    fn values_are_decoded_and_empty_ones_absent() {
        let mut form = Form::parse(b"a=1+%2B%c3%a9&b=&&c&d==x&%61b=%00&resource=r", REPEATABLE).unwrap();
        assert_eq!(form.take("a").as_deref(), Some("1 +\u{e9}"));
        assert_eq!(form.take("b"), None);
        assert_eq!(form.take("c"), None);
        assert_eq!(form.take("d").as_deref(), Some("=x"));
        assert_eq!(form.take("ab").as_deref(), Some("\0"));
        assert_eq!(form.take("a"), None, "taken");
        assert!(!form.repeats("resource"));
    }

    #[test]
    fn only_what_may_be_repeated_is() {
        let mut form = Form::parse(b"resource=a&x=1&resource=b&%72esource=c", REPEATABLE).unwrap();
        assert!(form.repeats("resource"));
        assert_eq!(form.take("resource").as_deref(), Some("a"));
        assert_eq!(form.take("resource"), None);
        let many = "resource=a&".repeat(MAX_PARAMETERS + 1);
        assert_eq!(Form::parse(many.as_bytes(), REPEATABLE).unwrap_err(), FormError::TooMany);
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
            assert_eq!(
                Form::parse(body, REPEATABLE).unwrap_err(),
                error,
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn the_names_of_a_query_are_decoded() {
        let found: Vec<_> = names("a=1&&%62&c%zz=1&=x").collect();
        let expected = [Some("a"), Some("b"), None, Some("")].map(|name| name.map(Cow::Borrowed));
        assert_eq!(found, expected);
    }
}
