//! Requests that HTTP forbids and the HTTP library lets pass.

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, Request, Response, StatusCode, Version};

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// RFC 9112 §3.2.
    #[error("an HTTP/1.1 request without a Host field")]
    NoHost,
    /// RFC 9112 §3.2.
    #[error("a request with more than one Host field")]
    SeveralHosts,
    /// RFC 9112 §3.2.
    #[error("a Host field that is not a host and a port")]
    Host,
    /// A coding other than `chunked`, which would be handed on as if it had been undone (RFC 9112 §6.1).
    #[error("a Transfer-Encoding other than chunked")]
    TransferCoding,
}

/// Checks the header of a request.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Fault> {
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => return Err(Fault::NoHost),
        (_, Some(_)) => return Err(Fault::SeveralHosts),
        (Some(host), None) if !is_host(host.as_bytes()) => return Err(Fault::Host),
        _ => {}
    }
    if is_coded(headers) { Err(Fault::TransferCoding) } else { Ok(()) }
}

/// A host with or without a port, or nothing, which stands for an authority that the target does not have.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) => !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => true,
    }
}

impl Fault {
    /// The answer: without a body, and the last on its connection.
    pub(super) fn response(self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = match self {
            Self::NoHost | Self::SeveralHosts | Self::Host => StatusCode::BAD_REQUEST,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
        };
        response.headers_mut().insert(CONNECTION, http::HeaderValue::from_static("close"));
        response
    }
}
