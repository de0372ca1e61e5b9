//! `POST /v1/revoke` (RFC 7009 §2).

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::StatusCode;
use warp::reply::Response;

use super::decision_log;
use super::error::OAuthError;
use super::form_request::{self, Head};
use super::request;
use super::response;
use crate::service::TokenService;

/// Answers one request, and leaves one record of it.
pub(super) async fn revoke<S, D, E>(service: Arc<TokenService>, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let request = match form_request::read(head, body, request::parse_about_token).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    match service.revoke(&request.client, &request.token).await {
        // One answer for all (RFC 7009 §2.2): the token is good for nothing, or is none of this client's business.
        Ok(asked) => {
            decision_log::revoked(&asked);
            response::no_store(response::empty(StatusCode::OK))
        }
        Err(error) => {
            let answer = OAuthError::from(&error);
            decision_log::not_revoked(&request.client, &error, &answer);
            answer.into_response()
        }
    }
}
