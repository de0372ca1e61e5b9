//! The public endpoints, as warp filters.
//!
//! Each endpoint matches on its path alone and answers every method itself, so nothing is rejected and retried and
//! every answer, 404 and 405 too, is one of ours.

mod access_log;
mod decision_log;
mod error;
mod form;
mod form_request;
mod introspect;
mod metadata;
mod openapi;
mod path;
mod request;
mod response;
mod revoke;
mod status;
mod token;
mod well_known;

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use ::http::{HeaderMap, Method};
use form_request::Head;
pub use openapi::document as openapi_document;
pub use path::endpoints;
use status::Asked;
use tracing::field::Empty;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};
use well_known::{Documents, WellKnown};

use crate::service::TokenService;

/// All endpoints of one issuer.
///
/// They answer at the root and, if the issuer identifier has a path, below that path too: whether a reverse proxy
/// in front strips the path is its own affair. Metadata is also found where RFC 8414 §3.1 inserts it before the
/// issuer's path.
pub fn routes(service: &Arc<TokenService>) -> BoxedFilter<(Response,)> {
    let prefix = service.issuer().path().to_owned();
    let below = |path: &str| [path.to_owned(), format!("{prefix}{path}")];
    let inserted = |path: &str| format!("{path}{prefix}");
    let state = {
        let service = Arc::clone(service);
        warp::any().map(move || Arc::clone(&service))
    };

    let token = at(below(path::TOKEN))
        .and(state.clone())
        .and(posted_head())
        .and(warp::body::stream())
        .then(token::issue);
    let introspection = at(below(path::INTROSPECTION))
        .and(state.clone())
        .and(posted_head())
        .and(warp::body::stream())
        .then(introspect::introspect);
    let revoke = at(below(path::REVOCATION))
        .and(state.clone())
        .and(posted_head())
        .and(warp::body::stream())
        .then(revoke::revoke);
    let status = status_list(service.issuer().path()).and(state.clone()).and(asked()).then(status::answer);
    let documents = Arc::new(Documents::new(service));
    let document = |places: Vec<String>, which: WellKnown| {
        let documents = Arc::clone(&documents);
        at(places)
            .and(warp::method())
            .and(warp::header::headers_cloned())
            .map(move |method: Method, headers: HeaderMap| documents.answer(which, &method, &headers))
            .boxed()
    };
    let keys = document(below(path::JWKS).into(), WellKnown::Keys);
    let metadata = |path: &str, which| document([&below(path)[..], &[inserted(path)]].concat(), which);
    let oauth = metadata(path::OAUTH_METADATA, WellKnown::AuthorizationServer);
    let openid = metadata(path::OPENID_METADATA, WellKnown::OpenId);
    let healthz = at(["/healthz".to_owned()])
        .and(warp::method())
        .then(async |method: Method| well_known::alive(&method));
    let readyz = at(["/readyz".to_owned()])
        .and(state)
        .and(warp::method())
        .then(async |service: Arc<TokenService>, method: Method| well_known::ready(&service, &method));
    let openapi =
        at(below(path::OPENAPI)).and(warp::method()).then(async |method: Method| openapi::answer(&method));
    let nowhere = warp::any().then(async || response::not_found()).boxed();

    token
        .or(revoke)
        .unify()
        .or(status)
        .unify()
        .or(keys)
        .unify()
        .or(oauth)
        .unify()
        .or(openid)
        .unify()
        .or(healthz)
        .unify()
        .or(readyz)
        .unify()
        .or(introspection)
        .unify()
        .or(openapi)
        .unify()
        .or(nowhere)
        .unify()
        .with(warp::wrap_fn(access_log::log))
        .with(warp::trace(|_| tracing::info_span!("request", id = Empty, peer = Empty)))
        .map(warp::Reply::into_response)
        .boxed()
}

/// Matches the paths of status lists.
fn status_list(prefix: &str) -> impl Filter<Extract = (), Error = Rejection> + Clone + use<> {
    let prefix: Arc<str> = prefix.into();
    warp::path::full()
        .and_then(move |full: FullPath| {
            let matches = status::list_of(full.as_str(), &prefix).is_some();
            ready(if matches { Ok(()) } else { Err(warp::reject::not_found()) })
        })
        .untuple_one()
}

/// All of a request for a status list.
fn asked() -> impl Filter<Extract = (Asked,), Error = Infallible> + Clone {
    warp::path::full()
        .and(warp::method())
        .and(query())
        .and(warp::header::headers_cloned())
        .map(|path, method, query, headers| Asked { path, method, query, headers })
}

/// The query, without its question mark; empty if there is none.
fn query() -> impl Filter<Extract = (String,), Error = Infallible> + Clone {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// All of a posted form but its body.
fn posted_head() -> impl Filter<Extract = (Head,), Error = Infallible> + Clone {
    warp::method()
        .and(query())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .map(|method, query, headers, certificate| Head { method, query, headers, certificate })
}

/// Matches exactly these paths; a slash at the end makes no difference. One comparison of the whole path, where
/// `warp::path` would take a boxed filter for each of its parts.
fn at(paths: impl Into<Arc<[String]>>) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    let paths = paths.into();
    warp::path::full()
        .and_then(move |full: FullPath| {
            let full = full.as_str();
            let full = full.strip_suffix('/').unwrap_or(full);
            let matches = paths.iter().any(|path| path == full);
            ready(if matches { Ok(()) } else { Err(warp::reject::not_found()) })
        })
        .untuple_one()
}

#[cfg(test)]
mod tests;
