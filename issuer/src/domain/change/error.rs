//! Why a change may be refused.

use super::super::algorithm::Algorithm;
use super::super::credential::{CredentialId, MAX_CREDENTIALS, MAX_SECRETS};
use super::super::id::ClientId;
use super::super::scope::{MAX_SCOPES, Scope};
use super::super::token_id::TokenId;

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no client of that name.
    #[error("there is no client `{0}`")]
    UnknownClient(ClientId),
    /// The name is taken.
    #[error("the client `{0}` exists already")]
    ClientExists(ClientId),
    /// A grant or the default names a scope that the audience does not offer.
    #[error("`{audience}` does not offer the scope `{scope}`")]
    ScopeNotOffered {
        /// The audience.
        audience: ClientId,
        /// The first scope that it does not offer.
        scope: Scope,
    },
    /// A grant trades for a scope that it does not hold.
    #[error("the scope `{scope}` cannot be exchanged for: it is not granted")]
    ExchangeNotGranted {
        /// The first such scope.
        scope: Scope,
    },
    /// More scopes than a set takes.
    #[error("a client offers at most {MAX_SCOPES} scopes")]
    TooManyScopes,
    /// The issuer has no key of that algorithm.
    #[error("there is no {0} signing key; `tessera keys add --algorithm {0}` makes one")]
    NoKeyOf(Algorithm),
    /// The issuer has keys of that algorithm, but none signs yet.
    #[error("the {0} signing key does not sign yet; `tessera keys list` says when it will")]
    NotYetActive(Algorithm),
    /// The issuer has keys of that algorithm.
    #[error("there are {0} signing keys already; `tessera keys rotate --algorithm {0}` makes new ones")]
    KeysExist(Algorithm),
    /// There is no such key.
    #[error("there is no signing key `{0}`; `tessera keys list` shows them")]
    UnknownKey(String),
    /// A key is not, or no longer, what the change takes it for.
    #[error("the signing key `{0}` is no longer what it was; `tessera keys list` shows what it is")]
    KeyMovedOn(String),
    /// There is no such grant.
    #[error("`{client}` has no grant for `{audience}`")]
    UnknownGrant {
        /// Who would call.
        client: ClientId,
        /// Whom.
        audience: ClientId,
    },
    /// A token's status list is not there, or it was never in it.
    #[error("no token {0} was issued, or it has expired long ago")]
    UnknownToken(TokenId),
    /// Another client has the very same registration, so neither would be proved by it.
    #[error("the same tokens of {issuer} already prove the client `{client}`")]
    WorkloadTaken {
        /// `iss`.
        issuer: String,
        /// The client that has it.
        client: ClientId,
    },
    /// There is no such credential.
    #[error("there is no credential {0}")]
    UnknownCredential(CredentialId),
    /// The client has as many as it can have.
    #[error(
        "a client has at most {MAX_CREDENTIALS} credentials, {MAX_SECRETS} secrets among them; remove one first"
    )]
    TooManyCredentials,
}
