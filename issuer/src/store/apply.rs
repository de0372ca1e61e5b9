//! Changes to SQL. Every statement is one that SQLite and PostgreSQL share.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::sqlite::SqliteConnection;

use super::rows::{SIGNING_KEYS, STATUS_LISTS};
use super::{StoreError, revocation, signing_keys};
use crate::domain::{
    Actor, Algorithm, Change, ChangeError, ClientGrant, ClientId, ClientUpdate, Credential, CredentialId,
    CredentialKind, Effect, Exchange, MAX_CREDENTIALS, MAX_SCOPES, MAX_SECRETS, Scope, UnixTime,
    WorkloadRegistration,
};

/// A change that was made: its effect, and whom it was about.
pub(super) struct Made {
    pub(super) effect: Effect,
    /// Clients whose rows are different now; an empty name for the signing keys.
    changed: BTreeSet<String>,
}

impl Made {
    fn new<'a>(effect: Effect, changed: impl IntoIterator<Item = &'a str>) -> Self {
        Self { effect, changed: changed.into_iter().map(str::to_owned).collect() }
    }
}

/// Makes `change`; `connection` is inside a writing transaction, which the caller drops on an error.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    change: &Change,
    now: UnixTime,
) -> Result<Made, StoreError> {
    match change {
        Change::AddClient { id, settings, credential } => {
            add_client(connection, id, now).await?;
            set_client(connection, id, settings).await?;
            if let Some(credential) = credential {
                add_credential(connection, credential).await?;
            }
            Ok(Made::new(Effect::Created, [id.as_str()]))
        }
        Change::SetClient { id, settings } => {
            require(connection, id).await?;
            let mut made = Made::new(Effect::Replaced, [id.as_str()]);
            if !settings.withdraw.is_empty() {
                made.changed.extend(callers(connection, id).await?);
            }
            set_client(connection, id, settings).await?;
            Ok(made)
        }
        Change::RemoveClient { id } => {
            let mut made = Made::new(Effect::Removed, [id.as_str()]);
            made.changed.extend(callers(connection, id).await?);
            let removed =
                sqlx::query("DELETE FROM client WHERE id = $1").bind(id.as_str()).execute(connection).await?;
            some(removed.rows_affected(), || ChangeError::UnknownClient(id.clone()))?;
            Ok(made)
        }
        Change::AddCredential(credential) => {
            require(connection, &credential.client).await?;
            add_credential(connection, credential).await?;
            Ok(Made::new(Effect::Created, [credential.client.as_str()]))
        }
        Change::RemoveCredential { id } => remove_credential(connection, id).await,
        Change::AddGrant(grant) => {
            let effect = add_grant(connection, grant, now).await?;
            Ok(Made::new(effect, [grant.client.as_str()]))
        }
        Change::RemoveGrant { client, audience } => {
            let removed = sqlx::query("DELETE FROM client_grant WHERE client_id = $1 AND audience_id = $2")
                .bind(client.as_str())
                .bind(audience.as_str())
                .execute(connection)
                .await?;
            some(removed.rows_affected(), || ChangeError::UnknownGrant {
                client: client.clone(),
                audience: audience.clone(),
            })?;
            Ok(Made::new(Effect::Removed, [client.as_str()]))
        }
        Change::Keys(change) => {
            Ok(Made::new(signing_keys::apply(connection, change, now).await?, [SIGNING_KEYS]))
        }
        Change::Revoke(record) => {
            let most = revocation::revoke(connection, record).await?;
            Ok(Made::new(Effect::Revoked { most }, [STATUS_LISTS]))
        }
    }
}

