//! The audit line of a token decision, target `audit`: who asked for what, what came of it, and why. Never a token.

use tracing::info;

use super::{IssuedToken, TokenError, TokenRequest};
use crate::domain::Claims;

/// Characters of a requested name that the log keeps: a name longer than an identifier names nothing anyway.
const SHOWN: usize = crate::domain::MAX_CLIENT_ID;
/// Characters of a reason that the log keeps: it may quote an issuer and a subject out of an assertion.
const REASON_SHOWN: usize = 1024;

pub(super) fn token(request: &TokenRequest, decision: &Result<(IssuedToken, Claims), TokenError>) {
    let scopes = request.scopes.as_ref().map(ToString::to_string);
    match decision {
        Ok((_, claims)) => info!(
            target: "audit",
            event = "token",
            outcome = "issued",
            client = claims.client_id.as_str(),
            audience = claims.aud.as_str(),
            scope = claims.scope,
            jti = claims.jti.as_str(),
            expires_at = claims.exp.as_seconds(),
        ),
        // Names in a refused request are the sender's words: quoted by the log format, and cut.
        Err(error) => info!(
            target: "audit",
            event = "token",
            outcome = "refused",
            client = request.proof.claimed_client().map(|name| cut(name, SHOWN)),
            audience = request.audience.as_deref().map(|name| cut(name, SHOWN)),
            scope = scopes,
            reason = cut(&tessera_net::chain(error), REASON_SHOWN),
        ),
    }
}

fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}
