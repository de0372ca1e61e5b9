//! Forms that clients post: what all endpoints ask of them before they read a parameter.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::{HeaderMap, Method};
use tessera_fetch::body::collect_stream;
use tessera_listener::tls::PeerCertificate;
use warp::reply::Response;

use super::error::OAuthError;
use super::request::{self, RequestError};
use super::{decision_log, response};

/// Longest request body, in bytes: the two longest tokens that one request can bring, an assertion beside the token
/// that it is about, and half as much for all the rest.
const MAX_BODY: usize = 24 * 1024;
/// Time for the whole body: it is one or two segments, so this covers their retransmission as the header's does.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What an endpoint makes of the header fields, the client's certificate and the form.
type Parse<T> = fn(&HeaderMap, Option<Arc<PeerCertificate>>, &[u8]) -> Result<T, RequestError>;

/// What a request says beside its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    /// Without the question mark; empty if there is none.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    /// What the client showed in the TLS handshake.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
}

/// Reads what a client posted, by the `parse` of the endpoint. What is no such request is recorded, and the error is its
/// answer.
pub(super) async fn read<T, S, D, E>(head: Head, body: S, parse: Parse<T>) -> Result<T, Response>
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    if let Some(response) = response::method_not_allowed(&[Method::POST], &head.method) {
        return Err(response);
    }
    let request = match form(&head, body).await {
        Ok(body) => parse(&head.headers, head.certificate, &body),
        Err(error) => Err(error),
    };
    request.map_err(|error| {
        let answer = OAuthError::from(&error);
        decision_log::malformed(&error, &answer);
        answer.into_response()
    })
}

/// The body of a posted form, still unread.
async fn form<S, D, E>(head: &Head, body: S) -> Result<Bytes, RequestError>
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    request::check_query(&head.query)?;
    request::check_content_type(&head.headers)?;
    Ok(collect_stream(body, MAX_BODY, BODY_DEADLINE).await?)
}
