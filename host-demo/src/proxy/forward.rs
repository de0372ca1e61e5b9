//! What changes in a message on its way through (RFC 9110 §7.6).

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING,
        UPGRADE, VIA,
    },
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Body;

use super::request::connection_options;

/// Fields that are about one connection, whether or not `Connection` names them (RFC 9110 §7.6.1).
/// `TE` may stay when it says `trailers` and nothing else, and is dropped for simplicity's sake.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    TE,
    // And with it the trailers, which some services merge into the header (RFC 9110 §6.5.1): nothing in them was
    // decided about.
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A request for the upstream: the authority that was decided about and the same target unless there is another,
/// over another connection. `permitted` makes the changes of the permit.
pub(super) fn request<B: Body>(
    request: Request<B>,
    authority: &Authority,
    upstream: &Authority,
    target: Option<&PathAndQuery>,
    permitted: impl FnOnce(&mut HeaderMap),
) -> Result<Request<B>, http::Error> {
    let (mut parts, body) = request.into_parts();
    let target =
        target.or(parts.uri.path_and_query()).cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri =
        Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone()).path_and_query(target).build()?;
    let headers = &mut parts.headers;
    // Before the permit's changes, or a Connection option could name a field that they set.
    remove_hop_by_hop(headers);
    permitted(headers);
    headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    if body.size_hint().exact().is_none() {
        // Said, since nobody expects a GET to have a body, which would otherwise be lost without a word.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    // The name under which this proxy appears, after the protocol that it received (RFC 9110 §7.6.3).
    let via = if parts.version == Version::HTTP_2 {
        join_cookies(headers)?;
        "2 tessera"
    } else {
        "1.1 tessera"
    };
    headers.append(VIA, HeaderValue::from_static(via));
    parts.version = Version::HTTP_11;
    Ok(Request::from_parts(parts, body))
}

/// An answer for the client.
pub(super) fn response<B>(mut response: Response<B>) -> Response<B> {
    remove_hop_by_hop(response.headers_mut());
    response
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Next to a Transfer-Encoding a Content-Length says nothing (RFC 9112 §6.3), and alone it would.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = connection_options(headers).collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// HTTP/2 splits the Cookie field for its compression; HTTP/1.1 has it once (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) -> Result<(), http::Error> {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let joined = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))?;
        headers.insert(COOKIE, joined);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, StreamBody};

    use super::*;

    type NoBody = Empty<&'static [u8]>;

    fn forwarded<B: Body>(original: Request<B>) -> (String, Vec<(String, String)>) {
        changed(original, None, |_| ())
    }

    fn changed<B: Body>(
        original: Request<B>,
        target: Option<&'static str>,
        permitted: impl FnOnce(&mut HeaderMap),
    ) -> (String, Vec<(String, String)>) {
        let (authority, upstream) =
            (Authority::from_static("orders.example"), Authority::from_static("127.0.0.1:9"));
        let target = target.map(PathAndQuery::from_static);
        let passed = request(original, &authority, &upstream, target.as_ref(), permitted).unwrap();
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        let headers = passed.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        (passed.uri().to_string(), headers)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn passes_on_the_target_as_it_came_and_nothing_of_the_connection() {
        let original = Request::builder()
            .uri("/orders/%31?next=%2Fa")
            .header("host", "orders.example")
            .header("connection", "close, X-Mine")
            .header("x-mine", "1")
            .header("keep-alive", "5")
            .header("te", "gzip")
            .header("upgrade", "websocket")
            .header("authorization", "Bearer t")
            .body(NoBody::new())
            .unwrap();
        let (uri, headers) = forwarded(original);
        assert_eq!(uri, "http://127.0.0.1:9/orders/%31?next=%2Fa");
        let expected =
            pairs(&[("host", "orders.example"), ("authorization", "Bearer t"), ("via", "1.1 tessera")]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn v36_a_connection_option_takes_nothing_from_what_the_permit_sets() {
        let original = Request::builder()
            .uri("/orders?access_token=t&next=1")
            .header("host", "orders.example")
            .header("x-roles", "forged")
            .header("connection", "x-roles")
            .body(NoBody::new())
            .unwrap();
        let (uri, headers) = changed(original, Some("/orders?next=1"), |headers| {
            assert!(!headers.contains_key("x-roles"));
            headers.insert("x-roles", HeaderValue::from_static("admin"));
        });
        assert_eq!(uri, "http://127.0.0.1:9/orders?next=1");
        let expected = [("host", "orders.example"), ("x-roles", "admin"), ("via", "1.1 tessera")];
        assert_eq!(headers, pairs(&expected));
    }

    #[test]
    fn turns_http_2_into_http_1() {
        let original = Request::builder()
            .version(Version::HTTP_2)
            .uri("http://orders.example/x")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(NoBody::new())
            .unwrap();
        let (uri, headers) = forwarded(original);
        assert_eq!(uri, "http://127.0.0.1:9/x");
        let expected = pairs(&[("cookie", "a=1; b=2"), ("host", "orders.example"), ("via", "2 tessera")]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn says_that_a_body_of_unknown_length_follows() {
        let chunks = chunks_of_unknown_length();
        let original = Request::builder()
            .uri("/x")
            .header("transfer-encoding", "chunked")
            .header("content-length", "5")
            .body(chunks)
            .unwrap();
        let (_, headers) = forwarded(original);
        let expected = [("host", "orders.example"), ("transfer-encoding", "chunked"), ("via", "1.1 tessera")];
        assert_eq!(headers, pairs(&expected));
    }

    fn chunks_of_unknown_length() -> impl Body {
        StreamBody::new(futures_util::stream::empty::<Result<hyper::body::Frame<&'static [u8]>, String>>())
    }

    #[test]
    fn an_answer_has_one_length() {
        let original = Response::builder()
            .header("transfer-encoding", "chunked")
            .header("content-length", "5")
            .header("connection", "x-mine")
            .header("x-mine", "1")
            .header("etag", "\"a\"")
            .body(())
            .unwrap();
        let passed = response(original);
        let names: Vec<&str> = passed.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["etag"]);
    }
}
