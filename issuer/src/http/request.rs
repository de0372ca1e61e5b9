//! A token request as it comes over the wire: form and headers to [`TokenRequest`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tessera_net::body::BodyError;
use url::Url;

use super::form::{Form, FormError, decode};
use crate::domain::{ClientSecret, Method, ScopeError, ScopeSet};
use crate::service::{Credentials, Presented, Proof, TokenRequest};

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";

/// Why a request is not a token request. The answer never repeats what it said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The body is something else than a form.
    #[error("the content type is not {FORM}")]
    ContentType,
    /// The body did not arrive whole.
    #[error("the body could not be read")]
    Body(#[from] BodyError),
    /// The body is not a form, or an ambiguous one.
    #[error("the body is not a form")]
    Form(#[from] FormError),
    /// `grant_type` is missing.
    #[error("there is no grant_type")]
    NoGrantType,
    /// `grant_type` is one that this server does not offer.
    #[error("the grant_type is not supported")]
    GrantType,
    /// `assertion` is missing.
    #[error("there is no assertion")]
    NoAssertion,
    /// The client brings nothing to prove itself.
    #[error("there are no client credentials")]
    NoCredentials,
    /// Two ways of authentication at once (RFC 6749 §2.3).
    #[error("the client authenticates in two ways at once")]
    TwoMethods,
    /// `Authorization` occurs twice.
    #[error("the Authorization header is repeated")]
    RepeatedAuthorization,
    /// `Authorization` is not Basic as RFC 6749 §2.3.1 encodes it.
    #[error("the Authorization header is not well-formed Basic")]
    Authorization,
    /// `client_id` is not the client that authenticates.
    #[error("the client_id is not the client that authenticates")]
    ClientMismatch,
    /// `scope` breaks the grammar of RFC 6749 §3.3.
    #[error("the scope is malformed")]
    Scope(#[from] ScopeError),
    /// `resource` is not an absolute URI without a fragment (RFC 8707 §2).
    #[error("the resource is not an absolute URI without a fragment")]
    Resource,
    /// `resource` and `audience` name two targets; a token here has one.
    #[error("resource and audience name different targets")]
    TwoTargets,
}

/// Whether the body is announced as a form; parameters such as a charset do not matter.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(FORM) { Ok(()) } else { Err(RequestError::ContentType) }
}

/// Reads the request out of its headers and form.
pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<TokenRequest, RequestError> {
    let mut form = Form::parse(body)?;
    let grant_type = form.take("grant_type").ok_or(RequestError::NoGrantType)?;
    let client = form.take("client_id");
    let credentials = credentials(headers, client.as_deref(), form.take("client_secret"))?;
    let proof = match &*grant_type {
        CLIENT_CREDENTIALS => Proof::Secret(credentials.ok_or(RequestError::NoCredentials)?),
        JWT_BEARER => Proof::Assertion {
            assertion: Presented::new(form.take("assertion").ok_or(RequestError::NoAssertion)?),
            client,
            credentials,
        },
        _ => return Err(RequestError::GrantType),
    };
    let scopes = form.take("scope").map(|text| text.parse::<ScopeSet>()).transpose()?;
    let audience = audience(form.take("audience"), form.take("resource"))?;
    Ok(TokenRequest { proof, audience, scopes })
}

fn credentials(
    headers: &HeaderMap,
    client: Option<&str>,
    secret: Option<String>,
) -> Result<Option<Credentials>, RequestError> {
    match (basic(headers)?, client, secret) {
        (Some(_), _, Some(_)) => Err(RequestError::TwoMethods),
        (Some(basic), Some(client), None) if basic.client != client => Err(RequestError::ClientMismatch),
        (Some(basic), _, None) => Ok(Some(basic)),
        (None, Some(client), Some(secret)) => Ok(Some(Credentials {
            client: client.to_owned(),
            secret: ClientSecret::presented(secret),
            method: Method::SecretPost,
        })),
        // A secret of nobody.
        (None, None, Some(_)) => Err(RequestError::NoCredentials),
        (None, _, None) => Ok(None),
    }
}

/// `Authorization: Basic`, whose halves are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, RequestError> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(RequestError::RepeatedAuthorization);
    }
    let read = || {
        let (scheme, encoded) = field.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let (client, secret) = decoded.split_at(colon);
        let secret = decode(secret.strip_prefix(b":")?)?;
        let secret = ClientSecret::presented(secret);
        Some(Credentials { client: decode(client)?, secret, method: Method::SecretBasic })
    };
    read().map(Some).ok_or(RequestError::Authorization)
}

fn audience(audience: Option<String>, resource: Option<String>) -> Result<Option<String>, RequestError> {
    if let Some(resource) = &resource {
        let absolute = Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if !absolute {
            return Err(RequestError::Resource);
        }
        if audience.as_ref().is_some_and(|audience| audience != resource) {
            return Err(RequestError::TwoTargets);
        }
    }
    Ok(audience.or(resource))
}
