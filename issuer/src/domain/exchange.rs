//! Token exchange (RFC 8693): a service that got a token for itself trades it for one for its callee, on behalf of the
//! same subject.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::access_token::AccessToken;
use super::actors::ActDepth;
use super::decision::{Authenticated, Issuance, Refusal, RequestedAccess, TokenId, decide};
use super::directory::Directory;
use super::issuer::IssuerId;
use super::lifetime::LifetimeBounds;
use super::scope::{Scope, ScopeError, ScopeSet};
use super::time::UnixTime;

/// Most exchanges that one grant allows: as many as it can hold scopes.
pub const MAX_EXCHANGES: usize = super::scope::MAX_SCOPES;

/// "Who was called with this scope may call on with that one."
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Exchange {
    /// A scope that the grant's client offers, and that the token to be traded holds.
    pub from: Scope,
    /// A scope of the grant.
    pub to: Scope,
}

/// What may be traded by a grant. Nothing, unless it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Exchanges(BTreeSet<Exchange>);

/// There are more than [`MAX_EXCHANGES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a grant allows at most {MAX_EXCHANGES} exchanges")]
pub struct TooManyExchanges;

/// A token that a client wants to trade, and for what.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeRequest<'a> {
    /// The token (`subject_token`), verified and standing.
    pub subject: &'a AccessToken,
    /// The scopes that are left of it.
    pub held: &'a ScopeSet,
    /// What it is to be traded for.
    pub access: RequestedAccess<'a>,
    /// How many may act one after the other.
    pub max_act_depth: ActDepth,
}

impl FromStr for Exchange {
    type Err = ScopeError;

    /// `FROM=TO`, or one scope where both are called the same.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (from, to) = text.split_once('=').unwrap_or((text, text));
        Ok(Self { from: from.parse()?, to: to.parse()? })
    }
}

impl Exchanges {
    /// Collects exchanges, at most [`MAX_EXCHANGES`] of them.
    pub fn new(exchanges: impl IntoIterator<Item = Exchange>) -> Result<Self, TooManyExchanges> {
        let set: BTreeSet<Exchange> = exchanges.into_iter().take(MAX_EXCHANGES + 1).collect();
        if set.len() > MAX_EXCHANGES { Err(TooManyExchanges) } else { Ok(Self(set)) }
    }

    /// True when nothing may be traded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The exchanges in order.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.0.iter()
    }

    /// The scopes out of `granted` that whoever holds `held` may have for it.
    fn traded(&self, held: &ScopeSet, granted: &ScopeSet) -> ScopeSet {
        granted.only(|to| self.0.iter().any(|exchange| exchange.to == *to && held.contains(&exchange.from)))
    }
}

/// Decides whether `client` gets a token on behalf of the subject of one that it was called with.
///
/// What [`decide`] asks of every token holds here, too; beyond that the grant has to allow the exchange, and the new
/// token says no more than the old one: its scopes are some of those that the grant trades the old ones for, it ends
/// when the old one does, if not earlier, and it names everyone through whose hands it came.
///
/// Nobody acts twice for one subject, nor for itself: it had the subject's token, or its own grants, in the first place,
/// so that all it could gain is what others on the way were trusted with; and a circle of services comes to an end.
pub fn decide_exchange(
    directory: &Directory,
    issuer: &IssuerId,
    bounds: &LifetimeBounds,
    client: &Authenticated,
    exchange: ExchangeRequest<'_>,
    token_id: TokenId,
    now: UnixTime,
) -> Result<Issuance, Refusal> {
    let ExchangeRequest { subject, held, access, max_act_depth } = exchange;
    let actor = client.client();
    if subject.audience != *actor {
        return Err(Refusal::SubjectForAnother { audience: subject.audience.clone() });
    }
    if subject.subject == *actor || subject.actors.iter().any(|earlier| earlier == actor) {
        return Err(Refusal::ActsTwice);
    }
    let actors = subject.actors.joined_by(actor.clone());
    if actors.len() > max_act_depth.get() {
        return Err(Refusal::TooManyActors { limit: max_act_depth.get() });
    }

    let grant = access.audience.and_then(|audience| directory.grant(actor.as_str(), audience));
    let traded = grant.map(|grant| grant.exchanges.traded(held, &grant.scopes)).unwrap_or_default();
    let scopes = access.scopes.unwrap_or(&traded);
    let access = RequestedAccess { scopes: Some(scopes), ..access };
    let mut issuance = decide(directory, issuer, bounds, client, access, token_id, now)?;
    if grant.is_none_or(|grant| grant.exchanges.is_empty()) {
        return Err(Refusal::NotExchangeable);
    }
    if traded.is_empty() {
        return Err(Refusal::NothingToTrade);
    }
    if let Some(scope) = scopes.first_beyond(&traded) {
        return Err(Refusal::ScopeNotTraded { scope: scope.clone() });
    }

    let claims = &mut issuance.claims;
    claims.sub = subject.subject.clone();
    claims.act = actors;
    claims.exp = claims.exp.min(subject.expires_at);
    Ok(issuance)
}

#[cfg(test)]
mod tests;
