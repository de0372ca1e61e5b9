//! Who may call whom.

use super::client::Description;
use super::custom::CustomClaims;
use super::exchange::Exchanges;
use super::id::ClientId;
use super::lifetime::Lifetime;
use super::scope::ScopeSet;
use super::time::UnixTime;

/// "This client may call that audience with these scopes."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientGrant {
    /// Who calls.
    pub client: ClientId,
    /// Who is called.
    pub audience: ClientId,
    /// With which scopes, out of those that the audience offers. None is allowed: the token then has no `scope`.
    pub scopes: ScopeSet,
    /// How long each token lives at most; the audience's and the operator's bounds hold, too.
    pub lifetime: Option<Lifetime>,
    /// From when on it is as if it were not there.
    pub expires_at: Option<UnixTime>,
    /// Why it was given, for people.
    pub reason: Description,
    /// What its tokens say beyond what all say.
    pub claims: CustomClaims,
    /// Which tokens for the client itself it may trade for one of these (RFC 8693).
    pub exchanges: Exchanges,
}

impl ClientGrant {
    /// A grant of scopes that says nothing else.
    #[must_use]
    pub fn new(client: ClientId, audience: ClientId, scopes: ScopeSet) -> Self {
        Self {
            client,
            audience,
            scopes,
            lifetime: None,
            expires_at: None,
            reason: Description::default(),
            claims: CustomClaims::default(),
            exchanges: Exchanges::default(),
        }
    }

    /// Whether it has not expired.
    #[must_use]
    pub fn is_active_at(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}
