//! `POST /v1/token` (RFC 6749 §3.2).

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::StatusCode;
use serde::Serialize;
use warp::reply::Response;

use super::decision_log;
use super::error::OAuthError;
use super::form_request::{self, Head};
use super::request;
use super::response;
use crate::service::{TokenService, TokenType};

/// RFC 6749 §5.1, RFC 8693 §2.2.1.
#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// Answers one request, and leaves one record of it.
pub(super) async fn issue<S, D, E>(service: Arc<TokenService>, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let request = match form_request::read(head, body, request::parse).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    match service.issue(&request).await {
        Err(error) => {
            let answer = OAuthError::from(&error);
            decision_log::refused(&request, &error, &answer);
            answer.into_response()
        }
        Ok(granted) => {
            decision_log::issued(&request, &granted);
            let issued = granted.issued;
            response::no_store(response::json(
                StatusCode::OK,
                &TokenAnswer {
                    access_token: issued.token,
                    issued_token_type: request.grant.issued_token_type().map(TokenType::as_str),
                    token_type: "Bearer",
                    expires_in: issued.lifetime,
                    scope: issued.scope,
                },
            ))
        }
    }
}
