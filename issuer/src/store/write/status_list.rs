//! Status lists, and the positions in them that are handed out.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use crate::domain::{Block, BlockRequest, Capacity, ListId, Seed, StatusList, UnixTime};
use crate::store::StoreError;
use crate::store::changed::{self, Part};
use crate::store::column::{position, seconds};
use crate::store::read::StatusListRow;

/// Hands out positions; `connection` is inside a writing transaction.
pub(crate) async fn allocate(
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
    let with_room: Option<StatusListRow> = sqlx::query_as(
        "SELECT * FROM status_list
         WHERE expires_at = $1 AND algorithm = $2 AND used + $3 <= capacity ORDER BY capacity LIMIT 1",
    )
    .bind(seconds(request.expires_at))
    .bind(request.algorithm.as_str())
    .bind(length)
    .fetch_optional(&mut *connection)
    .await?;
    let list = match with_room {
        Some(row) => row.list()?,
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
    let revision = changed::record(&mut *connection, &[Part::Revocations].into()).await?;
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
