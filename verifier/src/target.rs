//! The path of a request target, in the one reading that everyone behind the proxy shares.
//!
//! A route that is matched against one reading of a path and served by another is a hole
//! (CVE-2023-27487 and its kin). So a path is brought to the form that servers route by, in which a
//! percent-encoded `:` is a `:` (RFC 3986 §6.2.2 leaves that open, what stands behind the proxy does
//! not), and a path about which servers are known to differ is refused.

use alloc::string::String;
use core::fmt;

use crate::limits;

/// What makes a request target ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// It is longer than [`limits::TARGET_BYTES`].
    TooLong,
    /// It does not start with a slash.
    NotAPath,
    /// It has a control character, a space, a byte beyond ASCII or a fragment, none of which a request
    /// target may have (RFC 9112 §3.2).
    ForbiddenCharacter,
    /// A percent sign without two hexadecimal digits.
    BadEscape,
    /// An encoded slash, backslash, percent sign or control character: what stands for itself here and
    /// for something else after one decoding more.
    EncodedDelimiter,
    /// A backslash, which some servers read as a slash.
    Backslash,
    /// A segment `.` or `..`, or one that becomes it after decoding.
    DotSegment,
    /// An empty segment: two slashes in a row.
    EmptySegment,
    /// A path parameter (`;`), which some servers cut off before they route.
    Parameter,
}

/// The normalised path of a request target, without its query.
pub(crate) fn path(target: &str) -> Result<String, TargetFault> {
    if target.len() > limits::TARGET_BYTES {
        return Err(TargetFault::TooLong);
    }
    let raw = target.split_once('?').map_or(target, |(path, _)| path);
    if !raw.starts_with('/') {
        return Err(TargetFault::NotAPath);
    }
    let path = decode_once(raw)?;
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => return Err(TargetFault::DotSegment),
            // A slash at the end is an empty last segment, and means what it says.
            "" if segments.peek().is_some() => return Err(TargetFault::EmptySegment),
            _ => {}
        }
    }
    Ok(path)
}

/// The path with everything decoded that can stand for itself, and the rest in one spelling.
fn decode_once(raw: &str) -> Result<String, TargetFault> {
    let mut path = String::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(TargetFault::BadEscape);
                };
                let value = high << 4 | low;
                match char::from_u32(value) {
                    Some('/' | '\\' | '%' | ';' | '\0'..='\x1f' | '\x7f') => {
                        return Err(TargetFault::EncodedDelimiter);
                    }
                    // What may stand in a path unencoded does so here, so that it has one spelling.
                    Some(c @ '!'..='~') if !matches!(c, '?' | '#') => path.push(c),
                    _ => {
                        path.push('%');
                        for nibble in [high, low] {
                            path.extend(char::from_digit(nibble, 16).map(|c| c.to_ascii_uppercase()));
                        }
                    }
                }
            }
            b'\\' => return Err(TargetFault::Backslash),
            b';' => return Err(TargetFault::Parameter),
            b'#' | 0..=b' ' | 0x7f.. => return Err(TargetFault::ForbiddenCharacter),
            _ => path.push(char::from(byte)),
        }
    }
    Ok(path)
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetFault::TooLong => "it is too long",
            TargetFault::NotAPath => "it is no path",
            TargetFault::ForbiddenCharacter => "it has a character that no target may have",
            TargetFault::BadEscape => "it has a bad percent-encoding",
            TargetFault::EncodedDelimiter => "it has an encoded delimiter or control character",
            TargetFault::Backslash => "it has a backslash",
            TargetFault::DotSegment => "it has a dot segment",
            TargetFault::EmptySegment => "it has an empty segment",
            TargetFault::Parameter => "it has a path parameter",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn v37_brings_equivalent_paths_to_one_form() {
        for (target, expected) in [
            ("/", "/"),
            ("/orders?next=/../x", "/orders"),
            ("/orders/", "/orders/"),
            ("/%6frders", "/orders"),
            ("/a%2db%7e", "/a-b~"),
            ("/orders%3Aapprove", "/orders:approve"),
            ("/a%40b%2Cc%7Cd", "/a@b,c|d"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/a%3fb", "/a%3Fb"),
            ("/a..b/...", "/a..b/..."),
        ] {
            assert_eq!(path(target).unwrap(), expected, "{target}");
        }
    }

    #[test]
    fn v37_refuses_what_servers_read_differently() {
        for (target, expected) in [
            ("", TargetFault::NotAPath),
            ("orders", TargetFault::NotAPath),
            ("http://h/orders", TargetFault::NotAPath),
            ("*", TargetFault::NotAPath),
            ("//orders", TargetFault::EmptySegment),
            ("/public//orders", TargetFault::EmptySegment),
            ("/public/../orders", TargetFault::DotSegment),
            ("/public/..", TargetFault::DotSegment),
            ("/./orders", TargetFault::DotSegment),
            ("/public/%2e%2e/orders", TargetFault::DotSegment),
            ("/public/.%2E/orders", TargetFault::DotSegment),
            ("/public%2f..%2forders", TargetFault::EncodedDelimiter),
            ("/public%5corders", TargetFault::EncodedDelimiter),
            ("/a%252e", TargetFault::EncodedDelimiter),
            ("/a%00", TargetFault::EncodedDelimiter),
            ("/a%3bb", TargetFault::EncodedDelimiter),
            ("/public\\orders", TargetFault::Backslash),
            ("/public;/orders", TargetFault::Parameter),
            ("/a%", TargetFault::BadEscape),
            ("/a%2", TargetFault::BadEscape),
            ("/a%g0", TargetFault::BadEscape),
            ("/a b", TargetFault::ForbiddenCharacter),
            ("/a#b", TargetFault::ForbiddenCharacter),
            ("/é", TargetFault::ForbiddenCharacter),
        ] {
            assert_eq!(path(target), Err(expected), "{target}");
        }
        let long = |n: usize| alloc::format!("/{}", "a".repeat(n - 1));
        assert!(path(&long(limits::TARGET_BYTES)).is_ok());
        assert_eq!(path(&long(limits::TARGET_BYTES + 1)), Err(TargetFault::TooLong));
    }

    proptest! {
        #[test]
        fn v37_what_is_normal_stays_as_it_is(target in "/[a-z%0-9./~A-F-]{0,20}") {
            if let Ok(once) = path(&target) {
                prop_assert_eq!(path(&once), Ok(once.clone()));
            }
        }

        /// However a path is spelled, the route it meets is that of the plain spelling.
        #[test]
        fn v37_an_encoded_spelling_reads_as_the_plain_one(
            plain in "/[!-~]{1,12}",
            encoded in proptest::collection::vec(any::<bool>(), 13),
        ) {
            let spelled: String = plain
                .bytes()
                .zip(encoded)
                .map(|(byte, encode)| {
                    if encode && byte != b'/' { alloc::format!("%{byte:02x}") } else { char::from(byte).into() }
                })
                .collect();
            if let (Ok(plain), Ok(spelled)) = (path(&plain), path(&spelled)) {
                // A bare `?` ends the path; an encoded one is part of it.
                if !spelled.contains("%3F") {
                    prop_assert_eq!(plain, spelled);
                }
            }
        }

        #[test]
        fn v37_survives_any_target(target in ".{0,60}") {
            let _ = path(&target);
        }
    }
}
