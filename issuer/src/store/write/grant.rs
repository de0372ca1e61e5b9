//! Grants.

use sqlx::sqlite::SqliteConnection;

use super::client::{require, require_offered};
use super::require_rows;
use crate::domain::{ChangeError, ClientGrant, ClientId, Effect, Exchange, UnixTime};
use crate::store::StoreError;
use crate::store::column::{json, lifetime_seconds, seconds};

/// Grants, or replaces a grant as a whole.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    grant: &ClientGrant,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    let ClientGrant { client, audience, scopes, exchanges, .. } = grant;
    require(connection, client).await?;
    require(connection, audience).await?;
    require_offered(connection, audience, scopes.iter()).await?;
    require_offered(connection, client, exchanges.iter().map(|exchange| &exchange.from)).await?;
    if let Some(exchange) = exchanges.iter().find(|exchange| !scopes.contains(&exchange.to)) {
        return Err(ChangeError::ExchangeNotGranted { scope: exchange.to.clone() }.into());
    }
    let replaced = sqlx::query("DELETE FROM client_grant WHERE client_id = $1 AND audience_id = $2")
        .bind(client.as_str())
        .bind(audience.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO client_grant
         (client_id, audience_id, lifetime_seconds, expires_at, reason, claims, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(client.as_str())
    .bind(audience.as_str())
    .bind(grant.lifetime.map(lifetime_seconds))
    .bind(grant.expires_at.map(seconds))
    .bind(grant.reason.as_str())
    .bind(json(&grant.claims, "set of claims", client.as_str())?)
    .bind(seconds(now))
    .execute(&mut *connection)
    .await?;
    for scope in scopes.iter() {
        sqlx::query("INSERT INTO client_grant_scope (client_id, audience_id, scope) VALUES ($1, $2, $3)")
            .bind(client.as_str())
            .bind(audience.as_str())
            .bind(scope.as_str())
            .execute(&mut *connection)
            .await?;
    }
    for Exchange { from, to } in exchanges.iter() {
        sqlx::query(
            "INSERT INTO client_grant_exchange (client_id, audience_id, from_scope, to_scope)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(client.as_str())
        .bind(audience.as_str())
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(if replaced.rows_affected() > 0 { Effect::Replaced } else { Effect::Created })
}

/// Withdraws a grant.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    client: &ClientId,
    audience: &ClientId,
) -> Result<(), StoreError> {
    let removed = sqlx::query("DELETE FROM client_grant WHERE client_id = $1 AND audience_id = $2")
        .bind(client.as_str())
        .bind(audience.as_str())
        .execute(connection)
        .await?;
    require_rows(removed.rows_affected(), || ChangeError::UnknownGrant {
        client: client.clone(),
        audience: audience.clone(),
    })
}
