//! Rows to domain types. Whatever a row says is parsed again: the database is input too.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;

use super::{State, StoreError};
use crate::domain::{
    Client, ClientId, Directory, Grant, KeySource, KeyState, Lifetime, Profile, Scope, ScopeSet, SecretHash,
    StoredKey, Trust, UnixTime,
};

/// Characters of a malformed value that an error shows.
const SHOWN: usize = 64;

type Key = (String, String, String, String, String, i64, Option<i64>);
type Registration = (String, String, String, String, String, Option<String>, Option<String>);

/// The current revision.
pub(super) async fn revision(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM revision WHERE id = 1").fetch_one(connection).await
}

/// Everything; `connection` is inside a transaction.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<State, StoreError> {
    let revision = revision(connection).await?;
    let clients = clients(connection).await?;
    let grants = grants(connection).await?;
    let trusts = trusts(connection).await?;
    let keys = keys(connection).await?;
    Ok(State { revision, directory: Directory::new(clients, grants, trusts), keys })
}

async fn clients(connection: &mut SqliteConnection) -> Result<Vec<Client>, StoreError> {
    let mut offered: HashMap<String, Vec<Scope>> = HashMap::new();
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT client_id, scope FROM client_scope").fetch_all(&mut *connection).await?;
    for (client, scope) in rows {
        offered.entry(client).or_default().push(parse("scope", &scope)?);
    }
    let rows: Vec<(String, Option<String>, i64)> =
        sqlx::query_as("SELECT id, secret_sha256, created_at FROM client").fetch_all(connection).await?;
    rows.into_iter()
        .map(|(id, secret, created_at)| {
            let secret = match secret {
                None => None,
                Some(text) => Some(
                    SecretHash::from_text(&text)
                        .ok_or_else(|| malformed("secret hash of the client", &id))?,
                ),
            };
            Ok(Client {
                scopes: scope_set(offered.remove(&id))?,
                id: parse("client identifier", &id)?,
                secret,
                created_at: time(created_at)?,
            })
        })
        .collect()
}

async fn grants(connection: &mut SqliteConnection) -> Result<Vec<Grant>, StoreError> {
    let mut granted: HashMap<(String, String), Vec<Scope>> = HashMap::new();
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT client_id, audience_id, scope FROM client_grant_scope")
            .fetch_all(&mut *connection)
            .await?;
    for (client, audience, scope) in rows {
        granted.entry((client, audience)).or_default().push(parse("scope", &scope)?);
    }
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT client_id, audience_id, lifetime_seconds FROM client_grant")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(client, audience, lifetime)| {
            let seconds = u64::try_from(lifetime).unwrap_or(0);
            Ok(Grant {
                client: parse("client identifier", &client)?,
                audience: parse("client identifier", &audience)?,
                lifetime: Lifetime::from_seconds(seconds)
                    .map_err(|_| malformed("lifetime", &lifetime.to_string()))?,
                scopes: scope_set(granted.remove(&(client, audience)))?,
            })
        })
        .collect()
}

async fn trusts(connection: &mut SqliteConnection) -> Result<Vec<Trust>, StoreError> {
    let rows: Vec<Registration> =
        sqlx::query_as("SELECT client_id, issuer, subject, audience, profile, jwks_uri, jwks FROM trust")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(client, issuer, subject, audience, profile, jwks_uri, jwks)| {
            let keys = match (jwks_uri, jwks) {
                (Some(uri), None) => KeySource::uri(&uri),
                (None, Some(set)) => KeySource::inline(&set),
                _ => return Err(malformed("trust of the client", &client)),
            }
            .map_err(|_| malformed("key source of the client", &client))?;
            let trust = Trust {
                client: parse::<ClientId>("client identifier", &client)?,
                issuer,
                keys,
                subject,
                audience: (!audience.is_empty()).then_some(audience),
                profile: parse::<Profile>("profile", &profile)?,
            };
            trust.checked().map_err(|_| malformed("trust of the client", &client))
        })
        .collect()
}

async fn keys(connection: &mut SqliteConnection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<Key> = sqlx::query_as(
        "SELECT kid, algorithm, state, jwk, sealed, created_at, published_until FROM signing_key ORDER BY created_at",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(kid, algorithm, state, jwk, sealed, created_at, published_until)| {
            Ok(StoredKey {
                algorithm: parse("algorithm", &algorithm)?,
                state: match (&*state, published_until) {
                    ("next", None) => KeyState::Next,
                    ("active", None) => KeyState::Active,
                    ("retired", Some(until)) => KeyState::Retired { published_until: time(until)? },
                    _ => return Err(malformed("key state", &state)),
                },
                jwk: serde_json::from_str(&jwk).map_err(|_| malformed("public key", &kid))?,
                created_at: time(created_at)?,
                kid,
                sealed,
            })
        })
        .collect()
}

fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| malformed(what, text))
}

fn scope_set(scopes: Option<Vec<Scope>>) -> Result<ScopeSet, StoreError> {
    let scopes = scopes.unwrap_or_default();
    let count = scopes.len();
    ScopeSet::new(scopes).map_err(|_| malformed("set of scopes", &format!("{count} members")))
}

fn time(seconds: i64) -> Result<UnixTime, StoreError> {
    let seconds = u64::try_from(seconds).map_err(|_| malformed("time", &seconds.to_string()))?;
    Ok(UnixTime::from_seconds(seconds))
}

fn malformed(what: &'static str, value: &str) -> StoreError {
    StoreError::Malformed { what, value: format!("{:?}", value.chars().take(SHOWN).collect::<String>()) }
}
