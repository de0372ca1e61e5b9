//! The audit line of a token decision, target `audit`: who asked for what, what came of it, and why. Never a token.

use tracing::info;

use super::{Granted, TokenError, TokenRequest};
use crate::excerpt::{REASON_SHOWN, excerpt};

/// Bytes of a requested name that the log keeps: a name longer than an identifier names nothing anyway.
const SHOWN: usize = crate::domain::MAX_CLIENT_ID;

pub(super) fn token(request: &TokenRequest, decision: &Result<Granted, TokenError>) {
    let scopes = request.scopes.as_ref().map(ToString::to_string);
    match decision {
        Ok(Granted { claims, proved_by, .. }) => info!(
            target: "audit",
            event = "token",
            outcome = "issued",
            client = claims.client_id.as_str(),
            proved_by = proved_by.as_str(),
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
            client = request.proof.claimed_client().map(|name| excerpt(name, SHOWN)),
            audience = request.audience.as_deref().map(|name| excerpt(name, SHOWN)),
            scope = scopes,
            reason = excerpt(&tessera_net::chain(error), REASON_SHOWN),
        ),
    }
}
