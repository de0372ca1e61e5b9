//! The decision log, target `decision`: one record of each request for a token or about one, of those too that are none.
//! Who asked for what, what came of it, and why exactly: the caller learns less. Never a token, a secret or an assertion.

use tracing::info;

use super::error::OAuthError;
use super::request::{AboutToken, RequestError};
use crate::excerpt::{REASON_SHOWN, excerpt};
use crate::service::{
    ClientAuthentication, Granted, Introspection, RevocationOutcome, RevocationRequest, TokenError,
    TokenRequest,
};

/// Bytes of a requested name that the log keeps: a name longer than an identifier names nothing anyway.
const SHOWN: usize = crate::domain::MAX_CLIENT_ID;

/// A token was issued.
pub(super) fn issued(request: &TokenRequest, granted: &Granted) {
    let Granted { claims, client, subject_token, .. } = granted;
    let actors = (!claims.act.is_empty()).then(|| serde_json::json!(claims.act).to_string());
    info!(
        target: "decision",
        outcome = "issued",
        client = claims.client_id.as_str(),
        credential = client.credential().as_str(),
        method = client.method().as_str(),
        grant_type = request.grant.as_str(),
        audience = claims.aud.as_str(),
        scope = claims.scope,
        // Where the client acts for another: for whom, through whose hands, and the token that it was called with.
        subject = subject_token.as_ref().map(|_| claims.sub.as_str()),
        act = actors,
        subject_token,
        jti = claims.jti.as_str(),
        expires_at = claims.exp.as_seconds(),
    );
}

/// None was. The names are the sender's words unless there is a `credential`: quoted by the log format, and cut.
pub(super) fn refused(request: &TokenRequest, error: &TokenError, answer: &OAuthError) {
    let proved = error.proved();
    let claimed = request.client.claimed_client().map(|name| excerpt(name, SHOWN));
    info!(
        target: "decision",
        outcome = "refused",
        client = proved.map(|client| client.client().as_str()).or(claimed),
        credential = proved.map(|client| client.credential().as_str()),
        method = proved.map_or(request.client.method(), |client| client.method().as_str()),
        grant_type = request.grant.as_str(),
        audience = request.audience.as_deref().map(|name| excerpt(name, SHOWN)),
        scope = request.scopes.as_ref().map(ToString::to_string),
        error = answer.code(),
        reason = excerpt(&tessera_fetch::chain(error), REASON_SHOWN),
    );
}

/// Who asked about a token was told what it is worth.
pub(super) fn introspected(introspection: &Introspection) {
    let Introspection { caller, verdict, .. } = introspection;
    let (active, reason) = (verdict.as_ref().ok(), verdict.as_ref().err());
    let token = active.map(|active| &active.validated.token);
    info!(
        target: "decision",
        outcome = "introspected",
        client = caller.client().as_str(),
        credential = caller.credential().as_str(),
        method = caller.method().as_str(),
        active = active.is_some(),
        jti = token.map(|token| &*token.id).or(reason.and_then(|reason| reason.token_id())),
        subject = token.map(|token| token.subject.as_str()),
        scope = active.map(|active| active.scopes.to_string()),
        reason = reason.map(|reason| excerpt(&tessera_fetch::chain(reason), REASON_SHOWN).to_owned()),
    );
}

/// Who asked about a token was told nothing.
pub(super) fn not_answered(question: &AboutToken, error: &TokenError, answer: &OAuthError) {
    info!(
        target: "decision",
        outcome = "refused",
        client = question.client.claimed_client().map(|name| excerpt(name, SHOWN)),
        method = question.client.method(),
        error = answer.code(),
        reason = excerpt(&tessera_fetch::chain(error), REASON_SHOWN),
    );
}

/// What came was no request for a token.
pub(super) fn malformed(error: &RequestError, answer: &OAuthError) {
    info!(
        target: "decision",
        outcome = "refused",
        error = answer.code(),
        reason = excerpt(&tessera_fetch::chain(error), REASON_SHOWN),
    );
}

/// A client asked that a token be revoked.
pub(super) fn revoked(request: &RevocationRequest) {
    let RevocationRequest { client, outcome } = request;
    let (word, token, reason) = match outcome {
        RevocationOutcome::Revoked(token) => ("revoked", Some(token), None),
        RevocationOutcome::AlreadyRevoked(token, by) => {
            ("not_revoked", Some(token), Some(format!("revoked before, by {}", by.as_str())))
        }
        RevocationOutcome::NotTheClients(token) => {
            ("not_revoked", Some(token), Some("the token is neither of nor for the client".to_owned()))
        }
        RevocationOutcome::NotGood(error) => ("not_revoked", None, Some(tessera_fetch::chain(error))),
    };
    info!(
        target: "decision",
        outcome = word,
        client = client.client().as_str(),
        credential = client.credential().as_str(),
        method = client.method().as_str(),
        jti = token.map(|token| &*token.id),
        holder = token.map(|token| token.client.as_str()),
        audience = token.map(|token| token.audience.as_str()),
        expires_at = token.map(|token| token.expires_at.as_seconds()),
        reason = reason.as_deref().map(|reason| excerpt(reason, REASON_SHOWN)),
    );
}

/// A request to revoke a token was refused, or failed.
pub(super) fn not_revoked(client: &ClientAuthentication, error: &TokenError, answer: &OAuthError) {
    info!(
        target: "decision",
        outcome = "refused",
        client = client.claimed_client().map(|name| excerpt(name, SHOWN)),
        method = client.method(),
        error = answer.code(),
        reason = excerpt(&tessera_fetch::chain(error), REASON_SHOWN),
    );
}
