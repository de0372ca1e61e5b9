//! A well-formed request for a token. What it says is unproven; that it says one thing is certain.

use std::fmt;
use std::sync::Arc;

use tessera_listener::tls::PeerCertificate;

use crate::domain::{ClientSecret, ScopeSet};

/// A request for a token: one grant, at most one way of client authentication.
#[derive(Debug)]
pub struct TokenRequest {
    /// On what grounds the client asks.
    pub grant: GrantType,
    /// Who it says it is, and how it proves that.
    pub client: ClientAuthentication,
    /// The audience asked for (`audience`, or `resource` of RFC 8707).
    pub audience: Option<String>,
    /// The scopes asked for; `None` for what the audience gives by default.
    pub scopes: Option<ScopeSet>,
}

/// `grant_type`.
#[derive(Debug)]
pub enum GrantType {
    /// `client_credentials` (RFC 6749 §4.4): for whom the client authentication proves.
    ClientCredentials,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1): for whom this assertion proves.
    JwtBearer(PresentedJwt),
    /// `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693 §2.1): for the client, on behalf of the subject of
    /// this token, which was made for the client.
    TokenExchange {
        /// `subject_token`.
        subject_token: PresentedJwt,
        /// `requested_token_type`, what the new token is to be called.
        requested: TokenType,
    },
}

/// What kind of token is traded, and for what kind (RFC 8693 §3). Access tokens of this server are JWTs, so that both
/// are true of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token.
    AccessToken,
    /// A JWT.
    Jwt,
}

/// How the client authenticates (RFC 6749 §2.3).
#[derive(Debug)]
pub enum ClientAuthentication {
    /// It does not; a `client_id` is then a name, which has to agree with what the grant proves (RFC 7521 §4.1).
    None {
        /// `client_id`.
        client: Option<String>,
    },
    /// By its secret (RFC 6749 §2.3.1).
    Secret {
        /// Where the secret was.
        place: SecretPlace,
        /// `client_id`.
        client: String,
        /// The secret, unchecked.
        secret: ClientSecret,
    },
    /// By `client_assertion` (RFC 7521 §4.2).
    Assertion {
        /// `client_assertion_type`.
        kind: ClientAssertionType,
        /// The JWT.
        assertion: PresentedJwt,
        /// `client_id`, which may be left out but must agree.
        client: Option<String>,
    },
    /// By the certificate that it showed on the TLS connection (RFC 8705 §2).
    Certificate {
        /// `client_id`, which nothing in a certificate has to say.
        client: String,
        /// The certificate; that the client has its key is proved.
        certificate: Arc<PeerCertificate>,
    },
}

/// Where a secret stands in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// `Authorization: Basic` (`client_secret_basic`).
    Header,
    /// `client_secret` in the form (`client_secret_post`).
    Form,
}

/// Which rules a `client_assertion` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAssertionType {
    /// A JWT (RFC 7523 §2.2).
    JwtBearer,
    /// A SPIFFE JWT-SVID (draft-ietf-oauth-spiffe-client-auth §3.1).
    JwtSpiffe,
}

/// A token that someone presented. `Debug` shows nothing of it.
pub struct PresentedJwt(String);

impl GrantType {
    /// The registered name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer(_) => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::TokenExchange { .. } => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// What the answer calls the token that it brings (`issued_token_type`), where it has to (RFC 8693 §2.2.1).
    #[must_use]
    pub const fn issued_token_type(&self) -> Option<TokenType> {
        match self {
            Self::ClientCredentials | Self::JwtBearer(_) => None,
            Self::TokenExchange { requested, .. } => Some(*requested),
        }
    }
}

impl TokenType {
    /// The registered name (RFC 8693 §3).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AccessToken, Self::Jwt].into_iter().find(|it| it.as_str() == name)
    }
}

impl ClientAuthentication {
    /// The client's name as the request has it.
    #[must_use]
    pub fn claimed_client(&self) -> Option<&str> {
        match self {
            Self::None { client } | Self::Assertion { client, .. } => client.as_deref(),
            Self::Secret { client, .. } | Self::Certificate { client, .. } => Some(client),
        }
    }

    /// How the client tries to prove itself, as far as the request alone tells.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None { .. } => "none",
            Self::Secret { place: SecretPlace::Header, .. } => "client_secret_basic",
            Self::Secret { place: SecretPlace::Form, .. } => "client_secret_post",
            Self::Assertion { kind: ClientAssertionType::JwtBearer, .. } => "private_key_jwt",
            Self::Assertion { kind: ClientAssertionType::JwtSpiffe, .. } => "spiffe_jwt",
            Self::Certificate { .. } => "tls_client_auth",
        }
    }
}

impl PresentedJwt {
    /// Takes a presented token.
    #[must_use]
    pub const fn new(token: String) -> Self {
        Self(token)
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresentedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedJwt(…)")
    }
}
