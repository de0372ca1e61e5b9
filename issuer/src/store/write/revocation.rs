//! Revocations.

use sqlx::sqlite::SqliteConnection;

use crate::domain::{ChangeError, LIST_RETENTION, Revocation, RevocationRecord, TokenId, UnixTime};
use crate::store::StoreError;
use crate::store::column::seconds;
use crate::store::read::{StatusListRow, revision};

/// Revokes the blocks of which this is true that tokens may still live in, and counts their positions, with those that
/// were revoked before.
macro_rules! mark {
    ($connection:expr, $record:expr, $revision:expr, $blocks:literal $(, $audience:expr)?) => {{
        // Until then some verifier may still take a token.
        let live = seconds($record.at).saturating_sub(seconds(UnixTime::from_seconds(LIST_RETENTION)));
        sqlx::query(concat!(
            "UPDATE status_block SET revoked_in = $2 WHERE revoked_in IS NULL AND ",
            $blocks,
            " AND list_id IN (SELECT id FROM status_list WHERE expires_at > $3)"
        ))
        .bind($record.what.name())
        .bind($revision)
        .bind(live)
        $(.bind($audience))?
        .execute(&mut *$connection)
        .await?;
        let most: i64 = sqlx::query_scalar(concat!(
            "SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM status_block WHERE revoked_in <= $2 AND ",
            $blocks,
            " AND list_id IN (SELECT id FROM status_list WHERE expires_at > $3)"
        ))
        .bind($record.what.name())
        .bind($revision)
        .bind(live)
        $(.bind($audience))?
        .fetch_one(&mut *$connection)
        .await?;
        most.unsigned_abs()
    }};
}

/// Makes a revocation; `connection` is inside a writing transaction. Returns how many of the tokens that have a status
/// it is about, at most.
pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    record: &RevocationRecord,
) -> Result<u64, StoreError> {
    // The one that this change makes.
    let revision = revision(&mut *connection).await?.saturating_add(1);
    let (is_known, most) = match &record.what {
        Revocation::Token(id) => {
            let is_known = holds(connection, id, record.at).await?;
            (is_known, u64::from(is_known && id.status().is_some()))
        }
        Revocation::Client(client) => (
            exists(connection, "SELECT 1 FROM client WHERE id = $1", client.as_str()).await?,
            mark!(
                connection,
                record,
                revision,
                "(client_id = $1 OR (subject <> client_id AND subject = $1))"
            ),
        ),
        // A grant that is gone may have tokens that are not.
        Revocation::Grant { client, audience } => (
            exists(connection, "SELECT 1 FROM client WHERE id = $1", client.as_str()).await?
                && exists(connection, "SELECT 1 FROM client WHERE id = $1", audience.as_str()).await?,
            mark!(connection, record, revision, "client_id = $1 AND audience_id = $4", audience.as_str()),
        ),
        Revocation::Key(kid) => (
            exists(connection, "SELECT 1 FROM signing_key WHERE kid = $1", kid).await?,
            mark!(connection, record, revision, "kid = $1"),
        ),
    };
    if !is_known && most == 0 {
        return Err(unknown(&record.what).into());
    }
    sqlx::query(
        "INSERT INTO revocation (kind, name, audience, at, expires_at, revision) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kind, name, audience) DO UPDATE
         SET at = excluded.at, expires_at = excluded.expires_at, revision = excluded.revision",
    )
    .bind(record.what.kind())
    .bind(record.what.name())
    .bind(record.what.audience().map_or("", |audience| audience.as_str()))
    .bind(seconds(record.at))
    .bind(seconds(record.expires_at))
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(most)
}

/// Whether there can be such a token: any without a status; one with a status, if its position was handed out and its
/// list is still there.
async fn holds(connection: &mut SqliteConnection, id: &TokenId, now: UnixTime) -> Result<bool, StoreError> {
    let Some(place) = id.status() else { return Ok(true) };
    let row: Option<StatusListRow> = sqlx::query_as("SELECT * FROM status_list WHERE id = $1")
        .bind(place.list.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(list) = row.map(StatusListRow::list).transpose()?.filter(|list| list.is_alive(now)) else {
        return Ok(false);
    };
    let Some(position) = list.position(place.index) else { return Ok(false) };
    let block: Option<i64> = sqlx::query_scalar(
        "SELECT start FROM status_block WHERE list_id = $1 AND start <= $2 AND $2 < start + length",
    )
    .bind(place.list.to_string())
    .bind(i64::from(position))
    .fetch_optional(connection)
    .await?;
    Ok(block.is_some())
}

async fn exists(
    connection: &mut SqliteConnection,
    query: &'static str,
    name: &str,
) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(query).bind(name).fetch_optional(connection).await?;
    Ok(found.is_some())
}

fn unknown(what: &Revocation) -> ChangeError {
    match what {
        Revocation::Token(id) => ChangeError::UnknownToken(id.clone()),
        Revocation::Client(client) => ChangeError::UnknownClient(client.clone()),
        Revocation::Grant { client, audience } => {
            ChangeError::UnknownGrant { client: client.clone(), audience: audience.clone() }
        }
        Revocation::Key(kid) => ChangeError::UnknownKey(kid.clone()),
    }
}

#[cfg(test)]
mod tests;
