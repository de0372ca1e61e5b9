//! Errors to OAuth errors: the one place where a reason becomes what the caller sees (RFC 6749 §5.2, RFC 8707 §2).

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;
use tessera_fetch::body::BodyError;
use warp::reply::Response;

use super::form::FormError;
use super::request::RequestError;
use super::response;
use crate::domain::Refusal;
use crate::service::TokenError;

/// Sent with every 401 (RFC 6749 §5.2, RFC 9110 §11.6.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="tessera", charset="UTF-8""#);

/// What the caller learns: a status, the standard's code, and a sentence that gives nothing away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OAuthError {
    status: StatusCode,
    code: &'static str,
    description: &'static str,
}

impl OAuthError {
    const fn new(status: StatusCode, code: &'static str, description: &'static str) -> Self {
        Self { status, code, description }
    }

    const fn invalid_request(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    const fn invalid_client() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed")
    }

    const fn invalid_target(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_target", description)
    }

    const fn invalid_scope(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    const fn subject_token() -> Self {
        Self::invalid_request("the subject token is not accepted")
    }

    const fn unavailable() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "temporarily_unavailable", "the server cannot decide at the moment; try again")
    }

    const fn server_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the server failed")
    }

    /// The code of RFC 6749 §5.2, or of RFC 8707 §2.
    pub(super) const fn code(self) -> &'static str {
        self.code
    }

    /// The answer.
    pub(super) fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = response::no_store(response::json(self.status, &body));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

impl From<&RequestError> for OAuthError {
    fn from(error: &RequestError) -> Self {
        match error {
            RequestError::Query => {
                Self::invalid_request("parameters belong into the body, not into the query")
            }
            RequestError::ContentType => {
                Self::invalid_request("the body must be application/x-www-form-urlencoded")
            }
            RequestError::Body(BodyError::TooLarge { .. }) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is too large")
            }
            RequestError::Body(BodyError::Deadline { .. }) => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request", "the body came too slowly")
            }
            RequestError::Body(BodyError::Broken { .. }) => Self::invalid_request("the body broke off"),
            RequestError::Form(FormError::Malformed) => Self::invalid_request("the form is malformed"),
            RequestError::Form(FormError::TooMany) => Self::invalid_request("there are too many parameters"),
            RequestError::Form(FormError::Repeated { .. }) => {
                Self::invalid_request("a parameter is repeated")
            }
            RequestError::NoGrantType => Self::invalid_request("grant_type is missing"),
            RequestError::GrantType => Self::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "the grant_type is not supported",
            ),
            RequestError::NoAssertion => Self::invalid_request("assertion is missing"),
            RequestError::NoSubjectToken => {
                Self::invalid_request("subject_token or subject_token_type is missing")
            }
            RequestError::TokenType => {
                Self::invalid_request("only access tokens of this server are exchanged, for others")
            }
            RequestError::ActorToken => {
                Self::invalid_request("the client itself is the actor: no actor_token is taken")
            }
            RequestError::NoToken => Self::invalid_request("token is missing"),
            // What cannot be read or is not offered is an unsupported method (RFC 6749 §5.2).
            RequestError::NoAuthentication | RequestError::Authorization | RequestError::AssertionType => {
                Self::invalid_client()
            }
            RequestError::SecretOfNobody => Self::invalid_request("client_id is missing"),
            RequestError::HalfAssertion => {
                Self::invalid_request("client_assertion and client_assertion_type come together only")
            }
            RequestError::TwoMethods => Self::invalid_request("the client authenticates in two ways at once"),
            RequestError::RepeatedAuthorization => {
                Self::invalid_request("the Authorization header is repeated")
            }
            RequestError::ClientMismatch => {
                Self::invalid_request("client_id is not the client that authenticates")
            }
            RequestError::Scope(_) => Self::invalid_scope("the scope is malformed"),
            RequestError::Resource => {
                Self::invalid_target("resource must be an absolute URI without a fragment")
            }
            RequestError::SeveralResources => {
                Self::invalid_target("there are several resources; a token is for one")
            }
            RequestError::SeveralAudiences => {
                Self::invalid_target("there are several audiences; a token is for one")
            }
            RequestError::TwoTargets => Self::invalid_target("resource and audience name different targets"),
        }
    }
}

impl From<&TokenError> for OAuthError {
    fn from(error: &TokenError) -> Self {
        match error {
            TokenError::Stale(_) | TokenError::Status(_) | TokenError::Unrecorded(_) => Self::unavailable(),
            TokenError::Assertion(error) | TokenError::ClientAssertion(error) if error.is_ours() => {
                Self::unavailable()
            }
            TokenError::Authentication(_) | TokenError::Certificate(_) | TokenError::ClientAssertion(_) => {
                Self::invalid_client()
            }
            TokenError::Assertion(_) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_grant", "the assertion is not accepted")
            }
            // RFC 8693 §2.2.2, whatever is wrong with it.
            TokenError::SubjectToken { .. } => Self::subject_token(),
            TokenError::Refused { refusal, .. } => Self::from(refusal),
            TokenError::NoKeyOf(_)
            | TokenError::Validation(_)
            | TokenError::Signing(_)
            | TokenError::Random(_) => Self::server_error(),
        }
    }
}

impl From<&Refusal> for OAuthError {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            // As if it had not been enabled a moment earlier, when it proved itself.
            Refusal::ClientDisabled => Self::invalid_client(),
            // `invalid_target` is for a resource that is missing, too (RFC 8707 §2).
            Refusal::NoAudience => Self::invalid_target("audience (or resource) is missing"),
            // One answer for all: whether a name exists is not for everyone to learn.
            Refusal::UnknownAudience
            | Refusal::AudienceDisabled
            | Refusal::NotGranted
            | Refusal::GrantExpired
            | Refusal::NotExchangeable => Self::invalid_target("the client may not call this audience"),
            Refusal::SubjectForAnother { .. } => Self::subject_token(),
            Refusal::ActsTwice | Refusal::TooManyActors { .. } => {
                Self::invalid_request("the subject token has been exchanged as often as it may be")
            }
            Refusal::NothingToTrade | Refusal::ScopeNotTraded { .. } => {
                Self::invalid_scope("the scope exceeds what the subject token can be exchanged for")
            }
            Refusal::ScopeNotGranted { .. } => Self::invalid_scope("the scope exceeds what is granted"),
        }
    }
}
