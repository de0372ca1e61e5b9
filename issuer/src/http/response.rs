//! Responses, with the headers that none of them goes without.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use warp::Reply;
use warp::reply::Response;

/// Headers that no response of this server goes without: it serves data, never a page, to no frame and no script.
const ALWAYS: [(HeaderName, HeaderValue); 2] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// An answer in JSON.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let mut response = warp::reply::json(body).into_response();
    *response.status_mut() = status;
    with_security_headers(response)
}

/// An answer that is written already.
pub(super) fn content(media_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    with_security_headers(response)
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    with_security_headers(warp::reply::with_status(warp::reply(), status).into_response())
}

/// Nothing lives at that path.
pub(super) fn not_found() -> Response {
    no_store(json(StatusCode::NOT_FOUND, &json!({ "error": "not_found" })))
}

/// The `405` for a method that is none of `allowed` (RFC 9110 §15.5.6).
pub(super) fn method_not_allowed(allowed: &'static [Method], method: &Method) -> Option<Response> {
    if allowed.contains(method) {
        return None;
    }
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let mut response =
        no_store(json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "method_not_allowed" })));
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    Some(response)
}

/// Kept by nobody (RFC 6749 §5.1).
pub(super) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, value);
    }
    response
}
