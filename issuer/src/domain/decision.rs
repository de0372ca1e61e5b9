//! The token decision.

use super::algorithm::Algorithm;
use super::credential::{Credential, CredentialId, CredentialKind, MAX_SECRETS};
use super::custom::CustomClaims;
use super::directory::Directory;
use super::id::ClientId;
use super::issuer::IssuerId;
use super::lifetime::LifetimeBounds;
use super::scope::{Scope, ScopeSet};
use super::secret::{ClientSecret, Pepper, RandomError, SecretHash, random};
use super::time::UnixTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of randomness in a token's `jti`: 128 bits, which do not collide in any realistic number of tokens.
const TOKEN_ID_BYTES: usize = 16;

/// A client that has proved itself. Only an authentication can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    client: ClientId,
    credential: CredentialId,
    method: Method,
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By its secret in the `Authorization` field (RFC 6749 §2.3.1).
    SecretBasic,
    /// By its secret in the form (RFC 6749 §2.3.1).
    SecretPost,
    /// By an assertion that it signed itself (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// By an assertion of the platform that it runs on, as client authentication (RFC 7523 §2.2).
    WorkloadAssertion,
    /// By an assertion of the platform that it runs on, as the grant (RFC 7523 §2.1).
    WorkloadGrant,
    /// By a SPIFFE JWT-SVID (draft-ietf-oauth-spiffe-client-auth).
    SpiffeJwtSvid,
    /// By a certificate of the operator's CA (RFC 8705 §2.1).
    Tls,
    /// By a certificate that was registered itself (RFC 8705 §2.2).
    SelfSignedTls,
}

/// Why a client is not who it says. For the log: the answer never tells these apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationFailure {
    /// There is no such client.
    #[error("unknown client")]
    UnknownClient,
    /// The client is not enabled.
    #[error("the client is disabled")]
    Disabled,
    /// The client proves itself in other ways only.
    #[error("the client has no secret")]
    NoSecret,
    /// The secret is the client's no longer.
    #[error("the credential has expired")]
    Expired,
    /// The secret is not the client's.
    #[error("wrong secret")]
    WrongSecret,
    /// The secret is not the client's, and none that was ever handed out.
    #[error("wrong secret; it was damaged or is not one of this server's")]
    MalformedSecret,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// What it says.
    pub claims: Claims,
    /// What it is signed with; the issuer's first choice if absent.
    pub algorithm: Option<Algorithm>,
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
    /// What the grant adds.
    #[serde(flatten)]
    pub custom: CustomClaims,
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
    /// The client was disabled or removed while it proved itself.
    #[error("the client is no longer enabled")]
    ClientDisabled,
    /// The audience is not enabled.
    #[error("the audience is disabled")]
    AudienceDisabled,
    /// The client might call that audience until a while ago.
    #[error("the grant for the audience has expired")]
    GrantExpired,
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
    /// What it takes beyond the proof itself: that the client is there and enabled, and the credential is good.
    pub(crate) fn by(
        directory: &Directory,
        credential: &Credential,
        method: Method,
        now: UnixTime,
    ) -> Result<Self, AuthenticationFailure> {
        let client =
            directory.client(credential.client.as_str()).ok_or(AuthenticationFailure::UnknownClient)?;
        if !client.enabled {
            return Err(AuthenticationFailure::Disabled);
        }
        if !credential.is_good_at(now) {
            return Err(AuthenticationFailure::Expired);
        }
        Ok(Self { client: client.id.clone(), credential: credential.id.clone(), method })
    }

    /// Who it is.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    /// By which of its credentials.
    #[must_use]
    pub const fn credential(&self) -> &CredentialId {
        &self.credential
    }

    /// How it was proved.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }
}