/// Counts the change, writes its audit record, and tells readers what to read again.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    actor: &Actor,
    change: &Change,
    made: &Made,
    now: UnixTime,
) -> Result<i64, StoreError> {
    let revision: i64 =
        sqlx::query_scalar("UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    for client in &made.changed {
        sqlx::query("INSERT INTO changed_client (revision, client_id) VALUES ($1, $2)")
            .bind(revision)
            .bind(client)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "INSERT INTO audit (revision, at, actor, action, subject, detail, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(revision)
    .bind(seconds(now))
    .bind(actor.as_str())
    .bind(change.action())
    .bind(change.subject())
    .bind(change.detail().to_string())
    .bind(made.effect.as_str())
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

/// Who has a grant for `audience`.
async fn callers(connection: &mut SqliteConnection, audience: &ClientId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT client_id FROM client_grant WHERE audience_id = $1")
        .bind(audience.as_str())
        .fetch_all(connection)
        .await?)
}

async fn add_client(
    connection: &mut SqliteConnection,
    id: &ClientId,
    now: UnixTime,
) -> Result<(), StoreError> {
    let added = sqlx::query(
        "INSERT INTO client (id, description, labels, enabled, created_at) VALUES ($1, '', '{}', 1, $2)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(seconds(now))
    .execute(connection)
    .await?;
    some(added.rows_affected(), || ChangeError::ClientExists(id.clone()))
}

async fn set_client(
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
            .bind(lifetime.map(|it| seconds(UnixTime::from_seconds(it.as_seconds()))))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(algorithm) = settings.algorithm {
        if let Some(algorithm) = algorithm {
            signing_keys::require_active(connection, algorithm).await?;
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
        some(withdrawn.rows_affected(), || not_offered(id, scope))?;
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
        some(set.rows_affected(), || not_offered(id, scope))?;
    }
    Ok(())
}

fn not_offered(audience: &ClientId, scope: &Scope) -> ChangeError {
    ChangeError::ScopeNotOffered { audience: audience.clone(), scope: scope.clone() }
}

async fn add_credential(
    connection: &mut SqliteConnection,
    credential: &Credential,
) -> Result<(), StoreError> {
    let Credential { id, client, kind, created_at, expires_at } = credential;
    let details: Vec<String> = sqlx::query_scalar("SELECT detail FROM credential WHERE client_id = $1")
        .bind(client.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let is_secret = |detail: &&String| matches!(serde_json::from_str(detail), Ok(CredentialKind::Secret(_)));
    let secrets = details.iter().filter(is_secret).count();
    if details.len() >= MAX_CREDENTIALS || (kind.as_str() == "secret" && secrets >= MAX_SECRETS) {
        return Err(ChangeError::TooManyCredentials.into());
    }
    let workload_key = match kind {
        CredentialKind::Workload(registration) => Some(workload_key(connection, client, registration).await?),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO credential (id, client_id, detail, workload_key, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_str())
    .bind(client.as_str())
    .bind(json(kind, "credential", id.as_str())?)
    .bind(workload_key)
    .bind(seconds(*created_at))
    .bind(expires_at.map(seconds))
    .execute(connection)
    .await?;
    Ok(())
}

/// A digest of all that chooses a registration, and a refusal if one with the same is there.
async fn workload_key(
    connection: &mut SqliteConnection,
    client: &ClientId,
    registration: &WorkloadRegistration,
) -> Result<String, StoreError> {
    let WorkloadRegistration { issuer, audience, conditions, .. } = registration;
    let choice = json(&(issuer, audience, conditions.as_json()), "credential", client.as_str())?;
    let key = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, choice.as_bytes()));
    let holder: Option<String> =
        sqlx::query_scalar("SELECT client_id FROM credential WHERE workload_key = $1")
            .bind(&key)
            .fetch_optional(connection)
            .await?;
    match holder {
        None => Ok(key),
        Some(holder) => {
            let client = holder.parse().map_err(|_| StoreError::Malformed {
                what: "client identifier",
                value: format!("{holder:?}"),
            })?;
            Err(ChangeError::WorkloadTaken { issuer: issuer.clone(), client }.into())
        }
    }
}

async fn remove_credential(connection: &mut SqliteConnection, id: &CredentialId) -> Result<Made, StoreError> {
    let client: Option<String> =
        sqlx::query_scalar("DELETE FROM credential WHERE id = $1 RETURNING client_id")
            .bind(id.as_str())
            .fetch_optional(connection)
            .await?;
    let client = client.ok_or_else(|| ChangeError::UnknownCredential(id.clone()))?;
    Ok(Made::new(Effect::Removed, [&*client]))
}

async fn add_grant(
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
    .bind(grant.lifetime.map(|it| seconds(UnixTime::from_seconds(it.as_seconds()))))
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

/// Whether `client` offers all of these scopes.
async fn require_offered(
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

fn some(rows: u64, missing: impl FnOnce() -> ChangeError) -> Result<(), StoreError> {
    if rows == 0 { Err(missing().into()) } else { Ok(()) }
}

pub(super) fn json<T: serde::Serialize>(
    value: &T,
    what: &'static str,
    of: &str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Malformed { what, value: of.to_owned() })
}

/// As a `BIGINT`; a time beyond its range is the end of time.
pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_seconds()).unwrap_or(i64::MAX)
}
