//! What changes in a message on its way through (RFC 9110 §7.6).

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version,
    header::{self, CONNECTION, HOST, VIA},
    uri::{Authority, PathAndQuery, Scheme},
};

/// Fields that are about one connection, whether or not `Connection` names them (RFC 9110 §7.6.1).
/// `TE` may stay when it says `trailers` and nothing else, and is dropped for simplicity's sake.
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The name under which this proxy appears in `Via` (RFC 9110 §7.6.3).
const VIA_NAME: HeaderValue = HeaderValue::from_static("1.1 tessera");

/// A request for the upstream: the same target and the same Host, over another connection.
pub(super) fn request<B>(request: Request<B>, upstream: &Authority) -> Result<Request<B>, http::Error> {
    let (mut parts, body) = request.into_parts();
    // In HTTP/2 the authority is no field; to the upstream it becomes one.
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(HOST, host);
    }
    let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri =
        Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone()).path_and_query(target).build()?;
    parts.version = Version::HTTP_11;
    remove_hop_by_hop(&mut parts.headers);
    parts.headers.append(VIA, VIA_NAME);
    Ok(Request::from_parts(parts, body))
}

/// An answer for the client.
pub(super) fn response<B>(mut response: Response<B>) -> Response<B> {
    remove_hop_by_hop(response.headers_mut());
    response
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_on_the_target_as_it_came_and_nothing_of_the_connection() {
        let original = Request::builder()
            .uri("/orders/%31?next=%2Fa")
            .header("host", "orders.example")
            .header("connection", "close, X-Secret")
            .header("x-secret", "1")
            .header("keep-alive", "5")
            .header("te", "gzip")
            .header("upgrade", "websocket")
            .header("authorization", "Bearer t")
            .body(())
            .unwrap();
        let passed = request(original, &Authority::from_static("127.0.0.1:9")).unwrap();
        assert_eq!(passed.uri(), "http://127.0.0.1:9/orders/%31?next=%2Fa");
        let headers: Vec<(&str, &[u8])> =
            passed.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(
            headers,
            [("host", b"orders.example".as_slice()), ("authorization", b"Bearer t"), ("via", b"1.1 tessera"),]
        );
    }

    #[test]
    fn names_the_http_2_authority_as_host() {
        let original = Request::builder().uri("http://orders.example/x").body(()).unwrap();
        let passed = request(original, &Authority::from_static("127.0.0.1:9")).unwrap();
        assert_eq!(passed.headers().get(HOST).unwrap(), "orders.example");
        assert_eq!(passed.uri(), "http://127.0.0.1:9/x");
    }
}
