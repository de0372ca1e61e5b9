//! A token request as it comes over the wire: headers, query and form to [`TokenRequest`].

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tessera_fetch::body::BodyError;
use url::Url;

use super::form::{Form, FormError, decode, names};
use crate::domain::{ClientSecret, ScopeError, ScopeSet};
use crate::service::{
    ClientAssertionType, ClientAuthentication, GrantType, PresentedJwt, SecretPlace, TokenRequest, TokenType,
};
use tessera_listener::tls::PeerCertificate;

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ASSERTION_JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ASSERTION_JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
const FORM: &str = "application/x-www-form-urlencoded";

/// What belongs into the form and nowhere else. RFC 6749 §2.3.1 says so of credentials, since queries end up in the
/// logs of everything on the way; the rest would be ignored there, which nobody who wrote it there expects. The
/// second line has the credentials of grants that are not offered here: they leak all the same.
const OF_THE_FORM: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "audience",
    "resource",
    "scope",
    "code",
    "code_verifier",
    "refresh_token",
    "username",
    "password",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "actor_token",
    "actor_token_type",
    "token",
    "device_code",
];

/// A request about a token: what it is worth (RFC 7662 §2.1), or that it should be worth nothing (RFC 7009 §2.1).
#[derive(Debug)]
pub(super) struct AboutToken {
    /// Who asks, and how it proves that.
    pub(super) client: ClientAuthentication,
    /// The token. What the client takes it for (`token_type_hint`) makes no difference: there is one kind.
    pub(super) token: PresentedJwt,
}

/// Why a request is none that an endpoint takes. The answer never repeats what it said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// A parameter in the query (RFC 6749 §2.3.1).
    #[error("there is a parameter of the form in the query")]
    Query,
    /// The body is something else than a form.
    #[error("there is not one content type, {FORM}")]
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
    /// `subject_token` or `subject_token_type` is missing (RFC 8693 §2.1).
    #[error("there is no subject_token, or no subject_token_type")]
    NoSubjectToken,
    /// `subject_token_type` or `requested_token_type` is one that this server knows no tokens of.
    #[error("the subject_token_type or requested_token_type is not supported")]
    TokenType,
    /// `actor_token`: who acts is the client, which proves itself otherwise.
    #[error("there is an actor_token")]
    ActorToken,
    /// `token` is missing.
    #[error("there is no token")]
    NoToken,
    /// The client brings nothing to prove itself.
    #[error("there is no client authentication")]
    NoAuthentication,
    /// Two ways of authentication at once (RFC 6749 §2.3).
    #[error("the client authenticates in two ways at once")]
    TwoMethods,
    /// `Authorization` occurs twice.
    #[error("the Authorization header is repeated")]
    RepeatedAuthorization,
    /// `Authorization` is not Basic as RFC 6749 §2.3.1 encodes it.
    #[error("the Authorization header is not well-formed Basic")]
    Authorization,
    /// `client_secret` without `client_id` (RFC 6749 §2.3.1).
    #[error("there is a client_secret, but no client_id")]
    SecretOfNobody,
    /// Only one of `client_assertion` and `client_assertion_type` (RFC 7521 §4.2).
    #[error("client_assertion and client_assertion_type come together only")]
    HalfAssertion,
    /// `client_assertion_type` is one that this server does not take.
    #[error("the client_assertion_type is not supported")]
    AssertionType,
    /// `client_id` is not the client that authenticates.
    #[error("the client_id is not the client that authenticates")]
    ClientMismatch,
    /// `scope` breaks the grammar of RFC 6749 §3.3.
    #[error("the scope is malformed")]
    Scope(#[from] ScopeError),
    /// `resource` is not an absolute URI without a fragment (RFC 8707 §2).
    #[error("the resource is not an absolute URI without a fragment")]
    Resource,
    /// `resource` occurs several times; a token here is for one.
    #[error("there are several resources")]
    SeveralResources,
    /// `audience` occurs several times; a token here is for one.
    #[error("there are several audiences")]
    SeveralAudiences,
    /// `resource` and `audience` name two targets; a token here has one.
    #[error("resource and audience name different targets")]
    TwoTargets,
}

/// Whether the query is free of what belongs into the form. RFC 6749 §3.2 lets the endpoint's URL have a query, so
/// others are left alone.
pub(super) fn check_query(query: &str) -> Result<(), RequestError> {
    let fits =
        |name: Option<_>| name.is_some_and(|name: std::borrow::Cow<'_, str>| !OF_THE_FORM.contains(&&*name));
    if names(query).all(fits) { Ok(()) } else { Err(RequestError::Query) }
}

/// Whether the body is announced as a form; parameters such as a charset do not matter.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    // Of two, whoever is in between may have read the other one (RFC 9110 §5.3).
    let (Some(field), None) = (fields.next(), fields.next()) else { return Err(RequestError::ContentType) };
    let essence = field.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(FORM) { Ok(()) } else { Err(RequestError::ContentType) }
}

