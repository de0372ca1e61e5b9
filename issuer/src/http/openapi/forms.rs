//! The forms that clients post.

use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What a token request says: the form of one grant.
pub(super) struct TokenForm;

impl PartialSchema for TokenForm {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(ClientCredentialsForm::name()))
            .item(Ref::from_schema_name(JwtBearerForm::name()))
            .item(Ref::from_schema_name(TokenExchangeForm::name()))
            .into()
    }
}

impl ToSchema for TokenForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ClientCredentialsForm::name().into(), ClientCredentialsForm::schema()));
        schemas.push((JwtBearerForm::name().into(), JwtBearerForm::schema()));
        schemas.push((TokenExchangeForm::name().into(), TokenExchangeForm::schema()));
    }
}

/// `client_credentials` (RFC 6749 §4.4).
#[derive(ToSchema)]
struct ClientCredentialsForm {
    #[schema(inline)]
    grant_type: ClientCredentials,
    /// Whom the token is for. It or `resource` must be there; if both are, they are equal.
    #[schema(min_length = 1, example = "orders")]
    audience: Option<String>,
    /// Whom the token is for, as an absolute URI without a fragment (RFC 8707 §2).
    #[schema(format = "uri")]
    resource: Option<String>,
    /// The scopes asked for, space-separated; without it, the default ones (RFC 6749 §3.3).
    #[schema(pattern = r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", example = "orders:read")]
    scope: Option<String>,
    /// Who asks. Needed beside `client_secret` and with a TLS certificate.
    #[schema(min_length = 1)]
    client_id: Option<String>,
    /// `client_secret_post` (RFC 6749 §2.3.1).
    #[schema(min_length = 1, format = "password")]
    client_secret: Option<String>,
    /// What kind `client_assertion` is of (RFC 7521 §4.2).
    #[schema(inline)]
    client_assertion_type: Option<ClientAssertionType>,
    /// A JWT that proves the client: of its own key, or of a platform that it trusts (RFC 7523 §2.2).
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    client_assertion: Option<String>,
}

/// A platform's JWT as the grant (RFC 7523 §2.1).
#[derive(ToSchema)]
struct JwtBearerForm {
    #[schema(inline)]
    grant_type: JwtBearer,
    /// The JWT.
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    assertion: String,
    /// Whom the token is for. It or `resource` must be there; if both are, they are equal.
    #[schema(min_length = 1, example = "orders")]
    audience: Option<String>,
    /// Whom the token is for, as an absolute URI without a fragment (RFC 8707 §2).
    #[schema(format = "uri")]
    resource: Option<String>,
    /// The scopes asked for, space-separated; without it, the default ones (RFC 6749 §3.3).
    #[schema(pattern = r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", example = "orders:read")]
    scope: Option<String>,
    /// Who asks; it may be left out, but must agree (RFC 7521 §4.1).
    #[schema(min_length = 1)]
    client_id: Option<String>,
}

/// A token that the client was called with, for one on behalf of the same subject (RFC 8693 §2.1). The client
/// authenticates as for `client_credentials`.
#[derive(ToSchema)]
struct TokenExchangeForm {
    #[schema(inline)]
    grant_type: TokenExchange,
    /// An access token of this server whose audience is the client.
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    subject_token: String,
    #[schema(inline)]
    subject_token_type: TokenTypeIdentifier,
    /// What the answer is to call the new token.
    #[schema(inline)]
    requested_token_type: Option<TokenTypeIdentifier>,
    /// Whom the token is for. It or `resource` must be there; if both are, they are equal.
    #[schema(min_length = 1, example = "stock")]
    audience: Option<String>,
    /// Whom the token is for, as an absolute URI without a fragment (RFC 8707 §2).
    #[schema(format = "uri")]
    resource: Option<String>,
    /// The scopes asked for, space-separated; without it, all that those of the subject token are traded for.
    #[schema(pattern = r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", example = "stock:reserve")]
    scope: Option<String>,
    /// Who asks. Needed beside `client_secret` and with a TLS certificate.
    #[schema(min_length = 1)]
    client_id: Option<String>,
    /// `client_secret_post` (RFC 6749 §2.3.1).
    #[schema(min_length = 1, format = "password")]
    client_secret: Option<String>,
    /// What kind `client_assertion` is of (RFC 7521 §4.2).
    #[schema(inline)]
    client_assertion_type: Option<ClientAssertionType>,
    /// A JWT that proves the client: of its own key, or of a platform that it trusts (RFC 7523 §2.2).
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    client_assertion: Option<String>,
}

/// A token: to be told what it is worth (RFC 7662 §2.1), or to be worth nothing from now on (RFC 7009 §2.1).
#[derive(ToSchema)]
pub(super) struct AboutTokenForm {
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// What kind of token it is. Ignored: there is one kind.
    token_type_hint: Option<String>,
    /// Who asks. Needed beside `client_secret` and with a TLS certificate.
    #[schema(min_length = 1)]
    client_id: Option<String>,
    /// `client_secret_post` (RFC 6749 §2.3.1).
    #[schema(min_length = 1, format = "password")]
    client_secret: Option<String>,
    /// What kind `client_assertion` is of (RFC 7521 §4.2).
    #[schema(inline)]
    client_assertion_type: Option<ClientAssertionType>,
    /// A JWT that proves the client: of its own key, or of a platform that it trusts (RFC 7523 §2.2).
    #[schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$")]
    client_assertion: Option<String>,
}

#[derive(ToSchema)]
enum ClientCredentials {
    #[schema(rename = "client_credentials")]
    ClientCredentials,
}

#[derive(ToSchema)]
enum JwtBearer {
    #[schema(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

#[derive(ToSchema)]
enum TokenExchange {
    #[schema(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

/// RFC 8693 §3. Access tokens here are JWTs, so that both are true.
#[derive(ToSchema)]
pub(super) enum TokenTypeIdentifier {
    #[schema(rename = "urn:ietf:params:oauth:token-type:access_token")]
    AccessToken,
    #[schema(rename = "urn:ietf:params:oauth:token-type:jwt")]
    Jwt,
}

#[derive(ToSchema)]
enum ClientAssertionType {
    #[schema(rename = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
    JwtBearer,
    #[schema(rename = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe")]
    JwtSpiffe,
}
