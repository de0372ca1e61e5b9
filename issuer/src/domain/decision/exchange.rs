//! Token exchange (RFC 8693): a service that got a token for itself trades it for one for its callee, on behalf of the
//! same subject.

use super::super::access_token::AccessToken;
use super::super::actors::ActDepth;
use super::super::authentication::Authenticated;
use super::super::directory::Directory;
use super::super::issuer::IssuerId;
use super::super::lifetime::LifetimeBounds;
use super::super::scope::ScopeSet;
use super::super::time::UnixTime;
use super::super::token_id::TokenId;
use super::{Issuance, Refusal, RequestedAccess, decide};

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
