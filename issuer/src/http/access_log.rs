//! The access log, and the identifier that ties a request's log lines together.

use std::time::Instant;

use http::header::HeaderValue;
use http::{HeaderMap, Method};
use tessera_listener::Peer;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::domain::TokenId;
use crate::excerpt::excerpt;

/// The header that carries a request's identifier in and out.
const REQUEST_ID: &str = "x-request-id";
/// Longest identifier taken over from a request, in bytes: a UUID has 36, a W3C trace context 55.
const MAX_REQUEST_ID: usize = 64;
/// Bytes of a method and of a path that the log keeps; ours are far shorter.
const METHOD_SHOWN: usize = 16;
const PATH_SHOWN: usize = 256;

struct Started {
    at: Instant,
    method: Method,
    path: FullPath,
    id: String,
}

/// Logs each request of `filter` once it is answered, and gives the answer the request's identifier.
pub(super) fn log<F>(filter: F) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone
where
    F: Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static,
{
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .map(|method, path, headers: HeaderMap, peer: Option<Peer>| {
            let id = request_id(&headers);
            let span = tracing::Span::current();
            span.record("id", &*id);
            if let Some(Peer(address)) = peer {
                span.record("peer", tracing::field::display(address));
            }
            Started { at: Instant::now(), method, path, id }
        })
        .and(filter)
        .map(|started: Started, mut response: Response| {
            let Started { at, method, path, id } = started;
            tracing::info!(
                target: "access",
                method = excerpt(method.as_str(), METHOD_SHOWN),
                path = excerpt(path.as_str(), PATH_SHOWN),
                status = response.status().as_u16(),
                micros = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX),
            );
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            response.into_response()
        })
}

/// The identifier that a proxy in front gave, if it is one and not an attack on the log; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)))
        .map(str::to_owned)
        .or_else(|| TokenId::generate().ok().map(|id| id.as_str().to_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_identifiers_are_taken_over() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, value.parse().unwrap());
            request_id(&headers)
        };
        assert_eq!(with("a1-B_2.c"), "a1-B_2.c");
        for hostile in ["", "a b", "a\"b", "a=b", &"x".repeat(65)] {
            let id = with(hostile);
            assert_eq!(id.len(), 22, "{hostile:?} became {id:?}");
        }
    }
}
