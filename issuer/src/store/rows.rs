//! Rows to domain types. Whatever a row says is parsed again: the database is input too.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use super::{Changes, State, StoreError, revocation};
use crate::domain::{
    Audience, Client, ClientGrant, ClientId, Credential, CredentialKind, CustomClaims, Description,
    Directory, Entry, Exchange, Exchanges, KeyState, Labels, Lifetime, PrivateKey, Revocations, Scope,
    ScopeSet, StoredKey, UnixTime,
};

/// Characters of a malformed value that an error shows.
const SHOWN: usize = 64;
/// Clients that changed since a revision, at which reading everything is quicker.
const MOST_CHANGED: usize = 1000;
/// What [`changed_client`](../../migrations/0001_directory.sql) calls the signing keys.
pub(super) const SIGNING_KEYS: &str = "";
/// What it calls the status lists and all that is revoked.
pub(super) const STATUS_LISTS: &str = "status lists";

type ClientRow = (String, String, String, i64, Option<i64>, Option<String>, i64, i64);
type CredentialRow = (String, String, String, i64, Option<i64>);
type GrantRow = (String, String, Option<i64>, Option<i64>, String, String);
type KeyRow = (String, String, String, i64, String, String, i64, Option<i64>, Option<i64>);

/// The rows of one client, or of all.
macro_rules! select {
    ($connection:expr, $only:expr, $columns:literal, $table:literal, $key:literal) => {
        match $only {
            None => {
                sqlx::query_as(concat!("SELECT ", $columns, " FROM ", $table)).fetch_all($connection).await
            }
            Some(id) => {
                sqlx::query_as(concat!("SELECT ", $columns, " FROM ", $table, " WHERE ", $key, " = $1"))
                    .bind(id)
                    .fetch_all($connection)
                    .await
            }
        }
    };
}

/// The current revision.
pub(super) async fn revision(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM revision WHERE id = 1").fetch_one(connection).await
}

/// Everything; `connection` is inside a transaction.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<State, StoreError> {
    let revision = revision(connection).await?;
    let directory = Directory::new(entries(connection, None).await?);
    let keys = keys(connection).await?;
    let revocations = Revocations::default().with(revocation::changes(connection, 0).await?);
    Ok(State { revision, directory, keys, revocations: Arc::new(revocations) })
}

/// What is different since revision `since`, or `None` if it is too much; `connection` is inside a transaction.
pub(super) async fn changes(
    connection: &mut SqliteConnection,
    since: i64,
) -> Result<Option<Changes>, StoreError> {
    let revision = revision(connection).await?;
    let known: Option<i64> =
        sqlx::query_scalar("SELECT MIN(revision) FROM changed_client").fetch_one(&mut *connection).await?;
    // A revision that changed nobody is not among them, so this may read everything once too often.
    if known.is_none_or(|oldest| oldest > since.saturating_add(1)) {
        return Ok(None);
    }
    let names: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT client_id FROM changed_client WHERE revision > $1")
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
    if names.len() > MOST_CHANGED {
        return Ok(None);
    }
    let mut changes = Changes { revision, clients: Vec::new(), keys: None, revocations: None };
    for name in names {
        if name == SIGNING_KEYS {
            changes.keys = Some(keys(connection).await?);
            continue;
        }
        if name == STATUS_LISTS {
            changes.revocations = Some(revocation::changes(connection, since).await?);
            continue;
        }
        let entry = entries(connection, Some(&name)).await?.pop();
        changes.clients.push((parse("client identifier", &name)?, entry));
    }
    Ok(Some(changes))
}

/// When each credential was last used, as far as it ever was.
pub(super) async fn last_used(
    connection: &mut SqliteConnection,
) -> Result<HashMap<String, UnixTime>, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT id, last_used_at FROM credential WHERE last_used_at IS NOT NULL")
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(|(id, at)| Ok((id, time(at)?))).collect()
}

