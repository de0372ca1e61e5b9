//! What a person or a script gives to judge.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;

use crate::failure::Failure;
use tessera_issuer::domain::UnixTime;

/// Bytes read of a token on stdin: more than any verifier takes, so that too long is judged and not cut.
const MAX_TOKEN_INPUT: u64 = 1024 * 1024;

/// The token of the command line. `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct TokenArgument(String);

/// A header field.
#[derive(Clone)]
pub(crate) struct Field {
    name: String,
    value: String,
}

/// A point in time, in seconds or as in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// A text that is no header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field is a name, a colon and a value")]
pub(crate) struct NoField;

/// A text that is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is a number of seconds since 1970, or as in 2026-01-31T23:59:59Z")]
pub(crate) struct NoMoment;

impl TokenArgument {
    /// The token, which may be on stdin.
    pub(crate) fn read(self) -> Result<String, Failure> {
        if self.0 != "-" {
            return Ok(self.0);
        }
        let mut text = String::new();
        let read = std::io::stdin().lock().take(MAX_TOKEN_INPUT).read_to_string(&mut text);
        read.map_err(|source| Failure::File { verb: "read", path: Path::new("stdin").to_owned(), source })?;
        Ok(text.trim().to_owned())
    }
}

impl FromStr for TokenArgument {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for TokenArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenArgument(…)")
    }
}

impl Field {
    pub(crate) fn into_pair(self) -> (String, String) {
        (self.name, self.value)
    }
}

impl FromStr for Field {
    type Err = NoField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').ok_or(NoField)?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(NoField);
        }
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

impl fmt::Debug for Field {
    /// The value may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}: …)", self.name)
    }
}

impl From<Moment> for UnixTime {
    fn from(moment: Moment) -> Self {
        Self::from_seconds(moment.0)
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().or_else(|| date_time(text)).map(Self).ok_or(NoMoment)
    }
}

/// A date and time (RFC 3339 §5.6) as seconds since 1970, fractions cut off.
fn date_time(text: &str) -> Option<u64> {
    let at: Timestamp = text.parse().ok()?;
    u64::try_from(at.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_dates() {
        for (text, seconds) in [
            ("0", 0),
            ("1790000000", 1_790_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29 00:00:00Z", 951_782_400),
            ("2024-02-29t23:59:59.999z", 1_709_251_199),
            ("2024-03-01T01:59:59+02:00", 1_709_251_199),
            ("2024-02-29T12:59:59-11:00", 1_709_251_199),
            ("2100-03-01T00:00:00-00:00", 4_107_542_400),
        ] {
            assert_eq!(text.parse(), Ok(Moment(seconds)), "{text}");
        }
        for text in [
            "",
            "-1",
            "tomorrow",
            "2026-01-31",
            "2026-01-31T23:59:59",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T00:00:00.Z",
            "2026-1-31T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-31T00:00:00+2:00",
            "2026-01-31T00:00:00+26:00",
            "2026-01-31T00:00:00Zz",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NoMoment), "{text}");
        }
    }

    #[test]
    fn a_field_is_a_name_and_a_value() {
        let field: Field = "Origin: https://shop.example:8443 ".parse().unwrap();
        assert_eq!(field.into_pair(), ("Origin".to_owned(), "https://shop.example:8443".to_owned()));
        for text in ["Origin", ": x", "a b: c"] {
            assert_eq!(text.parse::<Field>().unwrap_err(), NoField, "{text}");
        }
    }

    #[test]
    fn debug_output_holds_no_token() {
        let token: TokenArgument = "header.payload.signature".parse().unwrap();
        let field: Field = "authorization: Bearer t-o-k".parse().unwrap();
        assert_eq!(format!("{token:?} {field:?}"), "TokenArgument(…) Field(authorization: …)");
    }
}