impl Method {
    /// Its registered name where there is one (IANA "OAuth Token Endpoint Authentication Methods").
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::WorkloadAssertion => "workload_jwt",
            Self::WorkloadGrant => "jwt_bearer",
            Self::SpiffeJwtSvid => "spiffe_jwt",
            Self::Tls => "tls_client_auth",
            Self::SelfSignedTls => "self_signed_tls_client_auth",
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

/// Checks a client's secret. An unknown client, one without secrets, and one with four cost the same.
pub fn authenticate(
    directory: &Directory,
    pepper: &Pepper,
    id: &str,
    secret: &ClientSecret,
    method: Method,
    now: UnixTime,
) -> Result<Authenticated, AuthenticationFailure> {
    let client = directory.client(id);
    let presented = pepper.hash(secret);
    let mut secrets =
        client.into_iter().flat_map(|client| &client.credentials).filter_map(|credential| match &credential
            .kind
        {
            CredentialKind::Secret(hash) => Some((credential, hash)),
            _ => None,
        });
    let (mut any, mut found) = (false, None);
    for _ in 0..MAX_SECRETS {
        let (credential, hash) = secrets.next().unzip();
        any |= credential.is_some();
        if hash.unwrap_or(&SecretHash::NONE).matches(&presented) {
            found = credential;
        }
    }
    match (client, found) {
        (Some(_), Some(credential)) => Authenticated::by(directory, credential, method, now),
        (Some(_), None) if !any => Err(AuthenticationFailure::NoSecret),
        (Some(_), None) if secret.is_well_formed() => Err(AuthenticationFailure::WrongSecret),
        (Some(_), None) => Err(AuthenticationFailure::MalformedSecret),
        (None, _) => Err(AuthenticationFailure::UnknownClient),
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// For whom the token is to be.
    pub audience: Option<&'a str>,
    /// Which scopes; `None` for the audience's choice.
    pub scopes: Option<&'a ScopeSet>,
}

/// Decides whether `client` gets a token, and what is in it.
///
/// Without scopes the client gets the audience's default ones as far as they were granted, or all that its grant
/// holds if the audience has no default (RFC 6749 §3.3); with them, exactly those or nothing.
/// Pure: the same arguments give the same answer.
pub fn decide(
    directory: &Directory,
    issuer: &IssuerId,
    bounds: &LifetimeBounds,
    client: &Authenticated,
    wish: Wish<'_>,
    token_id: TokenId,
    now: UnixTime,
) -> Result<Issuance, Refusal> {
    let client = client.client().as_str();
    if !directory.client(client).is_some_and(|client| client.enabled) {
        return Err(Refusal::ClientDisabled);
    }
    let audience = wish.audience.ok_or(Refusal::NoAudience)?;
    let called = directory.client(audience).ok_or(Refusal::UnknownAudience)?;
    let grant = directory.grant(client, audience).ok_or(Refusal::NotGranted)?;
    if grant.expires_at.is_some_and(|expiry| expiry <= now) {
        return Err(Refusal::GrantExpired);
    }
    if !called.enabled {
        return Err(Refusal::AudienceDisabled);
    }
    if let Some(scope) = wish.scopes.and_then(|scopes| scopes.first_beyond(&grant.scopes)) {
        return Err(Refusal::ScopeNotGranted { scope: scope.clone() });
    }
    let defaults = &called.audience.default_scopes;
    let scope = match wish.scopes {
        Some(scopes) => scopes.to_string(),
        None if defaults.is_empty() => grant.scopes.to_string(),
        None => grant.scopes.common(defaults).to_string(),
    };
    let lifetime = bounds.apply(called.audience.lifetime, grant.lifetime);
    let claims = Claims {
        iss: issuer.as_str().to_owned(),
        sub: grant.client.clone(),
        aud: grant.audience.clone(),
        client_id: grant.client.clone(),
        iat: now,
        exp: now.plus(lifetime.as_seconds()),
        jti: token_id,
        scope: (!scope.is_empty()).then_some(scope),
        custom: grant.claims.clone(),
    };
    Ok(Issuance { claims, algorithm: called.audience.algorithm })
}

#[cfg(test)]
mod tests;
