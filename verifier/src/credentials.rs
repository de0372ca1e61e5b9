//! The request, and the token in it (RFC 6750 §2).

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};

use crate::{
    error::Error,
    http, limits,
    policy::{TokenPrefix, TokenSource},
};

/// An HTTP request as it arrived, before anything rewrote it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The method, as it was sent.
    pub method: &'r str,
    /// The Host field or the `:authority` pseudo-header.
    pub host: &'r str,
    /// The request target: path and query, undecoded.
    pub target: &'r str,
    /// Header fields, a pair for each field line; at least those that [`Verifier::required_headers`] names.
    ///
    /// [`Verifier::required_headers`]: crate::Verifier::required_headers
    pub headers: &'r [(&'r str, &'r str)],
}

/// A token, and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials<'r, 'p> {
    pub(crate) token: &'r str,
    pub(crate) source: &'p TokenSource,
}

impl Credentials<'_, '_> {
    /// Whether it is a token at all: a `b64token` (RFC 6750 §2.1). For a token that was verified before, that need
    /// not be asked of each of its bytes again.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.token.bytes().all(is_token68) { Ok(()) } else { Err(Error::CredentialsMalformed) }
    }
}

/// What stands where a token can be.
#[derive(Clone, Copy)]
enum Candidate<'r> {
    Token(&'r str),
    SomethingElse,
}

impl<'r> Request<'r> {
    /// The one token of this request. More than one is an error even if they are equal, since somebody
    /// else may read the other one.
    pub(crate) fn credentials<'p>(&self, sources: &'p [TokenSource]) -> Result<Credentials<'r, 'p>, Error> {
        let mut found = None;
        let mut places = 0;
        let mut malformed = false;
        for source in sources {
            for candidate in self.candidates(source) {
                places += 1;
                match candidate {
                    Candidate::Token(token) => found = Some(Credentials { token, source }),
                    Candidate::SomethingElse => malformed = true,
                }
            }
        }
        match (places, found) {
            (0, _) => Err(Error::TokenMissing),
            (1, Some(credentials)) if !malformed => Ok(credentials),
            (1, _) => Err(Error::CredentialsMalformed),
            (places, _) => Err(Error::CredentialsRepeated { places }),
        }
    }

    /// What stands where a token can be.
    fn candidates(&self, source: &TokenSource) -> Vec<Candidate<'r>> {
        match source {
            TokenSource::Header { name, prefix, .. } => {
                let mut lines: Vec<&str> = self.field_lines(name).collect();
                if let Some(line) = lines.pop().filter(|_| lines.is_empty()) {
                    return token_in_field(line.trim_matches([' ', '\t']), prefix).into_iter().collect();
                }
                // Several lines of a field that has one value: whatever they hold, who reads which?
                match lines.len() {
                    0 => Vec::new(),
                    others => vec![Candidate::SomethingElse; others + 1],
                }
            }
            TokenSource::Cookie(name) => {
                // What is not ASCII would not come out of here as it came in.
                let bytes: usize = self.field_lines("cookie").map(str::len).sum();
                if bytes > limits::COOKIE_BYTES || !self.field_lines("cookie").all(http::is_printable) {
                    return vec![Candidate::SomethingElse];
                }
                let cookies = self.field_lines("cookie").flat_map(cookies);
                // A cookie that was emptied is how a browser is logged out.
                let values = cookies.filter(|(own, value)| own == name && !value.is_empty());
                values.map(|(_, value)| Candidate::in_text(value)).collect()
            }
            TokenSource::Query(name) => {
                // Some servers take a semicolon for an ampersand, and would find another token.
                if self.target.split_once('?').is_some_and(|(_, query)| query.contains(';')) {
                    return vec![Candidate::SomethingElse];
                }
                let parameters = parameters(self.target).filter(|(own, _)| is_parameter(own, name));
                parameters.map(|(_, value)| Candidate::in_text(value)).collect()
            }
        }
    }

    /// The values of a field, one for each line.
    pub(crate) fn field_lines(&self, name: &str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The Cookie field without a cookie; empty if there was no other.
    pub(crate) fn cookies_without(&self, name: &str) -> String {
        let others: Vec<&str> = self
            .field_lines("cookie")
            .flat_map(|field| field.split(';').map(trimmed))
            .filter(|pair| !pair.is_empty() && trimmed(split_pair(pair).0) != name)
            .collect();
        others.join("; ")
    }

    /// The request target without a parameter of its query.
    pub(crate) fn target_without(&self, name: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let others: Vec<&str> =
            query.split('&').filter(|pair| !is_parameter(split_pair(pair).0, name)).collect();
        if others.is_empty() { path.to_owned() } else { alloc::format!("{path}?{}", others.join("&")) }
    }
}

/// What a field holds; nothing, if it is for something else than a token.
fn token_in_field<'r>(value: &'r str, prefix: &TokenPrefix) -> Option<Candidate<'r>> {
    match prefix {
        TokenPrefix::Nothing => Some(Candidate::in_text(value)),
        TokenPrefix::Text(text) => value.strip_prefix(text.as_str()).map(Candidate::in_text),
        TokenPrefix::Scheme(scheme) => {
            // A tab is no space here, and some take it for one: what follows it is then no token.
            let (own, token) = value.split_at_checked(value.find([' ', '\t']).unwrap_or(value.len()))?;
            if own.eq_ignore_ascii_case(scheme) {
                return Some(Candidate::in_text(token.trim_start_matches(' ')));
            }
            // A proxy that joined two fields made them one value: `Basic …,Bearer …` has to be no way in.
            value.contains(',').then_some(Candidate::SomethingElse)
        }
    }
}

impl<'r> Candidate<'r> {
    /// One token, as far as there is anything.
    fn in_text(text: &'r str) -> Self {
        if text.is_empty() { Candidate::SomethingElse } else { Candidate::Token(text) }
    }
}

fn is_token68(byte: u8) -> bool {
    // One bit for each byte below 128, since every byte of every token is asked.
    const fn bits(from: u8) -> u64 {
        let mut bits = 0;
        let mut rest: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
        while let [byte, others @ ..] = rest {
            if *byte & 64 == from {
                bits |= 1 << (*byte & 63);
            }
            rest = others;
        }
        bits
    }
    const LOW: u64 = bits(0);
    const HIGH: u64 = bits(64);
    let half = match byte {
        ..64 => LOW,
        64..128 => HIGH,
        _ => 0,
    };
    half >> (byte & 63) & 1 == 1
}

/// The names and values of a Cookie field (RFC 6265 §4.2.1), without the spaces that servers cut off.
fn cookies(field: &str) -> impl Iterator<Item = (&str, &str)> {
    field.split(';').map(split_pair).map(|(name, value)| (trimmed(name), trimmed(value)))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The names and values of a query, as forms write them.
fn parameters(target: &str) -> impl Iterator<Item = (&str, &str)> {
    target.split_once('?').map_or("", |(_, query)| query).split('&').map(split_pair)
}

fn split_pair(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// Whether a name in a query is this one, in whatever encoding: the service behind may decode it.
fn is_parameter(encoded: &str, name: &str) -> bool {
    let mut bytes = encoded.bytes();
    let mut decoded = core::iter::from_fn(|| {
        let byte = bytes.next()?;
        if byte != b'%' {
            return Some(byte);
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit()? << 4 | digit()?;
        u8::try_from(value).ok()
    });
    name.bytes().all(|byte| decoded.next() == Some(byte)) && decoded.next().is_none()
}

#[cfg(test)]
mod tests;
