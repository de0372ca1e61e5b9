//! The token decision.

use super::actors::ActorChain;
use super::algorithm::Algorithm;
use super::credential::{Credential, CredentialId, CredentialKind, MAX_SECRETS};
use super::custom::CustomClaims;
use super::directory::Directory;
use super::id::ClientId;
use super::issuer::IssuerId;
use super::lifetime::LifetimeBounds;
use super::scope::{Scope, ScopeSet};
use super::secret::{ClientSecret, Pepper, RandomError, SecretHash, random};
use super::status::{ListId, StatusClaim, StatusIndex};
use super::time::UnixTime;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of randomness in a token's `jti`: 128 bits, which do not collide in any realistic number of tokens.
const TOKEN_ID_BYTES: usize = 16;
/// The same where the name also says where the token's status is: 96 bits beside some 16 that say it.
const RANDOM_BESIDE_STATUS: usize = 12;
/// Bytes of an index in a status list: the largest list has 2^20.
const INDEX_BYTES: usize = 3;
const STATUS_TOKEN_ID_BYTES: usize = ListId::BYTES + INDEX_BYTES + RANDOM_BESIDE_STATUS;

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
    /// What it is signed with; the issuer's own choice if absent.
    pub algorithm: Option<Algorithm>,
    /// Whether it gets a status, which `claims` do not say yet.
    pub status: bool,
}

/// Identifies one token (`jti`), in base64url: 128 random bits; or, of a token with a status, the list, the index in it
/// and 96 random bits. Whoever knows the name from a log can so revoke the token, and its holder learns nothing that
/// the token does not say anyway.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenId(String);

/// The text is no [`TokenId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a token (`jti`) is 22 or 28 characters of base64url")]
pub struct TokenIdError;

/// The claims of an access token (RFC 9068 §2.2), in the order they are written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Claims {
    /// This issuer.
    pub iss: String,
    /// On whose behalf the token is used: the client's own, unless it was exchanged.
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
    /// Who acts for the subject, absent if that is the client itself (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "ActorChain::is_empty")]
    pub act: ActorChain,
    /// Where its status is, if its audience asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusClaim>,
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
    /// The token to be exchanged was for another service, which is no concern of this client.
    #[error("the subject token is for `{audience}`")]
    SubjectForAnother {
        /// Whom it is for.
        audience: ClientId,
    },
    /// The token to be exchanged has been through the client's hands, or is about the client itself.
    #[error("the client has acted for the subject already, or is the subject")]
    ActsTwice,
    /// The token to be exchanged has been through as many hands as it may.
    #[error("more than {limit} clients would act one after the other")]
    TooManyActors {
        /// How many may.
        limit: usize,
    },
    /// The grant allows no exchange.
    #[error("the grant allows no exchange")]
    NotExchangeable,
    /// The token to be exchanged holds no scope that the grant trades for another.
    #[error("the subject token has no scope that the grant allows to exchange")]
    NothingToTrade,
    /// A scope that was asked for is none that the scopes of the token can be traded for.
    #[error("the scopes of the subject token do not give the scope `{scope}`")]
    ScopeNotTraded {
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

    /// A new one of a token whose status is there.
    pub fn with_status(place: StatusIndex) -> Result<Self, RandomError> {
        let [_, index @ ..] = place.index.to_be_bytes();
        let random = random::<RANDOM_BESIDE_STATUS>()?;
        Ok(Self(URL_SAFE_NO_PAD.encode([place.list.as_bytes().as_slice(), &index, &random].concat())))
    }

    /// Where the token's status is, if it has one.
    #[must_use]
    pub fn status(&self) -> Option<StatusIndex> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok().filter(|it| it.len() == STATUS_TOKEN_ID_BYTES)?;
        let (list, rest) = bytes.split_first_chunk()?;
        let [high, middle, low] = *rest.first_chunk::<INDEX_BYTES>()?;
        let index = u32::from_be_bytes([0, high, middle, low]);
        Some(StatusIndex { list: ListId::from_bytes(*list), index })
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenId {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        match URL_SAFE_NO_PAD.decode(text).map(|bytes| bytes.len()) {
            Ok(TOKEN_ID_BYTES | STATUS_TOKEN_ID_BYTES) => Ok(Self(text.to_owned())),
            _ => Err(TokenIdError),
        }
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
pub struct RequestedAccess<'a> {
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
    access: RequestedAccess<'_>,
    token_id: TokenId,
    now: UnixTime,
) -> Result<Issuance, Refusal> {
    let client = client.client().as_str();
    if !directory.client(client).is_some_and(|client| client.enabled) {
        return Err(Refusal::ClientDisabled);
    }
    let audience = access.audience.ok_or(Refusal::NoAudience)?;
    let called = directory.client(audience).ok_or(Refusal::UnknownAudience)?;
    let grant = directory.grant(client, audience).ok_or(Refusal::NotGranted)?;
    if !grant.is_active_at(now) {
        return Err(Refusal::GrantExpired);
    }
    if !called.enabled {
        return Err(Refusal::AudienceDisabled);
    }
    if let Some(scope) = access.scopes.and_then(|scopes| scopes.first_beyond(&grant.scopes)) {
        return Err(Refusal::ScopeNotGranted { scope: scope.clone() });
    }
    let defaults = &called.audience.default_scopes;
    let scope = match access.scopes {
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
        act: ActorChain::default(),
        status: None,
        custom: grant.claims.clone(),
    };
    Ok(Issuance { claims, algorithm: called.audience.algorithm, status: called.audience.status })
}

#[cfg(test)]
mod tests;