/// One client with all that hangs on it, or all clients.
async fn entries(connection: &mut SqliteConnection, only: Option<&str>) -> Result<Vec<Entry>, StoreError> {
    let mut scopes = offered(connection, only).await?;
    let mut credentials = credentials(connection, only).await?;
    let mut grants = grants(connection, only).await?;
    let rows: Vec<ClientRow> = select!(
        &mut *connection,
        only,
        "id, description, labels, enabled, lifetime_seconds, algorithm, status, created_at",
        "client",
        "id"
    )?;
    rows.into_iter()
        .map(|(id, description, labels, enabled, seconds, algorithm, status, created_at)| {
            let (scopes, defaults) = scopes.remove(&id).unwrap_or_default();
            let audience = Audience {
                scopes,
                default_scopes: scope_set(defaults)?,
                lifetime: seconds.map(lifetime).transpose()?,
                algorithm: algorithm.map(|text| parse("algorithm", &text)).transpose()?,
                status: status == 1,
            };
            let client = Client {
                description: parse("description", &description)?,
                labels: label_set(&labels)?,
                enabled: enabled == 1,
                audience,
                credentials: credentials.remove(&id).unwrap_or_default(),
                created_at: time(created_at)?,
                id: parse("client identifier", &id)?,
            };
            Ok(Entry::new(client, grants.remove(&id).unwrap_or_default()))
        })
        .collect()
}

/// The scopes that each client offers, and those among them that are its default.
type Offered = HashMap<String, (BTreeMap<Scope, Description>, Vec<Scope>)>;

async fn offered(connection: &mut SqliteConnection, only: Option<&str>) -> Result<Offered, StoreError> {
    let rows: Vec<(String, String, String, i64)> =
        select!(connection, only, "client_id, scope, description, is_default", "client_scope", "client_id")?;
    let mut offered = Offered::new();
    for (client, scope, description, is_default) in rows {
        let (scopes, defaults) = offered.entry(client).or_default();
        let scope: Scope = parse("scope", &scope)?;
        if is_default == 1 {
            defaults.push(scope.clone());
        }
        scopes.insert(scope, parse("description", &description)?);
    }
    Ok(offered)
}

