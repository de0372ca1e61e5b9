//! What the public endpoints take and answer, as an OpenAPI 3.1 document: published at [`OPENAPI`](super::path::OPENAPI), kept in
//! `docs/openapi.json`, and held against the running server by schemathesis.
//!
//! The types and functions here exist to be described. Nothing constructs or calls them: the server reads forms that
//! serde would accept too much of, and its answers are made where they are given.
#![expect(dead_code, reason = "described, never constructed; see the module's documentation")]
#![expect(unused_qualifications, reason = "what utoipa's macros write")]

mod forms;

use std::sync::LazyLock;

use http::{Method, StatusCode};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};
use warp::reply::Response;

use self::forms::{AboutTokenForm, TokenForm, TokenTypeIdentifier};
use super::response;

/// `GET /openapi.json`.
pub(super) fn answer(method: &Method) -> Response {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::to_value(Api::openapi()).unwrap_or_default());
    response::method_not_allowed(&[Method::GET, Method::HEAD], method)
        .unwrap_or_else(|| response::no_store(response::json(StatusCode::OK, &*DOCUMENT)))
}

/// The document, indented, with a line end.
#[must_use]
pub fn document() -> String {
    // Strings, numbers and maps with text keys: there is nothing in it that JSON cannot say.
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tessera token server",
        description = "Access tokens for services: who may call whom, with which scopes (RFC 6749, 7523, 8693, 8705, \
                       8707, 9068). The metadata says which of the ways to authenticate a server offers.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(token, introspect, revoke, status, keys, oauth_metadata, openid_metadata, openapi, healthz, readyz),
    modifiers(&Security)
)]
struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some(
                "client_secret_basic: client id and secret, each form-encoded (RFC 6749 §2.3.1)",
            ))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("client_secret_basic", SecurityScheme::Http(basic));
    }
}

/// A token.
///
/// The client authenticates in exactly one way: by `Authorization: Basic`, by `client_secret` in the form, by a
/// `client_assertion`, or by the certificate of its TLS connection. Parameters that the server does not know are
/// ignored, those without a value count as absent, and none may occur twice (RFC 6749 §3.2). Nothing is read from the
/// query.
#[utoipa::path(
    post,
    path = "/v1/token",
    operation_id = "token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Issued (RFC 6749 §5.1)", body = TokenAnswer,
            headers(("cache-control" = String, description = "`no-store`"), ("pragma" = String))),
        (status = 400, description = "Refused (RFC 6749 §5.2, RFC 8707 §2)", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 401, description = "The client is not authenticated: `invalid_client`", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 408, description = "The body came too slowly: `invalid_request`", body = OAuthError),
        (status = 413, description = "The body is above 24 KiB: `invalid_request`", body = OAuthError),
        (status = 500, description = "The server failed: `server_error`", body = OAuthError),
        (status = 503, description = "It cannot decide at the moment: `temporarily_unavailable`", body = OAuthError),
    ),
    security(("client_secret_basic" = []), ()),
)]
fn token() {}

/// Tells what a token is worth (RFC 7662).
///
/// To the one that it is for, or to its holder, authenticated as for a token. To anyone else, and of whatever is no good
/// token, nothing but `active: false` is told. Who accepts `application/token-introspection+jwt` gets the same signed
/// (RFC 9701), if the token is for it.
#[utoipa::path(
    post,
    path = "/v1/introspect",
    operation_id = "introspect",
    request_body(content = AboutTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth (RFC 7662 §2.2)",
            content(
                (Introspection = "application/json"),
                (SignedIntrospection = "application/token-introspection+jwt"),
            ),
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 400, description = "Refused (RFC 7662 §2.3)", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 401, description = "The client is not authenticated: `invalid_client`", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 408, description = "The body came too slowly: `invalid_request`", body = OAuthError),
        (status = 413, description = "The body is above 24 KiB: `invalid_request`", body = OAuthError),
        (status = 500, description = "The server failed: `server_error`", body = OAuthError),
        (status = 503, description = "It cannot tell at the moment: `temporarily_unavailable`", body = OAuthError),
    ),
    security(("client_secret_basic" = []), ()),
)]
fn introspect() {}

/// Revokes a token (RFC 7009).
///
/// For the client that holds the token, or the one that it is for, authenticated as for a token. The answer is the same
/// whether there was something to revoke or not.
#[utoipa::path(
    post,
    path = "/v1/revoke",
    operation_id = "revoke",
    request_body(content = AboutTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is good for nothing, as far as it is the client's business",
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 400, description = "Refused (RFC 7009 §2.2.1)", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 401, description = "The client is not authenticated: `invalid_client`", body = OAuthError,
            headers(("cache-control" = String, description = "`no-store`"))),
        (status = 408, description = "The body came too slowly: `invalid_request`", body = OAuthError),
        (status = 413, description = "The body is above 24 KiB: `invalid_request`", body = OAuthError),
        (status = 500, description = "The server failed: `server_error`", body = OAuthError),
        (status = 503, description = "Not revoked, try again: `temporarily_unavailable`", body = OAuthError),
    ),
    security(("client_secret_basic" = []), ()),
)]
fn revoke() {}

