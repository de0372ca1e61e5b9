//! `POST /v1/introspect` (RFC 7662, RFC 9701).

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::decision_log;
use super::error::OAuthError;
use super::form_request::{self, Head};
use super::request::{self, AboutToken};
use super::response;
use crate::service::{AnswerFormat, Introspection, TokenError, TokenService};

const JSON: &str = "application/json";
const JWT: &str = "application/token-introspection+jwt";

/// Answers one request, and leaves one record of it.
pub(super) async fn introspect<S, D, E>(service: Arc<TokenService>, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let format = format(&head.headers);
    let question = match form_request::read(head, body, request::parse_about_token).await {
        Ok(question) => question,
        Err(response) => return response,
    };
    match decide(&service, &question, format).await {
        Err(error) => {
            let answer = OAuthError::from(&error);
            decision_log::not_answered(&question, &error, &answer);
            answer.into_response()
        }
        Ok((introspection, response)) => {
            decision_log::introspected(&introspection);
            response
        }
    }
}

async fn decide(
    service: &TokenService,
    question: &AboutToken,
    format: AnswerFormat,
) -> Result<(Introspection, Response), TokenError> {
    let introspection = service.introspect(&question.client, question.token.as_str(), format).await?;
    let response = match format {
        AnswerFormat::Json => response::json(StatusCode::OK, &introspection.members()),
        AnswerFormat::Jwt => {
            let signed = service.sign_introspection(&introspection).await?;
            response::content(JWT, Bytes::from(signed))
        }
    };
    Ok((introspection, response::no_store(response)))
}

/// A JWT for who asks for one (RFC 9701 §4) and would not rather have JSON. Media ranges with `*` ask for neither.
fn format(headers: &HeaderMap) -> AnswerFormat {
    let (mut jwt, mut json) = (0.0, 0.0);
    let fields = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in fields.flat_map(|field| field.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // RFC 9110 §12.4.2. One that cannot be read asks for nothing.
        let weight: f32 = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if media_type.eq_ignore_ascii_case(JWT) {
            jwt = weight;
        } else if media_type.eq_ignore_ascii_case(JSON) {
            json = weight;
        }
    }
    if jwt > 0.0 && jwt >= json { AnswerFormat::Jwt } else { AnswerFormat::Json }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_jwt_is_for_who_asks_for_one() {
        for (accept, expected) in [
            (None, AnswerFormat::Json),
            (Some("*/*"), AnswerFormat::Json),
            (Some("application/*"), AnswerFormat::Json),
            (Some("application/json"), AnswerFormat::Json),
            (Some("application/token-introspection+jwt"), AnswerFormat::Jwt),
            (Some("Application/Token-Introspection+JWT;q=0.1"), AnswerFormat::Jwt),
            (Some("application/json, application/token-introspection+jwt"), AnswerFormat::Jwt),
            (Some("application/json;q=0.5,application/token-introspection+jwt ; q=0.4"), AnswerFormat::Json),
            (Some("application/token-introspection+jwt;q=0"), AnswerFormat::Json),
            (Some("application/token-introspection+jwt;q=x"), AnswerFormat::Json),
            (Some("application/token-introspection+jwt2"), AnswerFormat::Json),
        ] {
            let value = accept.map(HeaderValue::from_static);
            let headers = value.into_iter().map(|value| (ACCEPT, value)).collect();
            assert_eq!(format(&headers), expected, "{accept:?}");
        }
    }
}
