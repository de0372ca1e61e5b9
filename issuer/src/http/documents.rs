//! What verifiers and clients read once and keep: the key set and the server's metadata; and what probes ask.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use warp::reply::Response;

use super::answer;
use super::request::{CLIENT_CREDENTIALS, JWT_BEARER};
use crate::domain::{Scope, UnixTime};
use crate::service::TokenService;

/// How long the documents may be kept. A key is published as *next* for longer than this before it signs, so
/// nobody meets a token whose key they could not know.
pub(crate) const DOCUMENT_MAX_AGE_SECONDS: u64 = 300;

/// The methods of a document.
const READ: &[Method] = &[Method::GET, Method::HEAD];

/// `GET /.well-known/jwks.json` (RFC 7517 §5).
pub(super) fn keys(service: &TokenService, method: &Method, headers: &HeaderMap, now: UnixTime) -> Response {
    if let Some(response) = answer::other_than(READ, method) {
        return response;
    }
    // The keys of an old snapshot are still the keys: verifiers are served even while no token is issued.
    let set = service.latest().keyring.published(now);
    document(&json!(set), "application/jwk-set+json", headers)
}

/// The authorization server metadata (RFC 8414 §2).
pub(super) fn metadata(service: &TokenService, method: &Method, headers: &HeaderMap) -> Response {
    if let Some(response) = answer::other_than(READ, method) {
        return response;
    }
    let issuer = service.issuer();
    let snapshot = service.latest();
    let clients = snapshot.directory.clients();
    let scopes: BTreeSet<&str> =
        clients.iter().flat_map(|client| client.audience.scopes.keys()).map(Scope::as_str).collect();
    let metadata = json!({
        "issuer": issuer.as_str(),
        "token_endpoint": issuer.token_endpoint(),
        "jwks_uri": issuer.jwks_uri(),
        "grant_types_supported": [CLIENT_CREDENTIALS, JWT_BEARER],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes,
        "response_types_supported": [],
    });
    document(&metadata, "application/json", headers)
}

/// `GET /healthz`: the process answers.
pub(super) fn alive(method: &Method) -> Response {
    answer::other_than(READ, method)
        .unwrap_or_else(|| answer::no_store(answer::json(StatusCode::OK, &json!({ "status": "alive" }))))
}

/// `GET /readyz`: tokens can be issued, from a state that is fresh and with a key that signs.
pub(super) fn ready(service: &TokenService, method: &Method) -> Response {
    if let Some(response) = answer::other_than(READ, method) {
        return response;
    }
    let (status, text) = match service.snapshot() {
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stale"),
    };
    answer::no_store(answer::json(status, &json!({ "status": text })))
}

/// A document that may be kept, with a strong validator (RFC 9110 §8.8.3).
fn document(body: &serde_json::Value, media_type: &'static str, headers: &HeaderMap) -> Response {
    let hash = digest::digest(&digest::SHA256, body.to_string().as_bytes());
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash));
    let mut response = if is_known(headers, &etag) {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut response = answer::json(StatusCode::OK, body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    };
    let age = format!("public, max-age={DOCUMENT_MAX_AGE_SECONDS}");
    for (name, value) in [(ETAG, etag), (CACHE_CONTROL, age)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `If-None-Match` compares weakly (RFC 9110 §13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let fields = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}
