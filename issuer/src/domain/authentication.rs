//! Clients that have proved themselves, and the check of a secret.

use super::credential::{Credential, CredentialId, CredentialKind, MAX_SECRETS};
use super::directory::Directory;
use super::id::ClientId;
use super::secret::{ClientSecret, Pepper, SecretHash};
use super::time::UnixTime;

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

#[cfg(test)]
mod tests;
