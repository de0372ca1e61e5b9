//! SPIFFE IDs (SPIFFE-ID §2): `spiffe://` a trust domain, and the path of a workload in it.

use crate::limits;

const SCHEME: &str = "spiffe://";

/// The longest name of a trust domain, in bytes (SPIFFE-ID §2.3).
const TRUST_DOMAIN_BYTES: usize = 255;

/// The SPIFFE ID of a workload: with a path, at most [`limits::IDENTIFIER_BYTES`] long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'t> {
    trust_domain: &'t str,
    path: &'t str,
}

impl<'t> SpiffeId<'t> {
    /// Reads one. There is one spelling for each: no capitals in the trust domain, no port, no percent-encoding, no
    /// empty segment, no `.` or `..`, no query (SPIFFE-ID §2.1, §2.2).
    #[must_use]
    pub fn parse(text: &'t str) -> Option<Self> {
        if text.len() > limits::IDENTIFIER_BYTES {
            return None;
        }
        let rest = text.strip_prefix(SCHEME)?;
        let slash = rest.find('/')?;
        let (trust_domain, path) = text.split_at_checked(SCHEME.len() + slash)?;
        let mut segments = path.strip_prefix('/')?.split('/');
        (is_trust_domain(trust_domain) && segments.all(is_segment)).then_some(Self { trust_domain, path })
    }

    /// The trust domain as the ID of its own: `spiffe://` and its name.
    #[must_use]
    pub fn trust_domain(&self) -> &'t str {
        self.trust_domain
    }

    /// The path, with the slash that it begins with.
    #[must_use]
    pub fn path(&self) -> &'t str {
        self.path
    }
}

/// Whether a text is the ID of a trust domain: `spiffe://` and a name of lower-case letters, digits, dots, dashes and
/// underscores (SPIFFE-ID §2.1).
#[must_use]
pub fn is_trust_domain(text: &str) -> bool {
    text.strip_prefix(SCHEME).is_some_and(|name| {
        (1..=TRUST_DOMAIN_BYTES).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'))
    })
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_identifier_is_a_trust_domain_and_a_path() {
        for (text, trust_domain, path) in [
            ("spiffe://example.org/ns/shop/sa/billing", "spiffe://example.org", "/ns/shop/sa/billing"),
            ("spiffe://a_b-1/X.y_Z-9", "spiffe://a_b-1", "/X.y_Z-9"),
            ("spiffe://a/...", "spiffe://a", "/..."),
        ] {
            assert_eq!(SpiffeId::parse(text), Some(SpiffeId { trust_domain, path }));
        }
    }

    #[test]
    fn nothing_has_two_spellings() {
        for text in [
            "",
            "spiffe://",
            "spiffe:///x",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org/x/",
            "spiffe://example.org//x",
            "spiffe://example.org/./x",
            "spiffe://example.org/x/..",
            "spiffe://example.org/%78",
            "spiffe://example.org/x?y",
            "spiffe://example.org/x#y",
            "spiffe://example.org/é",
            "spiffe://Example.org/x",
            "spiffe://example.org:8443/x",
            "spiffe://me@example.org/x",
            "SPIFFE://example.org/x",
            "https://example.org/x",
            " spiffe://example.org/x",
        ] {
            assert_eq!(SpiffeId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        let (domain, longer) = ("a".repeat(255), "a".repeat(256));
        assert!(SpiffeId::parse(&format!("spiffe://{domain}/x")).is_some());
        assert_eq!(SpiffeId::parse(&format!("spiffe://{longer}/x")), None);
        let with_path = |bytes: usize| format!("spiffe://a/{}", "x".repeat(bytes - "spiffe://a/".len()));
        assert!(SpiffeId::parse(&with_path(2048)).is_some());
        assert_eq!(SpiffeId::parse(&with_path(2049)), None);
    }

    #[test]
    fn a_trust_domain_has_no_path() {
        assert!(is_trust_domain("spiffe://example.org"));
        for text in ["example.org", "spiffe://", "spiffe://example.org/", "spiffe://EXAMPLE.org"] {
            assert!(!is_trust_domain(text), "{text}");
        }
    }
}
