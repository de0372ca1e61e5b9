//! `tessera grant`.

use serde_json::{Value, json};

use super::args::GrantCommand;
use super::output::{Answer, table};
use super::{Failure, Session};
use crate::domain::{Change, Grant, ScopeSet};
use crate::store::Store as _;

pub(super) async fn run(session: Session, command: GrantCommand) -> Result<Answer, Failure> {
    match command {
        GrantCommand::Add { client, audience, scopes, lifetime } => {
            let scopes = ScopeSet::new(scopes)?;
            let grant = Grant { client, audience, scopes, lifetime: lifetime.unwrap_or_default() };
            session.apply(Change::AddGrant(grant.clone())).await?;
            let scopes = if grant.scopes.is_empty() {
                "without scopes".to_owned()
            } else {
                format!("with {}", grant.scopes)
            };
            let seconds = grant.lifetime.as_seconds();
            Ok(Answer {
                text: format!("{} may call {} {scopes}, {seconds} s a token", grant.client, grant.audience),
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
            let store = session.store().await?;
            let state = store.load().await?;
            store.close().await;
            let grants = state.directory.grants();
            let rows: Vec<[String; 4]> = grants
                .iter()
                .map(|grant| {
                    let lifetime = grant.lifetime.as_seconds().to_string();
                    [grant.client.to_string(), grant.audience.to_string(), grant.scopes.to_string(), lifetime]
                })
                .collect();
            let json: Vec<Value> = grants.into_iter().map(grant_json).collect();
            Ok(Answer { text: table(["CLIENT", "AUDIENCE", "SCOPES", "SECONDS"], &rows), json: json.into() })
        }
    }
}

fn grant_json(grant: &Grant) -> Value {
    let Grant { client, audience, scopes, lifetime } = grant;
    json!({ "client": client, "audience": audience, "scopes": scopes, "lifetime": lifetime })
}
