//! Changes of the signing keys to SQL. Each says what it takes the keys for, and is refused if they are no longer that.

use sqlx::sqlite::SqliteConnection;

use crate::domain::{
    Algorithm, ChangeError, Effect, KeyChange, KeyState, RETIRED_KEY_RETENTION, Resealed, StoredKey, UnixTime,
};
use crate::store::StoreError;
use crate::store::column::{json, parse, seconds, time};

/// Makes `change`; `connection` is inside a writing transaction.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    change: &KeyChange,
    now: UnixTime,
) -> Result<Effect, StoreError> {
    match change {
        KeyChange::Add(keys) => {
            for key in keys {
                let known = find(connection, key.algorithm, KeyState::Active).await?;
                let known = known.or(find(connection, key.algorithm, KeyState::Next).await?);
                if known.is_some_and(|known| keys.iter().all(|key| key.kid != known)) {
                    return Err(ChangeError::KeysExist(key.algorithm).into());
                }
                add(connection, key, key.state).await?;
            }
            Ok(Effect::Created)
        }
        KeyChange::Publish { active, next } => {
            require(connection, next.algorithm, KeyState::Active, active).await?;
            if let Some(other) = find(connection, next.algorithm, KeyState::Next).await? {
                return Err(ChangeError::KeyMovedOn(other).into());
            }
            add(connection, next, KeyState::Next).await?;
            Ok(Effect::Created)
        }
        KeyChange::Rotate { active, next, fresh, .. } => {
            let algorithm = fresh.algorithm;
            require(connection, algorithm, KeyState::Next, next).await?;
            match active {
                Some(active) => retire(connection, algorithm, active, now).await?,
                None => {
                    if let Some(other) = find(connection, algorithm, KeyState::Active).await? {
                        return Err(ChangeError::KeyMovedOn(other).into());
                    }
                }
            }
            activate(connection, next, now).await?;
            add(connection, fresh, KeyState::Next).await?;
            Ok(Effect::Replaced)
        }
        KeyChange::AskForRotation { active } => {
            let asked = sqlx::query(
                "UPDATE signing_key SET rotation_asked_at = $2
                 WHERE kid = $1 AND state = 'active' AND rotation_asked_at IS NULL",
            )
            .bind(active)
            .bind(seconds(now))
            .execute(connection)
            .await?;
            one(asked.rows_affected(), active)?;
            Ok(Effect::Replaced)
        }
        KeyChange::Retire { kid, state, replacement } => {
            let algorithm = remove(connection, kid, *state).await?;
            if *state == KeyState::Active {
                let next = find(connection, algorithm, KeyState::Next).await?;
                match (next, replacement) {
                    (Some(next), None) => activate(connection, &next, now).await?,
                    (None, Some(key)) => add(connection, key, KeyState::Active).await?,
                    // Whoever asked saw something else.
                    (Some(_), Some(_)) | (None, None) => {
                        return Err(ChangeError::KeyMovedOn(kid.clone()).into());
                    }
                }
            }
            Ok(Effect::Removed)
        }
        KeyChange::Remove { kid } => {
            let removed = sqlx::query(
                "DELETE FROM signing_key WHERE kid = $1 AND state = 'retired' AND published_until <= $2",
            )
            .bind(kid)
            .bind(seconds(now))
            .execute(connection)
            .await?;
            one(removed.rows_affected(), kid)?;
            Ok(Effect::Removed)
        }
        KeyChange::Reseal { keys, .. } => {
            for key in keys {
                reseal(connection, key).await?;
            }
            Ok(Effect::Replaced)
        }
    }
}

/// Replaces the box of a private key, which has to be the one that was opened. Of a key that is gone nothing is left
/// to be sealed.
async fn reseal(connection: &mut SqliteConnection, key: &Resealed) -> Result<(), StoreError> {
    let stored: Option<String> = sqlx::query_scalar("SELECT private FROM signing_key WHERE kid = $1")
        .bind(&key.kid)
        .fetch_optional(&mut *connection)
        .await?;
    match stored {
        None => return Ok(()),
        Some(stored) if stored == key.from.to_text() => {}
        Some(_) => return Err(ChangeError::KeyMovedOn(key.kid.clone()).into()),
    }
    sqlx::query("UPDATE signing_key SET private = $2 WHERE kid = $1")
        .bind(&key.kid)
        .bind(key.to.to_text())
        .execute(connection)
        .await?;
    Ok(())
}

