//! The rule for URLs that may be fetched: absolute, over `https:`, and read alike by every parser.
//!
//! A URL of this kind is written down in one place (a policy, a registration, metadata of another party) and fetched
//! in another. [`check`] is the rule of all of them, so that none takes in silence what another refuses later. The
//! rule is about text and stricter than RFC 3986: whatever a browser's parser would mend (spaces, backslashes,
//! `127.1` for 127.0.0.1, a host in Unicode) is refused, because two readers could mend it differently.
//!
//! # What this crate does not do
//!
//! No resolving and no judging of addresses: `https://10.0.0.1/` passes, and `tessera-fetch` decides whether it is
//! connected to. No decoding of internationalised names: of `xn--…` any letters pass.

#![no_std]

#[cfg(test)]
mod tests;

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The longest name of a host, without a final dot [bytes], and of a part of it (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Whether `http:` without TLS is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// Never: `https:` only.
    #[default]
    Never,
    /// To this machine only: `127.0.0.0/8`, `[::1]` or the name `localhost` (RFC 6761 §6.3).
    Loopback,
}

/// What is wrong with a URL. No variant repeats the text, which may hold credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlFault {
    /// A character that RFC 3986 §2 does not have: a space, a quote, a backslash, a brace, anything beyond ASCII.
    Character,
    /// Another scheme than `https` and `http`, one in upper case, or none.
    Scheme,
    /// Nothing where the host belongs.
    NoHost,
    /// A user name or a password.
    UserInfo,
    /// A host that is neither a name of letters, digits, `-` and `_`, nor a plain IP address.
    Host,
    /// A port that is not a number from 1 to 65535.
    Port,
    /// A fragment, which no server is ever sent.
    Fragment,
    /// `http:` to this machine, where [`PlainHttp::Never`] holds.
    LoopbackHttp,
    /// `http:` to another machine.
    RemoteHttp,
}

/// Checks that `url` is one to fetch from.
pub fn check(url: &str, plain_http: PlainHttp) -> Result<(), UrlFault> {
    if !url.bytes().all(is_of_url) {
        return Err(UrlFault::Character);
    }
    let (is_https, rest) = match url.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        _ => return Err(UrlFault::Scheme),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlFault::UserInfo);
    }
    // The colons of an IPv6 address are within brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(UrlFault::NoHost);
    }
    let is_loopback = loopback(host).ok_or(UrlFault::Host)?;
    if !port.is_none_or(is_port) {
        return Err(UrlFault::Port);
    }
    if rest.contains('#') {
        return Err(UrlFault::Fragment);
    }
    match (is_https, is_loopback, plain_http) {
        (true, _, _) | (false, true, PlainHttp::Loopback) => Ok(()),
        (false, true, PlainHttp::Never) => Err(UrlFault::LoopbackHttp),
        (false, false, _) => Err(UrlFault::RemoteHttp),
    }
}

/// Unreserved, reserved, or the sign of an encoded one (RFC 3986 §2).
fn is_of_url(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// Whether a host is this machine beyond doubt; `None` if it is not a host.
fn loopback(host: &str) -> Option<bool> {
    if let Some(address) = host.strip_prefix('[') {
        // Without a zone: one that is meant for this machine alone cannot be registered elsewhere (RFC 6874 §2).
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(address.is_loopback());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    if is_number(last) {
        // `127.1`, `0177.0.0.1` and `127.0.0.1.` are addresses to some readers and names to others.
        return host.parse().ok().map(|address: Ipv4Addr| address.is_loopback());
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_name = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label);
    is_name.then(|| host.eq_ignore_ascii_case("localhost"))
}

/// Whether a browser's parser takes a host that ends in this label for an IPv4 address: digits, or `0x` and hexadecimal
/// digits (WHATWG URL, "ends in a number").
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "a URL is ASCII without spaces, quotes, backslashes, braces and the characters <>^`|",
            Self::Scheme => "expected a URL that starts with https://",
            Self::NoHost => "the URL names no host",
            Self::UserInfo => "a URL with a user or password in it is not used",
            Self::Host => {
                "the host is neither a name of letters, digits, `-` and `_` nor an IP address in its usual form"
            }
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Fragment => "a URL that is fetched has no fragment: leave out `#` and what follows",
            Self::LoopbackHttp => "http is refused, even to a loopback address",
            Self::RemoteHttp => "http is refused: whoever is in between could replace what is fetched",
        })
    }
}

impl core::error::Error for UrlFault {}
