//! What can be changed in the directory, and why it may be refused.

use super::directory::{Grant, Lifetime};
use super::id::ClientId;
use super::key::StoredKey;
use super::scope::{Scope, ScopeSet};
use super::secret::SecretHash;
use super::trust::Trust;

/// Who makes a change, for the audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

/// One change, applied whole or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Registers a client.
    AddClient {
        /// Its name.
        id: ClientId,
        /// What it offers as an audience.
        scopes: ScopeSet,
        /// Hash of its secret, if it gets one.
        secret: Option<SecretHash>,
    },
    /// Lets a registered client offer more scopes.
    OfferScopes {
        /// Which client.
        id: ClientId,
        /// The scopes to add.
        scopes: ScopeSet,
    },
    /// Removes a client with its trusts and every grant from or to it.
    RemoveClient {
        /// Which client.
        id: ClientId,
    },
    /// Replaces a client's secret; the old one stops working.
    SetSecret {
        /// Which client.
        id: ClientId,
        /// Hash of the new one.
        secret: SecretHash,
    },
    /// Registers whose assertions prove a client.
    AddTrust(Trust),
    /// Withdraws a registration.
    RemoveTrust {
        /// The client that it proves.
        client: ClientId,
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// Grants, or replaces an existing grant as a whole.
    AddGrant(Grant),
    /// Withdraws a grant.
    RemoveGrant {
        /// Who could call.
        client: ClientId,
        /// Whom.
        audience: ClientId,
    },
    /// The first keys of a new issuer: `keys` are stored in the states they carry.
    AddKeys(Vec<StoredKey>),
    /// *active* → *retired*, *next* → *active*, and this key becomes *next*. Keys whose time is over go.
    RotateKeys(StoredKey),
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
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The revision that it made.
    pub revision: i64,
    /// What it did.
    pub effect: Effect,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no client of that name.
    #[error("there is no client `{0}`")]
    UnknownClient(ClientId),
    /// The name is taken.
    #[error("the client `{0}` exists already")]
    ClientExists(ClientId),
    /// A grant names a scope that its audience does not offer.
    #[error("`{audience}` does not offer the scope `{scope}`")]
    ScopeNotOffered {
        /// The audience.
        audience: ClientId,
        /// The first scope that it does not offer.
        scope: Scope,
    },
    /// There is no such grant.
    #[error("`{client}` has no grant for `{audience}`")]
    UnknownGrant {
        /// Who would call.
        client: ClientId,
        /// Whom.
        audience: ClientId,
    },
    /// Another client is proved by the same issuer, subject and audience.
    #[error("assertions of {issuer} about `{subject}` already prove the client `{client}`")]
    TrustTaken {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
        /// The client that has it.
        client: ClientId,
    },
    /// There is no such registration.
    #[error("`{client}` has no trust in {issuer} about `{subject}`")]
    UnknownTrust {
        /// The client.
        client: ClientId,
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// There is nothing to rotate: the issuer was never given its first keys.
    #[error("there are no signing keys to rotate")]
    NoKeys,
}

impl Actor {
    /// Someone at a terminal of this machine, by the name the system gives.
    #[must_use]
    pub fn command_line(user: &str) -> Self {
        Self(format!("cli:{user}"))
    }

    /// As it stands in the audit record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Change {
    /// What kind of change it is, for the audit record.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::AddClient { .. } => "client.add",
            Self::OfferScopes { .. } => "client.offer",
            Self::RemoveClient { .. } => "client.remove",
            Self::SetSecret { .. } => "client.secret",
            Self::AddTrust(_) => "client.trust",
            Self::RemoveTrust { .. } => "client.distrust",
            Self::AddGrant(_) => "grant.add",
            Self::RemoveGrant { .. } => "grant.remove",
            Self::AddKeys(_) => "key.add",
            Self::RotateKeys(_) => "key.rotate",
        }
    }

    /// What it is about: a client's name, or a key's.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AddClient { id, .. }
            | Self::OfferScopes { id, .. }
            | Self::RemoveClient { id }
            | Self::SetSecret { id, .. } => id.to_string(),
            Self::AddTrust(trust) => trust.client.to_string(),
            Self::AddGrant(grant) => grant.client.to_string(),
            Self::RemoveTrust { client, .. } | Self::RemoveGrant { client, .. } => client.to_string(),
            Self::AddKeys(keys) => keys.iter().map(|key| &*key.kid).collect::<Vec<_>>().join(" "),
            Self::RotateKeys(key) => key.kid.clone(),
        }
    }

    /// The rest of what the audit record should say, as JSON. Never a secret, a hash or a private key.
    #[must_use]
    pub fn detail(&self) -> serde_json::Value {
        use serde_json::json;
        match self {
            Self::AddClient { scopes, secret, .. } => json!({ "scopes": scopes, "secret": secret.is_some() }),
            Self::OfferScopes { scopes, .. } => json!({ "scopes": scopes }),
            Self::RemoveClient { .. } | Self::SetSecret { .. } => json!({}),
            Self::AddTrust(trust) => json!({
                "issuer": trust.issuer,
                "subject": trust.subject,
                "audience": trust.audience,
                "profile": trust.profile,
            }),
            Self::RemoveTrust { issuer, subject, .. } => json!({ "issuer": issuer, "subject": subject }),
            Self::AddGrant(Grant { audience, scopes, lifetime, .. }) => {
                json!({ "audience": audience, "scopes": scopes, "lifetime": Lifetime::as_seconds(*lifetime) })
            }
            Self::RemoveGrant { audience, .. } => json!({ "audience": audience }),
            Self::AddKeys(keys) => {
                json!({ "algorithms": keys.iter().map(|key| key.algorithm).collect::<Vec<_>>() })
            }
            Self::RotateKeys(key) => json!({ "algorithm": key.algorithm }),
        }
    }
}

impl Effect {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
        }
    }
}