async fn credentials(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<String, Vec<Arc<Credential>>>, StoreError> {
    let rows: Vec<CredentialRow> = select!(
        connection,
        only,
        "id, client_id, detail, created_at, expires_at",
        "credential",
        "client_id"
    )?;
    let mut credentials: HashMap<String, Vec<Arc<Credential>>> = HashMap::new();
    for (id, client, detail, created_at, expires_at) in rows {
        let kind: CredentialKind = serde_json::from_str(&detail).map_err(|_| malformed("credential", &id))?;
        let credential = Credential {
            kind: kind.checked().map_err(|_| malformed("credential", &id))?,
            id: parse("credential", &id)?,
            client: parse("client identifier", &client)?,
            created_at: time(created_at)?,
            expires_at: expires_at.map(time).transpose()?,
        };
        credentials.entry(client).or_default().push(Arc::new(credential));
    }
    for of_client in credentials.values_mut() {
        of_client.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    }
    Ok(credentials)
}

async fn grants(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<String, Vec<ClientGrant>>, StoreError> {
    let rows: Vec<(String, String, String)> =
        select!(&mut *connection, only, "client_id, audience_id, scope", "client_grant_scope", "client_id")?;
    let mut granted: HashMap<(String, String), Vec<Scope>> = HashMap::new();
    for (client, audience, scope) in rows {
        granted.entry((client, audience)).or_default().push(parse("scope", &scope)?);
    }
    let mut exchanges = exchanges(&mut *connection, only).await?;
    let rows: Vec<GrantRow> = select!(
        connection,
        only,
        "client_id, audience_id, lifetime_seconds, expires_at, reason, claims",
        "client_grant",
        "client_id"
    )?;
    let mut grants: HashMap<String, Vec<ClientGrant>> = HashMap::new();
    for (client, audience, seconds, expires_at, reason, claims) in rows {
        let edge = (client.clone(), audience.clone());
        let grant = ClientGrant {
            client: parse::<ClientId>("client identifier", &client)?,
            audience: parse("client identifier", &audience)?,
            lifetime: seconds.map(lifetime).transpose()?,
            expires_at: expires_at.map(time).transpose()?,
            reason: parse("description", &reason)?,
            claims: CustomClaims::from_json(&claims).ok_or_else(|| malformed("set of claims", &claims))?,
            exchanges: exchange_set(exchanges.remove(&edge).unwrap_or_default())?,
            scopes: scope_set(granted.remove(&edge).unwrap_or_default())?,
        };
        grants.entry(client).or_default().push(grant);
    }
    Ok(grants)
}

/// What may be traded, by client and audience.
async fn exchanges(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<(String, String), Vec<Exchange>>, StoreError> {
    let rows: Vec<(String, String, String, String)> = select!(
        connection,
        only,
        "client_id, audience_id, from_scope, to_scope",
        "client_grant_exchange",
        "client_id"
    )?;
    let mut exchanges: HashMap<_, Vec<Exchange>> = HashMap::new();
    for (client, audience, from, to) in rows {
        let exchange = Exchange { from: parse("scope", &from)?, to: parse("scope", &to)? };
        exchanges.entry((client, audience)).or_default().push(exchange);
    }
    Ok(exchanges)
}

async fn keys(connection: &mut SqliteConnection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT kid, algorithm, state, since, jwk, private, created_at, rotation_asked_at, published_until
         FROM signing_key ORDER BY created_at, kid",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(kid, algorithm, state, since, jwk, private, created_at, asked_at, published_until)| {
            Ok(StoredKey {
                algorithm: parse("algorithm", &algorithm)?,
                state: match (&*state, published_until) {
                    ("next", None) => KeyState::Next,
                    ("active", None) => KeyState::Active,
                    ("retired", Some(until)) => KeyState::Retired { published_until: time(until)? },
                    _ => return Err(malformed("key state", &state)),
                },
                jwk: serde_json::from_str(&jwk).map_err(|_| malformed("public key", &kid))?,
                since: time(since)?,
                rotation_asked_at: asked_at.map(time).transpose()?,
                created_at: time(created_at)?,
                private: PrivateKey::from_text(private),
                kid,
            })
        })
        .collect()
}

pub(super) fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| malformed(what, text))
}

fn scope_set(scopes: Vec<Scope>) -> Result<ScopeSet, StoreError> {
    let count = scopes.len();
    ScopeSet::new(scopes).map_err(|_| malformed("set of scopes", &format!("{count} members")))
}

fn exchange_set(exchanges: Vec<Exchange>) -> Result<Exchanges, StoreError> {
    let count = exchanges.len();
    Exchanges::new(exchanges).map_err(|_| malformed("set of exchanges", &format!("{count} members")))
}

fn label_set(text: &str) -> Result<Labels, StoreError> {
    let wrong = || malformed("set of labels", text);
    let read: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| wrong())?;
    Labels::new(read).map_err(|_| wrong())
}

fn lifetime(seconds: i64) -> Result<Lifetime, StoreError> {
    u64::try_from(seconds)
        .ok()
        .and_then(|seconds| Lifetime::from_seconds(seconds).ok())
        .ok_or_else(|| malformed("lifetime", &seconds.to_string()))
}

pub(super) fn time(seconds: i64) -> Result<UnixTime, StoreError> {
    let seconds = u64::try_from(seconds).map_err(|_| malformed("time", &seconds.to_string()))?;
    Ok(UnixTime::from_seconds(seconds))
}

pub(super) fn malformed(what: &'static str, value: &str) -> StoreError {
    StoreError::Malformed { what, value: format!("{:?}", value.chars().take(SHOWN).collect::<String>()) }
}
