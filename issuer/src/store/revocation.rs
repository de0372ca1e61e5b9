//! Status lists and revocations: rows to domain types, and back.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use super::apply::seconds;
use super::rows::{STATUS_LISTS, malformed, parse, revision, time};
use crate::domain::{
    Block, BlockRequest, Capacity, ChangeError, LIST_RETENTION, ListId, Revocation, RevocationChanges,
    RevocationRecord, Seed, StatusList, TokenId, UnixTime,
};

/// Expired lists that are forgotten at once, with up to a quarter of a million blocks each, while others wait to write.
/// Once a minute, that is more than the windows that end.
const FORGOTTEN_AT_ONCE: i64 = 8;

type ListRow = (String, String, i64, i64, String, i64);
type RecordRow = (String, String, String, i64, i64);

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

/// What came since revision `since`; all there is since the first, which is 0.
pub(super) async fn changes(
    connection: &mut SqliteConnection,
    since: i64,
) -> Result<RevocationChanges, StoreError> {
    let mut changes = RevocationChanges::default();
    let lists: Vec<ListRow> = sqlx::query_as(
        "SELECT id, algorithm, expires_at, capacity, seed, created_at FROM status_list WHERE revision > $1",
    )
    .bind(since)
    .fetch_all(&mut *connection)
    .await?;
    for row in lists {
        changes.as_of = changes.as_of.max(time(row.5)?);
        changes.lists.push(list(row)?);
    }
    let blocks: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT list_id, start, length FROM status_block WHERE revoked_in > $1")
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
    for (list, start, length) in blocks {
        changes.blocks.push((parse("status list", &list)?, position(start)?, position(length)?));
    }
    let records: Vec<RecordRow> =
        sqlx::query_as("SELECT kind, name, audience, at, expires_at FROM revocation WHERE revision > $1")
            .bind(since)
            .fetch_all(connection)
            .await?;
    for row in records {
        let record = record(row)?;
        changes.as_of = changes.as_of.max(record.at);
        changes.records.push(record);
    }
    Ok(changes)
}

/// Hands out positions; `connection` is inside a writing transaction.
pub(super) async fn allocate(
    connection: &mut SqliteConnection,
    requests: &[BlockRequest],
    now: UnixTime,
) -> Result<Vec<Block>, StoreError> {
    let mut blocks = Vec::with_capacity(requests.len());
    for request in requests {
        blocks.push(allocate_one(connection, request, now).await?);
    }
    Ok(blocks)
}

async fn allocate_one(
    connection: &mut SqliteConnection,
    request: &BlockRequest,
    now: UnixTime,
) -> Result<Block, StoreError> {
    let length = i64::from(request.length);
    let with_room: Option<ListRow> = sqlx::query_as(
        "SELECT id, algorithm, expires_at, capacity, seed, created_at FROM status_list
         WHERE expires_at = $1 AND algorithm = $2 AND used + $3 <= capacity ORDER BY capacity LIMIT 1",
    )
    .bind(seconds(request.expires_at))
    .bind(request.algorithm.as_str())
    .bind(length)
    .fetch_optional(&mut *connection)
    .await?;
    let list = match with_room {
        Some(row) => list(row)?,
        None => add_list(connection, request, now).await?,
    };
    let used: i64 =
        sqlx::query_scalar("UPDATE status_list SET used = used + $2 WHERE id = $1 RETURNING used")
            .bind(list.id.to_string())
            .bind(length)
            .fetch_one(&mut *connection)
            .await?;
    let start = used - length;
    sqlx::query(
        "INSERT INTO status_block (list_id, start, length, client_id, subject, audience_id, kid)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(list.id.to_string())
    .bind(start)
    .bind(length)
    .bind(request.parties.client.as_str())
    .bind(request.parties.subject.as_str())
    .bind(request.parties.audience.as_str())
    .bind(&request.kid)
    .execute(connection)
    .await?;
    Ok(Block { list: Arc::new(list), start: position(start)?, length: request.length })
}

/// Adds a list to a window that has none with room. Every replica has to learn of it, so it makes a revision; nobody's
/// change, so it makes no audit record.
async fn add_list(
    connection: &mut SqliteConnection,
    request: &BlockRequest,
    now: UnixTime,
) -> Result<StatusList, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM status_list WHERE expires_at = $1 AND algorithm = $2")
            .bind(seconds(request.expires_at))
            .bind(request.algorithm.as_str())
            .fetch_one(&mut *connection)
            .await?;
    let capacity = Capacity::of_next(count.unsigned_abs());
    let (id, seed) = (ListId::generate()?, Seed::generate()?);
    let revision: i64 =
        sqlx::query_scalar("UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query("INSERT INTO changed_client (revision, client_id) VALUES ($1, $2)")
        .bind(revision)
        .bind(STATUS_LISTS)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO status_list (id, algorithm, expires_at, capacity, used, seed, created_at, revision)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7)",
    )
    .bind(id.to_string())
    .bind(request.algorithm.as_str())
    .bind(seconds(request.expires_at))
    .bind(i64::from(capacity.positions()))
    .bind(seed.encode())
    .bind(seconds(now))
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(StatusList::new(id, request.algorithm, request.expires_at, capacity, &seed))
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
    let row: Option<ListRow> = sqlx::query_as(
        "SELECT id, algorithm, expires_at, capacity, seed, created_at FROM status_list WHERE id = $1",
    )
    .bind(place.list.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(list) = row.map(list).transpose()?.filter(|list| list.is_alive(now)) else { return Ok(false) };
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

/// Forgets what has no use after `now`; `connection` is inside a writing transaction.
pub(super) async fn purge(connection: &mut SqliteConnection, now: UnixTime) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM revocation WHERE expires_at <= $1")
        .bind(seconds(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM status_list WHERE id IN (SELECT id FROM status_list WHERE expires_at <= $1 LIMIT $2)",
    )
    .bind(seconds(now).saturating_sub(seconds(UnixTime::from_seconds(LIST_RETENTION))))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(connection)
    .await?;
    Ok(())
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

fn list((id, algorithm, expires_at, capacity, seed, _): ListRow) -> Result<StatusList, StoreError> {
    let positions = position(capacity)?;
    Ok(StatusList::new(
        parse("status list", &id)?,
        parse("algorithm", &algorithm)?,
        time(expires_at)?,
        Capacity::of_positions(positions).ok_or_else(|| malformed("capacity", &positions.to_string()))?,
        // What stands there is secret.
        &Seed::decode(&seed).ok_or_else(|| malformed("seed of the status list", &id))?,
    ))
}

fn record((kind, name, audience, at, expires_at): RecordRow) -> Result<RevocationRecord, StoreError> {
    let what = match &*kind {
        "token" => Revocation::Token(parse("name of a token", &name)?),
        "client" => Revocation::Client(parse("client identifier", &name)?),
        "grant" => Revocation::Grant {
            client: parse("client identifier", &name)?,
            audience: parse("client identifier", &audience)?,
        },
        "key" => Revocation::Key(name),
        _ => return Err(malformed("kind of revocation", &kind)),
    };
    Ok(RevocationRecord { what, at: time(at)?, expires_at: time(expires_at)? })
}

fn position(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| malformed("position", &value.to_string()))
}

#[cfg(test)]
mod tests;