/// Reads the request out of its headers and form. `certificate` is what the client showed on the connection.
pub(super) fn parse(
    headers: &HeaderMap,
    certificate: Option<Arc<PeerCertificate>>,
    body: &[u8],
) -> Result<TokenRequest, RequestError> {
    let mut form = Form::parse(body, &["resource", "audience"])?;
    let grant_type = form.take("grant_type").ok_or(RequestError::NoGrantType)?;
    let client = authentication(headers, certificate, &mut form)?;
    let grant = match &*grant_type {
        CLIENT_CREDENTIALS | TOKEN_EXCHANGE if matches!(client, ClientAuthentication::None { .. }) => {
            return Err(RequestError::NoAuthentication);
        }
        CLIENT_CREDENTIALS => GrantType::ClientCredentials,
        JWT_BEARER => {
            GrantType::JwtBearer(PresentedJwt::new(form.take("assertion").ok_or(RequestError::NoAssertion)?))
        }
        TOKEN_EXCHANGE => token_exchange(&mut form)?,
        _ => return Err(RequestError::GrantType),
    };
    // RFC 8693 §2.1 lets `audience` occur again, RFC 6749 §3.2 nothing.
    if form.repeats("audience") {
        return Err(match grant {
            GrantType::TokenExchange { .. } => RequestError::SeveralAudiences,
            _ => FormError::Repeated { name: "audience".to_owned() }.into(),
        });
    }
    let scopes = form.take("scope").map(|text| text.parse::<ScopeSet>()).transpose()?;
    let audience = audience(&mut form)?;
    Ok(TokenRequest { grant, client, audience, scopes })
}

/// What is to be exchanged (RFC 8693 §2.1).
fn token_exchange(form: &mut Form<'_>) -> Result<GrantType, RequestError> {
    if form.take("actor_token").is_some() || form.take("actor_token_type").is_some() {
        return Err(RequestError::ActorToken);
    }
    let (Some(token), Some(kind)) = (form.take("subject_token"), form.take("subject_token_type")) else {
        return Err(RequestError::NoSubjectToken);
    };
    let token_type = |name: &str| TokenType::from_name(name).ok_or(RequestError::TokenType);
    token_type(&kind)?;
    let requested = form.take("requested_token_type").map(|name| token_type(&name)).transpose()?;
    let requested = requested.unwrap_or(TokenType::AccessToken);
    Ok(GrantType::TokenExchange { subject_token: PresentedJwt::new(token), requested })
}

/// Reads a request about a token out of its headers and form.
pub(super) fn parse_about_token(
    headers: &HeaderMap,
    certificate: Option<Arc<PeerCertificate>>,
    body: &[u8],
) -> Result<AboutToken, RequestError> {
    let mut form = Form::parse(body, &[])?;
    let client = authentication(headers, certificate, &mut form)?;
    if matches!(client, ClientAuthentication::None { .. }) {
        return Err(RequestError::NoAuthentication);
    }
    let token = form.take("token").map(PresentedJwt::new).ok_or(RequestError::NoToken)?;
    Ok(AboutToken { client, token })
}

/// The one way in which the client authenticates (RFC 6749 §2.3).
///
/// A certificate is one only if nothing else is and `client_id` says whose it should be (RFC 8705 §2): beside another
/// method it is that of the connection, where a proxy or a mesh may have put it (RFC 8705 §1 keeps the two apart).
fn authentication(
    headers: &HeaderMap,
    certificate: Option<Arc<PeerCertificate>>,
    form: &mut Form<'_>,
) -> Result<ClientAuthentication, RequestError> {
    let client = form.take("client_id");
    let basic = basic(headers)?;
    let secret = form.take("client_secret").map(ClientSecret::presented);
    let assertion = match (form.take("client_assertion"), form.take("client_assertion_type")) {
        (Some(assertion), Some(kind)) => Some((assertion, kind)),
        (None, None) => None,
        _ => return Err(RequestError::HalfAssertion),
    };
    match (basic, secret, assertion) {
        (Some((basic, _)), None, None) if client.as_ref().is_some_and(|client| *client != basic) => {
            Err(RequestError::ClientMismatch)
        }
        (Some((client, secret)), None, None) => {
            Ok(ClientAuthentication::Secret { place: SecretPlace::Header, client, secret })
        }
        (None, Some(secret), None) => {
            let client = client.ok_or(RequestError::SecretOfNobody)?;
            Ok(ClientAuthentication::Secret { place: SecretPlace::Form, client, secret })
        }
        (None, None, Some((assertion, kind))) => {
            let kind = match &*kind {
                ASSERTION_JWT_BEARER => ClientAssertionType::JwtBearer,
                ASSERTION_JWT_SPIFFE => ClientAssertionType::JwtSpiffe,
                _ => return Err(RequestError::AssertionType),
            };
            Ok(ClientAuthentication::Assertion { kind, assertion: PresentedJwt::new(assertion), client })
        }
        (None, None, None) => Ok(match (client, certificate) {
            (Some(client), Some(certificate)) => ClientAuthentication::Certificate { client, certificate },
            (client, _) => ClientAuthentication::None { client },
        }),
        _ => Err(RequestError::TwoMethods),
    }
}

/// `Authorization: Basic`, whose halves are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, ClientSecret)>, RequestError> {
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
        let secret = decode(secret.strip_prefix(b":")?)?.into_owned();
        Some((decode(client)?.into_owned(), ClientSecret::presented(secret)))
    };
    read().map(Some).ok_or(RequestError::Authorization)
}

/// Whom the token is for, as `audience` says or `resource` (RFC 8707 §2).
fn audience(form: &mut Form<'_>) -> Result<Option<String>, RequestError> {
    if form.repeats("resource") {
        return Err(RequestError::SeveralResources);
    }
    let (audience, resource) = (form.take("audience"), form.take("resource"));
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn there_is_one_content_type() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, HeaderValue::from_static(FORM));
        assert!(check_content_type(&headers).is_ok());
        for second in [FORM, "application/json"] {
            let mut headers = headers.clone();
            headers.append(CONTENT_TYPE, HeaderValue::from_static(second));
            assert!(matches!(check_content_type(&headers), Err(RequestError::ContentType)), "{second}");
        }
    }
}
