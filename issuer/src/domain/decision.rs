//! The token decision.

mod exchange;

pub use exchange::{ExchangeRequest, decide_exchange};

use super::actors::ActorChain;
use super::algorithm::Algorithm;
use super::authentication::Authenticated;
use super::claims::Claims;
use super::directory::Directory;
use super::id::ClientId;
use super::issuer::IssuerId;
use super::lifetime::LifetimeBounds;
use super::scope::{Scope, ScopeSet};
use super::time::UnixTime;
use super::token_id::TokenId;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct RequestedAccess<'a> {
    /// For whom the token is to be.
    pub audience: Option<&'a str>,
    /// Which scopes; `None` for the audience's choice.
    pub scopes: Option<&'a ScopeSet>,
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
