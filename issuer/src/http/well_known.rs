//! What verifiers and clients read once and keep: the key set and the server's metadata; and what probes ask.
//!
//! Every verifier polls them, and they change with the state only: they are written once for each of its revisions.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use warp::reply::Response;

use super::{metadata, response};
use crate::domain::{KEY_SET_MAX_AGE, key_set_max_age};
use crate::service::TokenService;

/// How long the metadata may be kept, in seconds: as long as the keys at most.
const METADATA_MAX_AGE: u64 = KEY_SET_MAX_AGE;

/// The methods of a document.
pub(super) const READ: &[Method] = &[Method::GET, Method::HEAD];

/// The documents of one server, as of its latest state.
#[derive(Debug)]
pub(super) struct Documents {
    service: Arc<TokenService>,
    written: Mutex<Option<Written>>,
}

/// A document at a well-known path (RFC 8615).
#[derive(Clone, Copy, Debug)]
pub(super) enum WellKnown {
    /// `/.well-known/jwks.json` (RFC 7517 §5).
    Keys,
    /// `/.well-known/oauth-authorization-server` (RFC 8414 §3).
    AuthorizationServer,
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4).
    OpenId,
}

/// All of them, of one revision.
#[derive(Clone, Debug)]
struct Written {
    revision: i64,
    keys: Document,
    authorization_server: Document,
    openid: Document,
}

/// A document as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Document {
    media_type: &'static str,
    body: Bytes,
    /// A strong validator (RFC 9110 §8.8.3).
    etag: Option<HeaderValue>,
}

impl Documents {
    pub(super) fn new(service: &Arc<TokenService>) -> Self {
        Self { service: Arc::clone(service), written: Mutex::default() }
    }

    /// Answers a request for one of them.
    pub(super) fn answer(&self, which: WellKnown, method: &Method, headers: &HeaderMap) -> Response {
        if let Some(response) = response::method_not_allowed(READ, method) {
            return response;
        }
        // Before the snapshot is taken: a newer one does no harm.
        let age = self.service.state_age();
        let written = self.current();
        let (document, max_age) = match which {
            WellKnown::Keys => (written.keys, key_set_max_age(age)),
            WellKnown::AuthorizationServer => (written.authorization_server, Some(METADATA_MAX_AGE)),
            WellKnown::OpenId => (written.openid, Some(METADATA_MAX_AGE)),
        };
        match max_age {
            Some(max_age) => document.answer(method, headers, max_age),
            None => outdated(),
        }
    }

    /// The keys of an old snapshot are still the keys, for some time: verifiers are served even while no token is issued.
    fn current(&self) -> Written {
        let snapshot = self.service.latest();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let before = written.take().filter(|before| before.revision == snapshot.revision);
        let current = before.unwrap_or_else(|| {
            let metadata = metadata::authorization_server(&self.service, &snapshot);
            Written {
                revision: snapshot.revision,
                keys: Document::new("application/jwk-set+json", &json!(snapshot.keyring.published())),
                authorization_server: Document::new("application/json", &metadata),
                openid: Document::new("application/json", &metadata::openid_configuration(&metadata)),
            }
        });
        written.insert(current).clone()
    }
}

impl Document {
    fn new(media_type: &'static str, value: &serde_json::Value) -> Self {
        Self::of(media_type, Bytes::from(value.to_string()))
    }

    /// A document that is written already.
    pub(super) fn of(media_type: &'static str, body: Bytes) -> Self {
        let hash = digest::digest(&digest::SHA256, &body);
        let etag = HeaderValue::try_from(format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash))).ok();
        Self { media_type, body, etag }
    }

    pub(super) fn answer(self, method: &Method, headers: &HeaderMap, max_age: u64) -> Response {
        let mut response = if self.is_known(headers) {
            response::empty(StatusCode::NOT_MODIFIED)
        } else if method == Method::HEAD {
            // As for GET, but for the content (RFC 9110 §9.3.2).
            let mut response = response::content(self.media_type, Bytes::new());
            response.headers_mut().insert(CONTENT_LENGTH, self.body.len().into());
            response
        } else {
            response::content(self.media_type, self.body)
        };
        if let Some(etag) = self.etag {
            response.headers_mut().insert(ETAG, etag);
        }
        let age = format!("public, max-age={max_age}");
        if let Ok(age) = HeaderValue::try_from(age) {
            response.headers_mut().insert(CACHE_CONTROL, age);
        }
        response
    }

    /// `If-None-Match` compares weakly (RFC 9110 §13.1.2).
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(etag) = self.etag.as_ref().and_then(|etag| etag.to_str().ok()) else { return false };
        let fields = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        fields
            .flat_map(|field| field.split(','))
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
    }
}

/// There may be a key by now that this server does not know. Verifiers go on with what they have, or ask another replica.
fn outdated() -> Response {
    let error = json!({ "error": "temporarily_unavailable" });
    response::no_store(response::json(StatusCode::SERVICE_UNAVAILABLE, &error))
}

/// `GET /healthz`: the process answers.
pub(super) fn alive(method: &Method) -> Response {
    response::method_not_allowed(READ, method)
        .unwrap_or_else(|| response::no_store(response::json(StatusCode::OK, &json!({ "status": "alive" }))))
}

/// `GET /readyz`: tokens can be issued, from a state that is fresh and with a key that signs, and by a server that stays.
pub(super) fn ready(service: &TokenService, method: &Method) -> Response {
    if let Some(response) = response::method_not_allowed(READ, method) {
        return response;
    }
    let (status, text) = match service.snapshot() {
        _ if service.is_stopping() => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stale"),
    };
    response::no_store(response::json(status, &json!({ "status": text })))
}
