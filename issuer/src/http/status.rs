//! `GET /v1/status/{list}`: status lists (draft-ietf-oauth-status-list §8).

use std::sync::Arc;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use warp::path::FullPath;
use warp::reply::Response;

use super::form::names;
use super::path::STATUS_LISTS;
use super::response;
use super::well_known::{Document, READ};
use crate::service::{ListError, SignedList, TokenService};

/// The media type of a status list token (draft §8.2).
const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// The parameter by which one asks for a list of the past (draft §8.4), which is not kept.
const TIME: &str = "time";

/// What a request for a list says.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) path: FullPath,
    pub(super) method: Method,
    /// Without the question mark; empty if there is none.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
}

/// The name of the list in `path`, which is below `prefix` or at the root; `None` if the path is of something else.
pub(super) fn list_of<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let below_prefix = path.strip_prefix(prefix).and_then(|path| path.strip_prefix(STATUS_LISTS));
    let list = below_prefix.or_else(|| path.strip_prefix(STATUS_LISTS))?;
    Some(list.strip_suffix('/').unwrap_or(list))
}

/// Answers one request.
pub(super) async fn answer(service: Arc<TokenService>, asked: Asked) -> Response {
    let Asked { path, method, query, headers } = asked;
    if let Some(response) = response::method_not_allowed(READ, &method) {
        return response;
    }
    if names(&query).any(|name| name.is_some_and(|name| name == TIME)) {
        return failed(StatusCode::NOT_IMPLEMENTED, "not_implemented");
    }
    let list = list_of(path.as_str(), service.issuer().path()).and_then(|list| list.parse().ok());
    let Some(list) = list else { return response::not_found() };
    match service.status_list(list).await {
        Ok(list) => signed(list, &method, &headers),
        Err(ListError::Unknown) => response::not_found(),
        Err(error) => {
            tracing::error!(error = tessera_fetch::chain(&error), %list, "cannot publish a status list");
            failed(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
    }
}

fn signed(list: SignedList, method: &Method, headers: &HeaderMap) -> Response {
    let document = Document::of(MEDIA_TYPE, list.token);
    let mut response = document.answer(method, headers, list.ttl.as_seconds());
    // Verifiers may run in a browser (draft §8.1).
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn failed(status: StatusCode, error: &'static str) -> Response {
    response::no_store(response::json(status, &json!({ "error": error })))
}
