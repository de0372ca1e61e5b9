//! What can be changed in the state.

mod audit;
mod error;

pub use audit::{Actor, ChangeSubject};
pub use error::ChangeError;

use super::algorithm::Algorithm;
use super::client::{Description, Labels};
use super::credential::{Credential, CredentialId};
use super::grant::ClientGrant;
use super::id::ClientId;
use super::key::KeyChange;
use super::lifetime::Lifetime;
use super::revocation::RevocationRecord;
use super::scope::{Scope, ScopeSet};

/// One change, applied whole or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Registers a client.
    AddClient {
        /// Its name.
        id: ClientId,
        /// What else is known of it.
        settings: ClientUpdate,
        /// Its first credential, if it gets one.
        credential: Option<Credential>,
    },
    /// Changes what is known of a client.
    SetClient {
        /// Which client.
        id: ClientId,
        /// What is to be different.
        settings: ClientUpdate,
    },
    /// Removes a client with its credentials and every grant from or to it.
    RemoveClient {
        /// Which client.
        id: ClientId,
    },
    /// Gives a client one more way to prove itself.
    AddCredential(Credential),
    /// Takes one away.
    RemoveCredential {
        /// Which one.
        id: CredentialId,
    },
    /// Grants, or replaces an existing grant as a whole.
    AddGrant(ClientGrant),
    /// Withdraws a grant.
    RemoveGrant {
        /// Who could call.
        client: ClientId,
        /// Whom.
        audience: ClientId,
    },
    /// Changes the signing keys.
    Keys(KeyChange),
    /// Revokes tokens that were issued.
    Revoke(RevocationRecord),
}

/// What is to be known of a client; what is absent stays as it is, or is nothing for a new client.
#[derive(Clone, Debug, Default)]
pub struct ClientUpdate {
    /// What it is.
    pub description: Option<Description>,
    /// Who it belongs to; as a whole.
    pub labels: Option<Labels>,
    /// Whether it gets tokens, and others tokens for it.
    pub enabled: Option<bool>,
    /// Scopes to offer to its callers, or whose descriptions are to change.
    pub offer: Vec<(Scope, Description)>,
    /// Scopes to offer no more. They leave the grants that hold them, too.
    pub withdraw: Vec<Scope>,
    /// What a caller gets who names no scope; as a whole, out of those that are offered.
    pub default_scopes: Option<ScopeSet>,
    /// How long tokens for it live at most; `Some(None)` for the issuer's default.
    pub lifetime: Option<Option<Lifetime>>,
    /// What tokens for it are signed with; `Some(None)` for the issuer's default.
    pub algorithm: Option<Option<Algorithm>>,
    /// Whether tokens for it have a status.
    pub status: Option<bool>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something new is there.
    Created,
    /// Something that was there is different now.
    Replaced,
    /// Something is gone.
    Removed,
    /// Tokens are revoked.
    Revoked {
        /// How many of those that have a status, at most: as many as could have been issued.
        most: u64,
    },
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The revision that it made.
    pub revision: i64,
    /// What it did.
    pub effect: Effect,
}

impl Effect {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Revoked { .. } => "revoked",
        }
    }
}
