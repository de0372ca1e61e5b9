//! A request, as a verifier is asked about it.

use http::HeaderMap;

/// A request as it arrived. Its fields hold tokens, so it does not show in logs.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The method.
    pub method: &'r str,
    /// The Host field or the authority.
    pub host: &'r str,
    /// Path and query, undecoded.
    pub target: &'r str,
    /// All header fields; the instance is given those that its policy requires.
    pub headers: &'r HeaderMap,
}

/// A request in plain text: what HTTP would not carry is for the verifier to refuse.
#[derive(Clone, Copy)]
pub struct PlainRequest<'r> {
    /// The method.
    pub method: &'r str,
    /// The Host field or the authority.
    pub host: &'r str,
    /// Path and query, undecoded.
    pub target: &'r str,
    /// All header fields; the instance is given those that its policy requires.
    pub headers: &'r [(&'r str, &'r str)],
}
