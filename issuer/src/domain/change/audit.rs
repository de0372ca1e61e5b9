//! What the audit record says of a change. Never a secret, a hash or a private key.

use std::fmt;

use serde_json::{Value, json};

use super::super::credential::{Credential, CredentialId, CredentialKind};
use super::super::id::ClientId;
use super::super::revocation::Revocation;
use super::super::scope::Scope;
use super::super::token_id::TokenId;
use super::{Change, ClientUpdate};

/// Who makes a change, for the audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeSubject {
    /// A client: itself, or one of its credentials or grants.
    Client(ClientId),
    /// A credential, whoever has it.
    Credential(CredentialId),
    /// Signing keys, by their `kid`.
    Keys(Vec<String>),
    /// A token.
    Token(TokenId),
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

impl ChangeSubject {
    /// The kind, as it is recorded.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Credential(_) => "credential",
            Self::Keys(_) => "key",
            Self::Token(_) => "token",
        }
    }
}

/// The name, as it is recorded; of several keys all, separated by spaces.
impl fmt::Display for ChangeSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => id.fmt(f),
            Self::Credential(id) => id.fmt(f),
            Self::Keys(kids) => f.write_str(&kids.join(" ")),
            Self::Token(id) => id.fmt(f),
        }
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

    /// What it is about, for the audit record.
    #[must_use]
    pub fn subject(&self) -> ChangeSubject {
        match self {
            Self::AddClient { id, .. } | Self::SetClient { id, .. } | Self::RemoveClient { id } => {
                ChangeSubject::Client(id.clone())
            }
            Self::AddCredential(credential) => ChangeSubject::Client(credential.client.clone()),
            Self::RemoveCredential { id } => ChangeSubject::Credential(id.clone()),
            Self::AddGrant(grant) => ChangeSubject::Client(grant.client.clone()),
            Self::RemoveGrant { client, .. } => ChangeSubject::Client(client.clone()),
            Self::Keys(change) => {
                ChangeSubject::Keys(change.subjects().into_iter().map(str::to_owned).collect())
            }
            Self::Revoke(record) => match &record.what {
                Revocation::Token(id) => ChangeSubject::Token(id.clone()),
                Revocation::Client(client) | Revocation::Grant { client, .. } => {
                    ChangeSubject::Client(client.clone())
                }
                Revocation::Key(kid) => ChangeSubject::Keys(vec![kid.clone()]),
            },
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
