//! The URLs of a policy.

use alloc::{borrow::ToOwned, format};

use super::reader::Fault;

/// What is wrong with a URL that has to be https, or http to a loopback address where that is allowed.
pub(super) fn fault(url: &str, http_loopback: bool) -> Option<Fault> {
    let fault = |message: &str| Some(Fault::new(message));
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) {
        return fault("a URL is printable ASCII without quotes and backslashes");
    }
    let Some((scheme @ ("https" | "http"), rest)) = url.split_once("://") else {
        return fault("expected a URL that starts with https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.starts_with(':') {
        return fault("the URL names no host");
    }
    if authority.contains('@') {
        return fault("a URL with a user or password in it is not used");
    }
    match (scheme, is_loopback(authority)) {
        ("https", _) => None,
        (_, true) if http_loopback => None,
        (_, true) => Some(Fault {
            message: "http is refused, even to a loopback address".to_owned(),
            suggestion: Some("set `\"allow_http_loopback\": true` at the top of the policy".to_owned()),
        }),
        (_, false) => Some(Fault {
            message: "http is refused: whoever is in between could replace what is fetched".to_owned(),
            suggestion: Some(format!("write `https://{rest}`")),
        }),
    }
}

/// Whether an authority is a loopback address beyond doubt: no name that a resolver could send elsewhere,
/// but for `localhost`, which RFC 6761 §6.3 keeps at home.
fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    host == "localhost"
        || host == "[::1]"
        || host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_loopback_address_from_a_name_that_looks_like_one() {
        for authority in ["localhost", "localhost:80", "127.0.0.1", "127.9.8.7:1", "[::1]", "[::1]:80"] {
            assert!(is_loopback(authority), "{authority}");
        }
        for authority in [
            "localhost.example",
            "127.0.0.1.example",
            "10.0.0.1",
            "[::2]:80",
            "",
            "[::1",
            "[::1]x",
            "127.1",
            "localhost:x",
            "127.0.0.1:1:1",
            "::1",
        ] {
            assert!(!is_loopback(authority), "{authority}");
        }
    }
}
