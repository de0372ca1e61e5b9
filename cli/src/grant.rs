//! `tessera grant`.

use serde_json::{Value, json};

use super::args::grant::GrantCommand;
use super::clock::now;
use super::failure::Failure;
use super::output::{self, Answer, table};
use super::session::Session;
use tessera_issuer::domain::{Change, ClientGrant, CustomClaims, Exchange, Exchanges, ScopeSet};

pub(super) async fn run(session: Session, command: GrantCommand) -> Result<Answer, Failure> {
    match command {
        GrantCommand::Add { client, audience, scopes, exchanges, lifetime, reason, claims, expiry } => {
            let mut custom = CustomClaims::default();
            for (claim, value) in claims {
                custom.add(claim, value)?;
            }
            let grant = ClientGrant {
                client,
                audience,
                scopes: ScopeSet::new(scopes)?,
                lifetime,
                expires_at: expiry.expires_in.map(|seconds| now().plus(seconds)),
                reason: reason.unwrap_or_default(),
                claims: custom,
                exchanges: Exchanges::new(exchanges)?,
            };
            session.apply(Change::AddGrant(grant.clone())).await?;
            let scopes = if grant.scopes.is_empty() {
                "without scopes".to_owned()
            } else {
                format!("with {}", grant.scopes)
            };
            let until =
                grant.expires_at.map(|at| format!(", until {}", output::time(at))).unwrap_or_default();
            Ok(Answer {
                text: format!("{} may call {} {scopes}{until}", grant.client, grant.audience),
                json: grant_json(&grant),
            })
        }
        GrantCommand::Remove { client, audience } => {
            let change = Change::RemoveGrant { client: client.clone(), audience: audience.clone() };
            session.apply(change).await?;
            Ok(Answer {
                text: format!("{client} may no longer call {audience}"),
                json: json!({ "client": client, "audience": audience }),
            })
        }
        GrantCommand::List => {
            let state = session.load().await?;
            let grants = state.directory.grants();
            let rows: Vec<[String; 7]> = grants.iter().map(|grant| row(grant)).collect();
            let json: Vec<Value> = grants.into_iter().map(grant_json).collect();
            let headings = ["CLIENT", "AUDIENCE", "SCOPES", "EXCHANGES", "SECONDS", "EXPIRES", "REASON"];
            Ok(Answer { text: table(headings, &rows), json: json.into() })
        }
    }
}

fn row(grant: &ClientGrant) -> [String; 7] {
    [
        grant.client.to_string(),
        grant.audience.to_string(),
        grant.scopes.to_string(),
        grant.exchanges.iter().map(shown).collect::<Vec<_>>().join(" "),
        grant.lifetime.map(|it| it.as_seconds().to_string()).unwrap_or_default(),
        grant.expires_at.map(output::time).unwrap_or_default(),
        grant.reason.as_str().to_owned(),
    ]
}

/// As it is written on the command line.
fn shown(Exchange { from, to }: &Exchange) -> String {
    if from == to { from.to_string() } else { format!("{from}={to}") }
}

fn grant_json(grant: &ClientGrant) -> Value {
    let ClientGrant { client, audience, scopes, lifetime, expires_at, reason, claims, exchanges } = grant;
    json!({
        "client": client,
        "audience": audience,
        "scopes": scopes,
        "lifetime": lifetime,
        "expires_at": expires_at,
        "reason": reason,
        "claims": claims,
        "exchanges": exchanges,
    })
}
