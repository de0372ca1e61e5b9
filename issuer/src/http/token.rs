//! `POST /v1/token` (RFC 6749 §3.2).

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::Stream;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use tessera_net::body::collect_stream;
use warp::reply::Response;

use super::answer;
use super::error::OAuthError;
use super::record;
use super::request::{self, RequestError};
use crate::service::{TokenRequest, TokenService};
use tessera_net::tls::PeerCertificate;

/// Longest request body, in bytes: the longest assertion, twice, for what the encoding adds.
const MAX_BODY: usize = 16 * 1024;
/// Time for the whole body: it is one or two segments, so this covers their retransmission as the header's does.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

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

/// Answers one request, and leaves one record of it.
pub(super) async fn exchange<S, D, E>(service: Arc<TokenService>, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    if let Some(response) = answer::other_than(&[Method::POST], &head.method) {
        return response;
    }
    let request = match read(head, body).await {
        Ok(request) => request,
        Err(error) => {
            let answer = OAuthError::from(&error);
            record::malformed(&error, &answer);
            return answer.into_response();
        }
    };
    match service.exchange(&request).await {
        Err(error) => {
            let answer = OAuthError::from(&error);
            record::refused(&request, &error, &answer);
            answer.into_response()
        }
        Ok(granted) => {
            record::issued(&request, &granted);
            let issued = granted.issued;
            answer::no_store(answer::json(
                StatusCode::OK,
                &TokenAnswer {
                    access_token: issued.token,
                    token_type: "Bearer",
                    expires_in: issued.lifetime,
                    scope: issued.scope,
                },
            ))
        }
    }
}

async fn read<S, D, E>(head: Head, body: S) -> Result<TokenRequest, RequestError>
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    request::check_query(&head.query)?;
    request::check_content_type(&head.headers)?;
    let body = collect_stream(body, MAX_BODY, BODY_DEADLINE).await?;
    request::parse(&head.headers, head.certificate, &body)
}
