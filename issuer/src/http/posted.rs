//! Forms that clients post: what all endpoints ask of them before they read a parameter.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::{HeaderMap, Method};
use tessera_net::body::collect_stream;
use tessera_net::tls::PeerCertificate;

use super::request::{self, RequestError};

/// Longest request body, in bytes: the two longest tokens that one request can bring, an assertion beside the token
/// that it is about, and half as much for all the rest.
const MAX_BODY: usize = 24 * 1024;
/// Time for the whole body: it is one or two segments, so this covers their retransmission as the header's does.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

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

/// The body of a posted form, still unread.
pub(super) async fn form<S, D, E>(head: &Head, body: S) -> Result<Bytes, RequestError>
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    request::check_query(&head.query)?;
    request::check_content_type(&head.headers)?;
    Ok(collect_stream(body, MAX_BODY, BODY_DEADLINE).await?)
}
