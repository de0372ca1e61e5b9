//! Changes to SQL. Every statement is one that SQLite and PostgreSQL share.

use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use crate::domain::{
    Actor, Change, ChangeError, ClientId, Effect, Grant, KeySource, KeyState, RETIRED_KEY_RETENTION, Scope,
    ScopeSet, StoredKey, Trust, UnixTime,
};

/// Makes `change`; `connection` is inside a writing transaction, which the caller drops on an error.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    change: &Change,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    match change {
        Change::AddClient { id, scopes, secret } => {
            let added = sqlx::query(
                "INSERT INTO client (id, secret_sha256, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
            )
            .bind(id.as_str())
            .bind(secret.as_ref().map(crate::domain::SecretHash::to_text))
            .bind(seconds(now))
            .execute(&mut *connection)
            .await?;
            if added.rows_affected() == 0 {
                return Err(ChangeError::ClientExists(id.clone()).into());
            }
            offer(connection, id, scopes).await?;
            Ok(Effect::Created)
        }
        Change::OfferScopes { id, scopes } => {
            require(connection, id).await?;
            offer(connection, id, scopes).await?;
            Ok(Effect::Replaced)
        }
        Change::RemoveClient { id } => {
            let removed =
                sqlx::query("DELETE FROM client WHERE id = $1").bind(id.as_str()).execute(connection).await?;
            some(removed.rows_affected(), Effect::Removed, || ChangeError::UnknownClient(id.clone()))
        }
        Change::SetSecret { id, secret } => {
            let changed = sqlx::query("UPDATE client SET secret_sha256 = $2 WHERE id = $1")
                .bind(id.as_str())
                .bind(secret.to_text())
                .execute(connection)
                .await?;
            some(changed.rows_affected(), Effect::Replaced, || ChangeError::UnknownClient(id.clone()))
        }
        Change::AddTrust(trust) => add_trust(connection, trust, now).await,
        Change::RemoveTrust { client, issuer, subject } => {
            let removed =
                sqlx::query("DELETE FROM trust WHERE client_id = $1 AND issuer = $2 AND subject = $3")
                    .bind(client.as_str())
                    .bind(issuer)
                    .bind(subject)
                    .execute(connection)
                    .await?;
            some(removed.rows_affected(), Effect::Removed, || ChangeError::UnknownTrust {
                client: client.clone(),
                issuer: issuer.clone(),
                subject: subject.clone(),
            })
        }
        Change::AddGrant(grant) => add_grant(connection, grant, now).await,
        Change::RemoveGrant { client, audience } => {
            let removed = sqlx::query("DELETE FROM client_grant WHERE client_id = $1 AND audience_id = $2")
                .bind(client.as_str())
                .bind(audience.as_str())
                .execute(connection)
                .await?;
            some(removed.rows_affected(), Effect::Removed, || ChangeError::UnknownGrant {
                client: client.clone(),
                audience: audience.clone(),
            })
        }
        Change::AddKeys(keys) => {
            for key in keys {
                add_key(connection, key).await?;
            }
            Ok(Effect::Created)
        }
        Change::RotateKeys(next) => rotate(connection, next, now).await,
    }
}

/// Counts the change and writes its audit record.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    actor: &Actor,
    change: &Change,
    effect: Effect,
    now: UnixTime,
) -> Result<i64, StoreError> {
    let revision: i64 =
        sqlx::query_scalar("UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query(
        "INSERT INTO audit (revision, at, actor, action, subject, detail, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(revision)
    .bind(seconds(now))
    .bind(actor.as_str())
    .bind(change.action())
    .bind(change.subject())
    .bind(change.detail().to_string())
    .bind(effect.as_str())
    .execute(connection)
    .await?;
    Ok(revision)
}

async fn require(connection: &mut SqliteConnection, id: &ClientId) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT created_at FROM client WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    found.map(|_| ()).ok_or_else(|| ChangeError::UnknownClient(id.clone()).into())
}

