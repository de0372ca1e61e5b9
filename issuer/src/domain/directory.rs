//! The whole state that decisions are made from, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::id::ClientId;
use super::scope::ScopeSet;
use super::secret::SecretHash;
use super::time::UnixTime;
use super::trust::Trust;

/// Longest life of a token, in seconds. A token cannot be called back before it expires, so this bounds how long
/// a withdrawn grant still works somewhere.
pub const MAX_LIFETIME: u64 = 3600;
/// Life of a token when the grant does not say, in seconds: a quarter of the cap, so that a client asks four times
/// an hour and a withdrawn grant is gone in fifteen minutes.
const DEFAULT_LIFETIME: u64 = 900;

/// A client, which is an audience at the same time.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// The scopes it offers as an audience.
    pub scopes: ScopeSet,
    /// Hash of its secret, if it has one.
    pub secret: Option<SecretHash>,
    /// When it was registered.
    pub created_at: UnixTime,
}

/// "This client may call that audience with these scopes."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who calls.
    pub client: ClientId,
    /// Who is called.
    pub audience: ClientId,
    /// With which scopes, out of those that the audience offers. None is allowed: the token then has no `scope`.
    pub scopes: ScopeSet,
    /// How long each token lives.
    pub lifetime: Lifetime,
}

/// Seconds that a token lives, 1 to [`MAX_LIFETIME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Lifetime(u64);

/// The lifetime is 0 or above [`MAX_LIFETIME`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lifetime must be 1 to {MAX_LIFETIME} seconds")]
pub struct LifetimeError;

/// Clients, grants and trust registrations, indexed for the token decision.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    clients: HashMap<ClientId, Client>,
    grants: HashMap<ClientId, HashMap<ClientId, Grant>>,
    /// By issuer, then by subject.
    trusts: HashMap<String, HashMap<String, Vec<Arc<Trust>>>>,
}

impl Lifetime {
    /// That many seconds.
    pub fn from_seconds(seconds: u64) -> Result<Self, LifetimeError> {
        if (1..=MAX_LIFETIME).contains(&seconds) { Ok(Self(seconds)) } else { Err(LifetimeError) }
    }

    /// The lifetime in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self(DEFAULT_LIFETIME)
    }
}

impl Directory {
    /// Indexes what the store holds.
    #[must_use]
    pub fn new(clients: Vec<Client>, grants: Vec<Grant>, trusts: Vec<Trust>) -> Self {
        let mut directory = Self::default();
        for client in clients {
            directory.clients.insert(client.id.clone(), client);
        }
        for grant in grants {
            let of_client = directory.grants.entry(grant.client.clone()).or_default();
            of_client.insert(grant.audience.clone(), grant);
        }
        for trust in trusts {
            let of_issuer = directory.trusts.entry(trust.issuer.clone()).or_default();
            of_issuer.entry(trust.subject.clone()).or_default().push(Arc::new(trust));
        }
        directory
    }

    /// The client of that name.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    /// What `client` may do at `audience`.
    #[must_use]
    pub fn grant(&self, client: &ClientId, audience: &str) -> Option<&Grant> {
        self.grants.get(client)?.get(audience)
    }

    /// The registrations for an issuer and subject, whatever their audience.
    #[must_use]
    pub fn trusts_for(&self, issuer: &str, subject: &str) -> &[Arc<Trust>] {
        self.trusts.get(issuer).and_then(|subjects| subjects.get(subject)).map_or(&[], Vec::as_slice)
    }

    /// All clients, by name.
    #[must_use]
    pub fn clients(&self) -> Vec<&Client> {
        let mut clients: Vec<_> = self.clients.values().collect();
        clients.sort_by_key(|client| &client.id);
        clients
    }

    /// All grants, by client, then by audience.
    #[must_use]
    pub fn grants(&self) -> Vec<&Grant> {
        let mut grants: Vec<_> = self.grants.values().flat_map(HashMap::values).collect();
        grants.sort_by_key(|grant| (&grant.client, &grant.audience));
        grants
    }

    /// All trust registrations, in no particular order.
    pub fn trusts(&self) -> impl Iterator<Item = &Arc<Trust>> {
        self.trusts.values().flat_map(HashMap::values).flatten()
    }
}