/// That there is a key which signs with `algorithm`.
pub(super) async fn require_active(
    connection: &mut SqliteConnection,
    algorithm: Algorithm,
) -> Result<(), StoreError> {
    if find(connection, algorithm, KeyState::Active).await?.is_some() {
        return Ok(());
    }
    Err(match find(connection, algorithm, KeyState::Next).await? {
        Some(_) => ChangeError::NotYetActive(algorithm).into(),
        None => ChangeError::NoKeyOf(algorithm).into(),
    })
}

/// The only key of that algorithm that is *next* or *active*.
async fn find(
    connection: &mut SqliteConnection,
    algorithm: Algorithm,
    state: KeyState,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT kid FROM signing_key WHERE algorithm = $1 AND state = $2")
        .bind(algorithm.as_str())
        .bind(state.as_str())
        .fetch_optional(connection)
        .await?)
}

async fn require(
    connection: &mut SqliteConnection,
    algorithm: Algorithm,
    state: KeyState,
    kid: &str,
) -> Result<(), StoreError> {
    let found = find(connection, algorithm, state).await?;
    if found.as_deref() == Some(kid) { Ok(()) } else { Err(ChangeError::KeyMovedOn(kid.to_owned()).into()) }
}

async fn add(connection: &mut SqliteConnection, key: &StoredKey, state: KeyState) -> Result<(), StoreError> {
    let published_until = match state {
        KeyState::Next | KeyState::Active => None,
        KeyState::Retired { published_until } => Some(seconds(published_until)),
    };
    sqlx::query(
        "INSERT INTO signing_key
         (kid, algorithm, state, since, jwk, private, created_at, rotation_asked_at, published_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8)",
    )
    .bind(&key.kid)
    .bind(key.algorithm.as_str())
    .bind(state.as_str())
    .bind(seconds(key.since))
    .bind(json(&key.jwk, "public key", &key.kid)?)
    .bind(key.private.to_text())
    .bind(seconds(key.created_at))
    .bind(published_until)
    .execute(connection)
    .await?;
    Ok(())
}

/// *next* → *active*.
async fn activate(connection: &mut SqliteConnection, kid: &str, now: UnixTime) -> Result<(), StoreError> {
    let activated =
        sqlx::query("UPDATE signing_key SET state = 'active', since = $2 WHERE kid = $1 AND state = 'next'")
            .bind(kid)
            .bind(seconds(now))
            .execute(connection)
            .await?;
    one(activated.rows_affected(), kid)
}

/// *active* → *retired*.
async fn retire(
    connection: &mut SqliteConnection,
    algorithm: Algorithm,
    kid: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    require(connection, algorithm, KeyState::Active, kid).await?;
    let since: i64 = sqlx::query_scalar("SELECT since FROM signing_key WHERE kid = $1")
        .bind(kid)
        .fetch_one(&mut *connection)
        .await?;
    // It has signed until now. A clock that says it has not even begun was put back; tokens were issued by the other.
    let end = now.max(time(since)?);
    sqlx::query(
        "UPDATE signing_key SET state = 'retired', since = $2, rotation_asked_at = NULL, published_until = $3
         WHERE kid = $1",
    )
    .bind(kid)
    .bind(seconds(now))
    .bind(seconds(end.plus(RETIRED_KEY_RETENTION)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Any state → gone. What the key signed with.
async fn remove(
    connection: &mut SqliteConnection,
    kid: &str,
    state: KeyState,
) -> Result<Algorithm, StoreError> {
    let found: Option<(String, String)> =
        sqlx::query_as("SELECT algorithm, state FROM signing_key WHERE kid = $1")
            .bind(kid)
            .fetch_optional(&mut *connection)
            .await?;
    let (algorithm, found) = found.ok_or_else(|| ChangeError::UnknownKey(kid.to_owned()))?;
    if found != state.as_str() {
        return Err(ChangeError::KeyMovedOn(kid.to_owned()).into());
    }
    sqlx::query("DELETE FROM signing_key WHERE kid = $1").bind(kid).execute(connection).await?;
    parse("algorithm", &algorithm)
}

fn one(rows: u64, kid: &str) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(ChangeError::KeyMovedOn(kid.to_owned()).into()) }
}

#[cfg(test)]
mod tests;