async fn offer(
    connection: &mut SqliteConnection,
    id: &ClientId,
    scopes: &ScopeSet,
) -> Result<(), StoreError> {
    for scope in scopes.iter() {
        sqlx::query("INSERT INTO client_scope (client_id, scope) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.as_str())
            .bind(scope.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn add_trust(
    connection: &mut SqliteConnection,
    trust: &Trust,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    require(connection, &trust.client).await?;
    let audience = trust.audience.as_deref().unwrap_or_default();
    let holder: Option<String> = sqlx::query_scalar(
        "SELECT client_id FROM trust WHERE issuer = $1 AND subject = $2 AND audience = $3",
    )
    .bind(&trust.issuer)
    .bind(&trust.subject)
    .bind(audience)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(client) = holder.as_ref().filter(|holder| *holder != trust.client.as_str()) {
        let client = client
            .parse()
            .map_err(|_| StoreError::Malformed { what: "client identifier", value: format!("{client:?}") })?;
        let (issuer, subject) = (trust.issuer.clone(), trust.subject.clone());
        return Err(ChangeError::TrustTaken { issuer, subject, client }.into());
    }
    let (jwks_uri, jwks) = match &trust.keys {
        KeySource::Uri(uri) => (Some(uri), None),
        KeySource::Inline(set) => (None, Some(set)),
    };
    sqlx::query(
        "INSERT INTO trust (issuer, subject, audience, client_id, profile, jwks_uri, jwks, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (issuer, subject, audience) DO UPDATE
         SET profile = excluded.profile, jwks_uri = excluded.jwks_uri, jwks = excluded.jwks",
    )
    .bind(&trust.issuer)
    .bind(&trust.subject)
    .bind(audience)
    .bind(trust.client.as_str())
    .bind(trust.profile.as_str())
    .bind(jwks_uri)
    .bind(jwks)
    .bind(seconds(now))
    .execute(connection)
    .await?;
    Ok(if holder.is_some() { Effect::Replaced } else { Effect::Created })
}

async fn add_grant(
    connection: &mut SqliteConnection,
    grant: &Grant,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    let Grant { client, audience, scopes, lifetime } = grant;
    require(connection, client).await?;
    require(connection, audience).await?;
    let offered: Vec<String> = sqlx::query_scalar("SELECT scope FROM client_scope WHERE client_id = $1")
        .bind(audience.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let is_offered = |scope: &&Scope| !offered.iter().any(|offered| offered == scope.as_str());
    if let Some(scope) = scopes.iter().find(is_offered) {
        return Err(ChangeError::ScopeNotOffered { audience: audience.clone(), scope: scope.clone() }.into());
    }
    let replaced = sqlx::query("DELETE FROM client_grant WHERE client_id = $1 AND audience_id = $2")
        .bind(client.as_str())
        .bind(audience.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO client_grant (client_id, audience_id, lifetime_seconds, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(client.as_str())
    .bind(audience.as_str())
    .bind(seconds(UnixTime::from_seconds(lifetime.as_seconds())))
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
    Ok(if replaced.rows_affected() > 0 { Effect::Replaced } else { Effect::Created })
}

async fn add_key(connection: &mut SqliteConnection, key: &StoredKey) -> Result<(), StoreError> {
    let published_until = match key.state {
        KeyState::Next | KeyState::Active => None,
        KeyState::Retired { published_until } => Some(seconds(published_until)),
    };
    let jwk = serde_json::to_string(&key.jwk)
        .map_err(|_| StoreError::Malformed { what: "public key", value: key.kid.clone() })?;
    sqlx::query(
        "INSERT INTO signing_key (kid, algorithm, state, jwk, sealed, created_at, published_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&key.kid)
    .bind(key.algorithm.as_str())
    .bind(key.state.as_str())
    .bind(jwk)
    .bind(&key.sealed)
    .bind(seconds(key.created_at))
    .bind(published_until)
    .execute(connection)
    .await?;
    Ok(())
}

async fn rotate(
    connection: &mut SqliteConnection,
    next: &StoredKey,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    sqlx::query("DELETE FROM signing_key WHERE state = 'retired' AND published_until <= $1")
        .bind(seconds(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE signing_key SET state = 'retired', published_until = $1 WHERE state = 'active'")
        .bind(seconds(now.plus(RETIRED_KEY_RETENTION)))
        .execute(&mut *connection)
        .await?;
    let promoted = sqlx::query("UPDATE signing_key SET state = 'active' WHERE state = 'next'")
        .execute(&mut *connection)
        .await?;
    add_key(connection, next).await?;
    some(promoted.rows_affected(), Effect::Replaced, || ChangeError::NoKeys)
}

fn some(rows: u64, effect: Effect, missing: impl FnOnce() -> ChangeError) -> Result<Effect, StoreError> {
    if rows == 0 { Err(missing().into()) } else { Ok(effect) }
}

/// As a `BIGINT`; a time beyond its range is the end of time.
fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_seconds()).unwrap_or(i64::MAX)
}
