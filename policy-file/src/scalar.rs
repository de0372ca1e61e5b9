//! What a plain scalar means by the core schema (YAML 1.2.2 §10.3.2).

/// A plain scalar, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'t> {
    Null,
    Bool(bool),
    /// A number as JSON writes it (RFC 8259 §6).
    Number(&'t str),
    /// What is a number here and is not in JSON, or is written otherwise there: `.inf`, `0x1f`, `+1`, `007`. The
    /// last of these is another number in YAML 1.1.
    OtherNumber,
    Text(&'t str),
}

pub(crate) fn resolve(plain: &str) -> Scalar<'_> {
    match plain {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ if !is_number(plain) => Scalar::Text(plain),
        _ if is_json_number(plain) => Scalar::Number(plain),
        _ => Scalar::OtherNumber,
    }
}

/// Whether the core schema reads a number.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    let Parts { whole, fraction, exponent } = Parts::of(unsigned);
    are_digits(whole)
        && fraction.is_none_or(are_digits)
        && !(whole.is_empty() && fraction.is_none_or(str::is_empty))
        && exponent.is_none_or(|exponent| !exponent.is_empty() && are_digits(exponent))
}

/// Whether what the core schema reads as a number is one in JSON.
fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let Parts { whole, fraction, exponent } = Parts::of(unsigned);
    let plain_whole = whole == "0" || (!whole.starts_with('0') && !whole.is_empty());
    plain_whole
        && [Some(whole), fraction, exponent]
            .into_iter()
            .flatten()
            .all(|part| !part.is_empty() && are_digits(part))
}

/// A decimal number without its sign, cut into its parts.
struct Parts<'t> {
    whole: &'t str,
    fraction: Option<&'t str>,
    /// Without its sign.
    exponent: Option<&'t str>,
}

impl<'t> Parts<'t> {
    fn of(unsigned: &'t str) -> Self {
        let cut = |text: &'t str, at: &[char]| match text.split_once(at) {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let (mantissa, exponent) = cut(unsigned, &['e', 'E']);
        let (whole, fraction) = cut(mantissa, &['.']);
        let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
        Self { whole, fraction, exponent }
    }
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_and_nothing_older() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Scalar::Null, "{text:?}");
        }
        for (text, value) in
            [("true", true), ("True", true), ("TRUE", true), ("false", false), ("FALSE", false)]
        {
            assert_eq!(resolve(text), Scalar::Bool(value), "{text:?}");
        }
        for text in ["0", "-0", "30", "-1", "1.5", "1e3", "0.5E-7", "-12.00e+10", "9007199254740993"] {
            assert_eq!(resolve(text), Scalar::Number(text), "{text:?}");
        }
        for text in [
            "+1", "007", "-01", "0x1F", "0o17", ".5", "1.", "-.5e3", ".inf", "-.INF", "+.inf", ".nan", "1.e2",
        ] {
            assert_eq!(resolve(text), Scalar::OtherNumber, "{text:?}");
        }
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "y",
            "N",
            "tRUE",
            "nULL",
            "NO",
            "1_000",
            "0b1",
            "12:30:45",
            "2026-01-31",
            ".",
            "-",
            "+",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "0x",
            "0o8",
            "-0x1",
            "--1",
            "1.2.3",
            "NaN",
            "inf",
            "-.nan",
            "1 2",
            "١",
        ] {
            assert_eq!(resolve(text), Scalar::Text(text), "{text:?}");
        }
    }
}
