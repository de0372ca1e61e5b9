//! The token decision.

use super::directory::Directory;
use super::id::ClientId;
use super::issuer::IssuerId;
use super::scope::{Scope, ScopeSet};
use super::secret::{ClientSecret, RandomError, SecretHash, random};
use super::time::UnixTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of randomness in a token's `jti`: 128 bits, which do not collide in any realistic number of tokens.
const TOKEN_ID_BYTES: usize = 16;

/// A client that has proved itself. Only an authentication can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    client: ClientId,
    method: Method,
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By its secret (RFC 6749 §2.3.1).
    Secret,
    /// By an assertion of an issuer it trusts (RFC 7523).
    Assertion,
}

/// Why a client is not who it says. For the log: the answer never tells these apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationFailure {
    /// There is no such client.
    #[error("unknown client")]
    UnknownClient,
    /// The client proves itself by assertions only.
    #[error("the client has no secret")]
    NoSecret,
    /// The secret is not the client's.
    #[error("wrong secret")]
    WrongSecret,
}

/// Identifies one token (`jti`): 128 random bits in base64url.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenId(String);

/// The claims of an access token (RFC 9068 §2.2), in the order they are written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Claims {
    /// This issuer.
    pub iss: String,
    /// The client itself: nobody else is involved.
    pub sub: ClientId,
    /// Whom the token is for.
    pub aud: ClientId,
    /// The client again, as RFC 9068 wants it.
    pub client_id: ClientId,
    /// When it was issued.
    pub iat: UnixTime,
    /// From when on it is no longer good.
    pub exp: UnixTime,
    /// Its name.
    pub jti: TokenId,
    /// Space-separated scopes, absent if none was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Why no token was issued, as the operator's log tells it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request says neither `audience` nor `resource`.
    #[error("no audience was requested")]
    NoAudience,
    /// Nobody goes by that name.
    #[error("the audience is unknown")]
    UnknownAudience,
    /// The client may not call that audience.
    #[error("the client has no grant for the audience")]
    NotGranted,
    /// The grant does not include a scope that was asked for.
    #[error("the grant does not include the scope `{scope}`")]
    ScopeNotGranted {
        /// The first such scope.
        scope: Scope,
    },
}

impl Authenticated {
    /// For an assertion that the verifier accepted against the registration of `client`.
    pub(crate) const fn by_assertion(client: ClientId) -> Self {
        Self { client, method: Method::Assertion }
    }

    /// Who it is.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    /// How it was proved.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }
}

impl Method {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Assertion => "assertion",
        }
    }
}

impl TokenId {
    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<TOKEN_ID_BYTES>()?)))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a client's secret. An unknown client, or one without a secret, costs the same hash and comparison.
pub fn authenticate(
    directory: &Directory,
    id: &str,
    secret: &ClientSecret,
) -> Result<Authenticated, AuthenticationFailure> {
    let client = directory.client(id);
    let stored = client.and_then(|client| client.secret.as_ref());
    let matches = stored.unwrap_or(&SecretHash::NONE).matches(secret);
    match (client, stored) {
        (Some(client), Some(_)) if matches => {
            Ok(Authenticated { client: client.id.clone(), method: Method::Secret })
        }
        (Some(_), Some(_)) => Err(AuthenticationFailure::WrongSecret),
        (Some(_), None) => Err(AuthenticationFailure::NoSecret),
        (None, _) => Err(AuthenticationFailure::UnknownClient),
    }
}

/// Decides whether `client` gets a token for `audience`, and what is in it.
///
/// Without `scopes` the client gets all that its grant holds (RFC 6749 §3.3); with them, exactly those or nothing.
/// Pure: the same arguments give the same answer.
pub fn decide(
    directory: &Directory,
    issuer: &IssuerId,
    client: &Authenticated,
    audience: Option<&str>,
    scopes: Option<&ScopeSet>,
    token_id: TokenId,
    now: UnixTime,
) -> Result<Claims, Refusal> {
    let audience = audience.ok_or(Refusal::NoAudience)?;
    let known = directory.client(audience).is_some();
    let grant = directory.grant(client.client(), audience).ok_or(if known {
        Refusal::NotGranted
    } else {
        Refusal::UnknownAudience
    })?;
    if let Some(scope) = scopes.and_then(|scopes| scopes.first_beyond(&grant.scopes)) {
        return Err(Refusal::ScopeNotGranted { scope: scope.clone() });
    }
    let scopes = scopes.unwrap_or(&grant.scopes);
    Ok(Claims {
        iss: issuer.as_str().to_owned(),
        sub: grant.client.clone(),
        aud: grant.audience.clone(),
        client_id: grant.client.clone(),
        iat: now,
        exp: now.plus(grant.lifetime.as_seconds()),
        jti: token_id,
        scope: (!scopes.is_empty()).then(|| scopes.to_string()),
    })
}

#[cfg(test)]
mod tests;
