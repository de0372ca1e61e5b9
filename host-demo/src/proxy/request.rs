//! What a request has to be like before anything is decided about it: one that the verifier, this proxy
//! and the upstream cannot understand differently.

use http::{
    HeaderMap, HeaderName, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST},
    uri::Authority,
};

/// Fields that a `Connection` option must not name: they are for whoever answers the request, and taken
/// out on the way they would let it mean something else there than what was decided about.
const END_TO_END: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST];

/// A request that is refused before any decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("CONNECT asks for a tunnel, which has no path to decide about")]
    Tunnel,
    #[error("a request is for one host: it has no usable authority, or several Host fields (RFC 9112 §3.2)")]
    Host,
    #[error("a Connection option names `{0}`, which is not about the connection (RFC 9110 §7.6.1)")]
    ConnectionOption(HeaderName),
}

impl Malformed {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Tunnel => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host | Self::ConnectionOption(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Checks a request, and returns the authority that it is for.
pub(super) fn check<B>(request: &Request<B>) -> Result<Authority, Malformed> {
    if request.method() == Method::CONNECT {
        return Err(Malformed::Tunnel);
    }
    if let Some(name) = connection_options(request.headers()).find(|name| END_TO_END.contains(name)) {
        return Err(Malformed::ConnectionOption(name));
    }
    let authority = match request.uri().authority() {
        // HTTP/2, or the absolute form, next to which a Host field does not count (RFC 9112 §3.2.2).
        Some(authority) => Some(authority.clone()),
        None => only_host(request.headers()),
    };
    authority.filter(|authority| !authority.as_str().contains('@')).ok_or(Malformed::Host)
}

fn only_host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        _ => None,
    }
}

/// The options of the `Connection` fields: names of fields that end here.
pub(super) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(uri: &str, headers: &[(&str, &str)]) -> Result<String, Malformed> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap()).map(|authority| authority.to_string())
    }

    #[test]
    fn a_request_is_for_one_host() {
        assert_eq!(checked("/x", &[("host", "orders.example:80")]).unwrap(), "orders.example:80");
        assert_eq!(checked("http://a.example/x", &[("host", "b.example")]).unwrap(), "a.example");
        for headers in [
            &[][..],
            &[("host", "a.example"), ("host", "a.example")],
            &[("host", "")],
            &[("host", "a b")],
            &[("host", "user@a.example")],
        ] {
            assert_eq!(checked("/x", headers), Err(Malformed::Host), "{headers:?}");
        }
    }

    #[test]
    fn a_connection_option_takes_nothing_from_the_upstream() {
        for name in END_TO_END {
            let option = format!("close, {}", name.as_str().to_ascii_uppercase());
            let headers = [("host", "a.example"), ("connection", &option)];
            assert_eq!(checked("/x", &headers), Err(Malformed::ConnectionOption(name)));
        }
        assert!(checked("/x", &[("host", "a.example"), ("connection", "close, x-mine")]).is_ok());
    }

    #[test]
    fn a_tunnel_is_refused() {
        let request = Request::connect("a.example:443").body(()).unwrap();
        assert_eq!(check(&request), Err(Malformed::Tunnel));
    }
}