/// A status list (draft-ietf-oauth-status-list §8): one bit for each token, 1 for those that are revoked.
#[utoipa::path(
    get,
    path = "/v1/status/{list}",
    operation_id = "status",
    params(("list" = String, Path, description = "The list that a token names", example = "AAAAAAAA")),
    responses(
        (status = 200, description = "A status list token, for as long as `cache-control` says", body = String,
            content_type = "application/statuslist+jwt",
            headers(("etag" = String), ("cache-control" = String), ("access-control-allow-origin" = String))),
        (status = 304, description = "It is the one that `If-None-Match` names"),
        (status = 404, description = "There is none, or all its tokens have expired", body = Failed),
        (status = 501, description = "A list of another time is asked for (`time`)", body = Failed),
        (status = 503, description = "It cannot be told what is revoked now", body = Failed),
    ),
)]
fn status() {}

/// The public keys that tokens are verified with (RFC 7517 §5).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "keys",
    responses(
        (status = 200, description = "The key set", body = KeySet, content_type = "application/jwk-set+json",
            headers(("etag" = String), ("cache-control" = String))),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    ),
)]
fn keys() {}

/// The metadata (RFC 8414 §3).
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "metadata",
    responses(
        (status = 200, description = "The metadata", body = Metadata,
            headers(("etag" = String), ("cache-control" = String))),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    ),
)]
fn oauth_metadata() {}

/// The same metadata where OpenID Connect Discovery 1.0 §4 looks for it.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "openid_metadata",
    responses(
        (status = 200, description = "The metadata", body = Metadata,
            headers(("etag" = String), ("cache-control" = String))),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    ),
)]
fn openid_metadata() {}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Value, headers(("cache-control" = String))),
    ),
)]
fn openapi() {}

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    responses((status = 200, description = "It does", body = Health)),
)]
fn healthz() {}

/// Whether tokens can be issued.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "The state is too old to decide from, or the server is about to stop", body = Health),
    ),
)]
fn readyz() {}

/// Why there is no document.
#[derive(ToSchema)]
struct Failed {
    error: String,
}

/// A token and what its holder needs to know of it (RFC 6749 §5.1).
#[derive(ToSchema)]
struct TokenAnswer {
    /// A JWT as RFC 9068 has it.
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    access_token: String,
    /// What kind of token it is, where it was exchanged for another (RFC 8693 §2.2.1).
    #[schema(inline)]
    issued_token_type: Option<TokenTypeIdentifier>,
    #[schema(inline)]
    token_type: TokenType,
    /// Seconds until it expires.
    #[schema(minimum = 1, maximum = 3600)]
    expires_in: u64,
    /// Its scopes, space-separated; absent if it has none.
    #[schema(min_length = 1)]
    scope: Option<String>,
}

#[derive(ToSchema)]
enum TokenType {
    Bearer,
}

/// What a token is worth (RFC 7662 §2.2). All but `active` is absent if that is nothing. Further claims of the token may
/// be there.
#[derive(ToSchema)]
struct Introspection {
    active: bool,
    #[schema(inline)]
    token_type: Option<TokenType>,
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<String>,
    client_id: Option<String>,
    iat: Option<u64>,
    exp: Option<u64>,
    jti: Option<String>,
    /// The scopes that its grant still holds.
    scope: Option<String>,
    /// Who acts for the subject, and inside that who did before (RFC 8693 §4.1).
    act: Option<Value>,
}

/// A JWT whose `token_introspection` is an `Introspection` (RFC 9701 §5).
#[derive(ToSchema)]
#[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
struct SignedIntrospection(String);

/// Why there is no token (RFC 6749 §5.2).
#[derive(ToSchema)]
struct OAuthError {
    #[schema(inline)]
    error: ErrorCode,
    /// For people. It never repeats the request, and tells no more than the code does.
    error_description: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum ErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    InvalidTarget,
    ServerError,
    TemporarilyUnavailable,
}

/// Authorization server metadata (RFC 8414 §2). Further members may come.
#[derive(ToSchema)]
struct Metadata {
    #[schema(format = "uri")]
    issuer: String,
    #[schema(format = "uri")]
    token_endpoint: String,
    #[schema(format = "uri")]
    jwks_uri: String,
    #[schema(format = "uri")]
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    introspection_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    introspection_signing_alg_values_supported: Option<Vec<String>>,
    #[schema(format = "uri")]
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    revocation_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    #[schema(min_items = 1)]
    grant_types_supported: Vec<String>,
    #[schema(min_items = 1)]
    token_endpoint_auth_methods_supported: Vec<String>,
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    /// Empty: there is no authorization endpoint.
    #[schema(max_items = 0)]
    response_types_supported: Vec<String>,
}

/// A JWK Set (RFC 7517 §5).
#[derive(ToSchema)]
struct KeySet {
    keys: Vec<Key>,
}

/// A public key (RFC 7517 §4).
#[derive(ToSchema)]
struct Key {
    kty: String,
    kid: String,
    alg: String,
    #[schema(rename = "use")]
    usage: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// What probes read.
#[derive(ToSchema)]
struct Health {
    status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = include_str!("../../../docs/openapi.json");

    #[test]
    fn the_published_document_is_current() {
        assert_eq!(PUBLISHED, document(), "write it anew: tessera openapi > docs/openapi.json");
    }

    #[test]
    fn it_is_openapi_3_1() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let form = &document["components"]["schemas"]["JwtBearerForm"]["required"];
        assert_eq!(form, &serde_json::json!(["grant_type", "assertion"]));
    }
}
