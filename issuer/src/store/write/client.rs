//! Clients and the scopes that they offer.

use sqlx::sqlite::SqliteConnection;

use super::{AppliedChange, require_rows, signing_key};
use crate::domain::{Algorithm, ChangeError, ClientId, ClientUpdate, Effect, MAX_SCOPES, Scope, UnixTime};
use crate::store::StoreError;
use crate::store::changed::Part;
use crate::store::column::{json, lifetime_seconds, parse, seconds};

/// Registers a client.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    id: &ClientId,
    settings: &ClientUpdate,
    now: UnixTime,
) -> Result<(), StoreError> {
    let added = sqlx::query(
        "INSERT INTO client (id, description, labels, enabled, created_at) VALUES ($1, '', '{}', 1, $2)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(seconds(now))
    .execute(&mut *connection)
    .await?;
    require_rows(added.rows_affected(), || ChangeError::ClientExists(id.clone()))?;
    update(connection, id, settings).await
}

/// Changes a client. Its callers are different, too, where a scope leaves their grants.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    id: &ClientId,
    settings: &ClientUpdate,
) -> Result<AppliedChange, StoreError> {
    require(connection, id).await?;
    let mut applied = AppliedChange::new(Effect::Replaced, [Part::Client(id.clone())]);
    if !settings.withdraw.is_empty() {
        applied.changed.extend(callers(connection, id).await?);
    }
    update(connection, id, settings).await?;
    Ok(applied)
}

/// Removes a client with all that hangs on it.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    id: &ClientId,
) -> Result<AppliedChange, StoreError> {
    let mut applied = AppliedChange::new(Effect::Removed, [Part::Client(id.clone())]);
    applied.changed.extend(callers(connection, id).await?);
    let removed =
        sqlx::query("DELETE FROM client WHERE id = $1").bind(id.as_str()).execute(connection).await?;
    require_rows(removed.rows_affected(), || ChangeError::UnknownClient(id.clone()))?;
    Ok(applied)
}

/// That there is such a client.
pub(super) async fn require(connection: &mut SqliteConnection, id: &ClientId) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT created_at FROM client WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    found.map(|_| ()).ok_or_else(|| ChangeError::UnknownClient(id.clone()).into())
}

/// That `client` offers all of these scopes.
pub(super) async fn require_offered(
    connection: &mut SqliteConnection,
    client: &ClientId,
    mut scopes: impl Iterator<Item = &Scope>,
) -> Result<(), StoreError> {
    let offered: Vec<String> = sqlx::query_scalar("SELECT scope FROM client_scope WHERE client_id = $1")
        .bind(client.as_str())
        .fetch_all(connection)
        .await?;
    let is_lacking = |scope: &&Scope| !offered.iter().any(|offered| offered == scope.as_str());
    match scopes.find(is_lacking) {
        Some(scope) => Err(not_offered(client, scope).into()),
        None => Ok(()),
    }
}

/// The clients that have a grant for `audience`.
async fn callers(connection: &mut SqliteConnection, audience: &ClientId) -> Result<Vec<Part>, StoreError> {
    let callers: Vec<String> =
        sqlx::query_scalar("SELECT client_id FROM client_grant WHERE audience_id = $1")
            .bind(audience.as_str())
            .fetch_all(connection)
            .await?;
    callers.iter().map(|client| parse("client identifier", client).map(Part::Client)).collect()
}

async fn update(
    connection: &mut SqliteConnection,
    id: &ClientId,
    settings: &ClientUpdate,
) -> Result<(), StoreError> {
    if let Some(description) = &settings.description {
        sqlx::query("UPDATE client SET description = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(description.as_str())
            .execute(&mut *connection)
            .await?;
    }
    if let Some(labels) = &settings.labels {
        sqlx::query("UPDATE client SET labels = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(json(labels, "set of labels", id.as_str())?)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(enabled) = settings.enabled {
        sqlx::query("UPDATE client SET enabled = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(i64::from(enabled))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(lifetime) = settings.lifetime {
        sqlx::query("UPDATE client SET lifetime_seconds = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(lifetime.map(lifetime_seconds))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(algorithm) = settings.algorithm {
        if let Some(algorithm) = algorithm {
            signing_key::require_active(connection, algorithm).await?;
        }
        sqlx::query("UPDATE client SET algorithm = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(algorithm.map(Algorithm::as_str))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(status) = settings.status {
        sqlx::query("UPDATE client SET status = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(i64::from(status))
            .execute(&mut *connection)
            .await?;
    }
    set_scopes(connection, id, settings).await
}

async fn set_scopes(
    connection: &mut SqliteConnection,
    id: &ClientId,
    settings: &ClientUpdate,
) -> Result<(), StoreError> {
    for (scope, description) in &settings.offer {
        sqlx::query(
            "INSERT INTO client_scope (client_id, scope, description, is_default) VALUES ($1, $2, $3, 0)
             ON CONFLICT (client_id, scope) DO UPDATE SET description = excluded.description",
        )
        .bind(id.as_str())
        .bind(scope.as_str())
        .bind(description.as_str())
        .execute(&mut *connection)
        .await?;
    }
    for scope in &settings.withdraw {
        let withdrawn = sqlx::query("DELETE FROM client_scope WHERE client_id = $1 AND scope = $2")
            .bind(id.as_str())
            .bind(scope.as_str())
            .execute(&mut *connection)
            .await?;
        require_rows(withdrawn.rows_affected(), || not_offered(id, scope))?;
    }
    let offered: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM client_scope WHERE client_id = $1")
        .bind(id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if usize::try_from(offered).is_ok_and(|offered| offered > MAX_SCOPES) {
        return Err(ChangeError::TooManyScopes.into());
    }
    let Some(defaults) = &settings.default_scopes else { return Ok(()) };
    sqlx::query("UPDATE client_scope SET is_default = 0 WHERE client_id = $1")
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    for scope in defaults.iter() {
        let set = sqlx::query("UPDATE client_scope SET is_default = 1 WHERE client_id = $1 AND scope = $2")
            .bind(id.as_str())
            .bind(scope.as_str())
            .execute(&mut *connection)
            .await?;
        require_rows(set.rows_affected(), || not_offered(id, scope))?;
    }
    Ok(())
}

fn not_offered(audience: &ClientId, scope: &Scope) -> ChangeError {
    ChangeError::ScopeNotOffered { audience: audience.clone(), scope: scope.clone() }
}
