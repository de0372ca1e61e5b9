//! `tessera revoke`.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tessera_verifier::UnverifiedClaims;

use super::args::revoke::{RevokeCommand, TokenName};
use super::clock::now;
use super::failure::Failure;
use super::output::{self, Answer};
use super::session::Session;
use tessera_issuer::domain::{
    Change, Effect, LIST_RETENTION, REVOCATION_RETENTION, Revocation, RevocationRecord, TokenId, UnixTime,
};

/// Bytes read of a token on stdin: far more than any of this server's has.
const MAX_TOKEN_INPUT: u64 = 64 * 1024;
/// Seconds between a change and the refusal at every verifier, beyond the time for which it keeps a list: one poll of
/// each replica, a list that is signed as of the poll before, and the fetch.
const PROPAGATION: u64 = 5;

/// What this command reads of a token. It is not verified: it only has to name the token.
#[derive(Deserialize)]
struct Claims {
    jti: String,
    exp: u64,
}

pub(super) async fn run(session: Session, command: RevokeCommand) -> Result<Answer, Failure> {
    let at = now();
    let retained = at.plus(REVOCATION_RETENTION);
    let (what, expires_at) = match command {
        RevokeCommand::Token { token: TokenName::Id(id) } => (Revocation::Token(id), retained),
        RevokeCommand::Token { token: TokenName::Stdin } => {
            let (id, expiry) = read()?;
            if expiry.plus(LIST_RETENTION) <= at {
                let text =
                    format!("the token {id} expired at {}; there is nothing to revoke", output::time(expiry));
                return Ok(Answer { text, json: json!({ "token": id, "expired_at": expiry }) });
            }
            (Revocation::Token(id), expiry.plus(LIST_RETENTION))
        }
        RevokeCommand::Client { client } => (Revocation::Client(client), retained),
        RevokeCommand::Grant { client, audience } => (Revocation::Grant { client, audience }, retained),
        RevokeCommand::Key { kid } => (Revocation::Key(kid), retained),
    };
    let record = RevocationRecord { what: what.clone(), at, expires_at };
    let applied = session.apply(Change::Revoke(record)).await?;
    let Effect::Revoked { most } = applied.effect else { return Ok(answer(&what, 0, &session)) };
    Ok(answer(&what, most, &session))
}

/// The token on stdin: its name, and when it expires.
fn read() -> Result<(TokenId, UnixTime), Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_TOKEN_INPUT).read_to_string(&mut text);
    read.map_err(|source| Failure::File { verb: "read", path: Path::new("stdin").to_owned(), source })?;
    let payload = UnverifiedClaims::payload(text.trim()).map_err(|_| Failure::NoToken)?;
    let claims: Claims = serde_json::from_slice(payload.as_ref()).map_err(|_| Failure::NoToken)?;
    let id = claims.jti.parse().map_err(|_| Failure::NoToken)?;
    Ok((id, UnixTime::from_seconds(claims.exp)))
}

fn answer(what: &Revocation, most: u64, session: &Session) -> Answer {
    let within = session.config.status_ttl.as_seconds() + PROPAGATION;
    let subject = match what {
        Revocation::Token(id) => format!("the token {id} is revoked"),
        Revocation::Client(client) => {
            format!("all tokens so far of and about {client} are revoked")
        }
        Revocation::Grant { client, audience } => {
            format!("all tokens so far of {client} for {audience} are revoked")
        }
        Revocation::Key(kid) => format!("all tokens so far that {kid} signed are revoked"),
    };
    let effect = match (what, most) {
        (Revocation::Token(_), 0) => {
            "it has no status, so that verifiers take it until it expires; introspection refuses it"
                .to_owned()
        }
        (Revocation::Token(_), _) => {
            format!("verifiers that follow its status list refuse it within {within} s")
        }
        (_, 0) => {
            "none of them has a status, so that verifiers take them until they expire; introspection refuses \
                   them"
                .to_owned()
        }
        (_, most) => format!(
            "at most {most} have a status, and verifiers that follow it refuse them within {within} s; of others, \
             verifiers do not learn, and introspection refuses them"
        ),
    };
    let hint = match what {
        Revocation::Token(_) => "",
        Revocation::Client(_) => "\nit gets new ones unless it is disabled: `tessera client set … --disable`",
        Revocation::Grant { .. } => {
            "\nit gets new ones unless the grant is removed: `tessera grant remove …`"
        }
        Revocation::Key(_) => "\nthe key still signs and verifies; `tessera keys retire …` takes it away",
    };
    Answer {
        text: format!("{subject}\n{effect}{hint}"),
        json: json!({
            "kind": what.kind(),
            "name": what.name(),
            "audience": what.audience(),
            "most_with_status": most,
            "refused_within": within,
        }),
    }
}
