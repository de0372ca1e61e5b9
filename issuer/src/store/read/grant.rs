//! Grants, with their scopes and exchanges.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx_macros::FromRow;

use super::rows;
use crate::domain::{ClientGrant, CustomClaims, Exchange, Exchanges, Scope, ScopeSet};
use crate::store::StoreError;
use crate::store::column::{lifetime, malformed, parse, time};

#[derive(FromRow)]
struct GrantRow {
    client_id: String,
    audience_id: String,
    lifetime_seconds: Option<i64>,
    expires_at: Option<i64>,
    reason: String,
    claims: String,
}

#[derive(FromRow)]
struct GrantScopeRow {
    client_id: String,
    audience_id: String,
    scope: String,
}

#[derive(FromRow)]
struct ExchangeRow {
    client_id: String,
    audience_id: String,
    from_scope: String,
    to_scope: String,
}

/// What belongs to a grant, by its client and audience.
type ByGrant<T> = HashMap<(String, String), Vec<T>>;

/// The grants of one client, or of all.
pub(super) async fn by_client(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<String, Vec<ClientGrant>>, StoreError> {
    let mut scopes = scopes(&mut *connection, only).await?;
    let mut exchanges = exchanges(&mut *connection, only).await?;
    let rows: Vec<GrantRow> = rows!(connection, only, "client_grant", "client_id")?;
    let mut grants: HashMap<String, Vec<ClientGrant>> = HashMap::new();
    for row in rows {
        let (client, key) = (row.client_id.clone(), (row.client_id.clone(), row.audience_id.clone()));
        let scopes = scopes.remove(&key).unwrap_or_default();
        let exchanges = exchanges.remove(&key).unwrap_or_default();
        grants.entry(client).or_default().push(row.grant(scopes, exchanges)?);
    }
    Ok(grants)
}

/// The scopes that are granted.
async fn scopes(connection: &mut SqliteConnection, only: Option<&str>) -> Result<ByGrant<Scope>, StoreError> {
    let rows: Vec<GrantScopeRow> = rows!(connection, only, "client_grant_scope", "client_id")?;
    let mut scopes = ByGrant::new();
    for GrantScopeRow { client_id, audience_id, scope } in rows {
        scopes.entry((client_id, audience_id)).or_default().push(parse("scope", &scope)?);
    }
    Ok(scopes)
}

/// The exchanges that are granted.
async fn exchanges(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<ByGrant<Exchange>, StoreError> {
    let rows: Vec<ExchangeRow> = rows!(connection, only, "client_grant_exchange", "client_id")?;
    let mut exchanges = ByGrant::new();
    for ExchangeRow { client_id, audience_id, from_scope, to_scope } in rows {
        let exchange = Exchange { from: parse("scope", &from_scope)?, to: parse("scope", &to_scope)? };
        exchanges.entry((client_id, audience_id)).or_default().push(exchange);
    }
    Ok(exchanges)
}

impl GrantRow {
    fn grant(self, scopes: Vec<Scope>, exchanges: Vec<Exchange>) -> Result<ClientGrant, StoreError> {
        let claims = CustomClaims::from_json(&self.claims);
        Ok(ClientGrant {
            client: parse("client identifier", &self.client_id)?,
            audience: parse("client identifier", &self.audience_id)?,
            lifetime: self.lifetime_seconds.map(lifetime).transpose()?,
            expires_at: self.expires_at.map(time).transpose()?,
            reason: parse("description", &self.reason)?,
            claims: claims.ok_or_else(|| malformed("set of claims", &self.claims))?,
            exchanges: exchange_set(exchanges)?,
            scopes: scope_set(scopes)?,
        })
    }
}

/// The set of these scopes.
pub(super) fn scope_set(scopes: Vec<Scope>) -> Result<ScopeSet, StoreError> {
    let count = scopes.len();
    ScopeSet::new(scopes).map_err(|_| malformed("set of scopes", &format!("{count} members")))
}

fn exchange_set(exchanges: Vec<Exchange>) -> Result<Exchanges, StoreError> {
    let count = exchanges.len();
    Exchanges::new(exchanges).map_err(|_| malformed("set of exchanges", &format!("{count} members")))
}
