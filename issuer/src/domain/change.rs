//! What can be changed in the directory, and why it may be refused.

use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::client::{Description, Labels};
use super::credential::{Credential, CredentialId, CredentialKind, MAX_CREDENTIALS, MAX_SECRETS};
use super::decision::TokenId;
use super::grant::ClientGrant;
use super::id::ClientId;
use super::key::KeyChange;
use super::lifetime::Lifetime;
use super::revocation::RevocationRecord;
use super::scope::{MAX_SCOPES, Scope, ScopeSet};

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

impl Actor {
    /// Someone at a terminal of this machine, by the name the system gives.
    #[must_use]
    pub fn command_line(user: &str) -> Self {
        Self(format!("cli:{user}"))
    }

    /// A client that makes it through an endpoint.
    #[must_use]
    pub fn client(id: &ClientId) -> Self {
        Self(format!("client:{id}"))
    }

    /// A running issuer by itself, on schedule.
    #[must_use]
    pub fn issuer() -> Self {
        Self("issuer".to_owned())
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
            Self::SetClient { .. } => "client.set",
            Self::RemoveClient { .. } => "client.remove",
            Self::AddCredential(_) => "credential.add",
            Self::RemoveCredential { .. } => "credential.remove",
            Self::AddGrant(_) => "grant.add",
            Self::RemoveGrant { .. } => "grant.remove",
            Self::Keys(change) => change.action(),
            Self::Revoke(_) => "revoke",
        }
    }

    /// What it is about: the name of a client, a credential or a key.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AddClient { id, .. } | Self::SetClient { id, .. } | Self::RemoveClient { id } => {
                id.to_string()
            }
            Self::AddCredential(credential) => credential.client.to_string(),
            Self::RemoveCredential { id } => id.to_string(),
            Self::AddGrant(grant) => grant.client.to_string(),
            Self::RemoveGrant { client, .. } => client.to_string(),
            Self::Keys(change) => change.subject(),
            Self::Revoke(record) => record.what.name().to_owned(),
        }
    }

    /// The rest of what the audit record should say, as JSON. Never a secret, a hash or a private key.
    #[must_use]
    pub fn detail(&self) -> Value {
        match self {
            Self::AddClient { settings, credential, .. } => {
                let mut detail = settings.detail();
                if let (Some(members), Some(credential)) = (detail.as_object_mut(), credential) {
                    members.insert("credential".to_owned(), credential.detail());
                }
                detail
            }
            Self::SetClient { settings, .. } => settings.detail(),
            Self::RemoveClient { .. } | Self::RemoveCredential { .. } => json!({}),
            Self::AddCredential(credential) => credential.detail(),
            Self::AddGrant(grant) => json!({
                "audience": grant.audience,
                "scopes": grant.scopes,
                "lifetime": grant.lifetime,
                "expires_at": grant.expires_at,
                "reason": grant.reason,
                "claims": grant.claims,
                "exchanges": grant.exchanges,
            }),
            Self::RemoveGrant { audience, .. } => json!({ "audience": audience }),
            Self::Keys(change) => change.detail(),
            Self::Revoke(record) => json!({ "kind": record.what.kind(), "audience": record.what.audience() }),
        }
    }
}

impl ClientUpdate {
    /// What changes, for the audit record.
    fn detail(&self) -> Value {
        let offer: Vec<&Scope> = self.offer.iter().map(|(scope, _)| scope).collect();
        let mut detail = serde_json::Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            detail.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("description", self.description.as_ref().map(|it| json!(it)));
        put("labels", self.labels.as_ref().map(|it| json!(it)));
        put("enabled", self.enabled.map(Value::from));
        put("offer", (!offer.is_empty()).then(|| json!(offer)));
        put("withdraw", (!self.withdraw.is_empty()).then(|| json!(self.withdraw)));
        put("default_scopes", self.default_scopes.as_ref().map(|it| json!(it)));
        put("lifetime", self.lifetime.map(|it| json!(it)));
        put("status", self.status.map(Value::from));
        put("algorithm", self.algorithm.map(|it| json!(it)));
        detail.into()
    }
}

impl Credential {
    /// All that can be shown of it: not a secret, nor its hash.
    #[must_use]
    pub fn detail(&self) -> Value {
        let mut detail = json!({ "id": self.id, "kind": self.kind.as_str(), "expires_at": self.expires_at });
        let shown = match &self.kind {
            CredentialKind::Secret(_) => None,
            CredentialKind::Keys(keys) => Some(json!(keys)),
            CredentialKind::Workload(registration) => Some(json!(registration)),
            CredentialKind::Certificate(certificate) => Some(json!(certificate)),
        };
        if let (Some(members), Some(shown)) = (detail.as_object_mut(), shown) {
            members.insert(self.kind.as_str().to_owned(), shown);
        }
        detail
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
            Self::Revoked { .. } => "revoked",
        }
    }
}
