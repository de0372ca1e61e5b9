//! Status lists and what is revoked.

use sqlx::sqlite::SqliteConnection;
use sqlx_macros::FromRow;

use super::status_list::StatusListRow;
use crate::domain::{Revocation, RevocationChanges, RevocationRecord};
use crate::store::StoreError;
use crate::store::column::{malformed, parse, position, time};

#[derive(FromRow)]
struct BlockRow {
    list_id: String,
    start: i64,
    length: i64,
}

#[derive(FromRow)]
struct RevocationRow {
    kind: String,
    name: String,
    audience: String,
    at: i64,
    expires_at: i64,
}

/// What came since revision `since`; all there is since the first, which is 0.
pub(super) async fn changes(
    connection: &mut SqliteConnection,
    since: i64,
) -> Result<RevocationChanges, StoreError> {
    let mut changes = RevocationChanges::default();
    let lists: Vec<StatusListRow> = sqlx::query_as("SELECT * FROM status_list WHERE revision > $1")
        .bind(since)
        .fetch_all(&mut *connection)
        .await?;
    for row in lists {
        changes.as_of = changes.as_of.max(row.created_at()?);
        changes.lists.push(row.list()?);
    }
    let blocks: Vec<BlockRow> =
        sqlx::query_as("SELECT list_id, start, length FROM status_block WHERE revoked_in > $1")
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
    for BlockRow { list_id, start, length } in blocks {
        changes.blocks.push((parse("status list", &list_id)?, position(start)?, position(length)?));
    }
    let records: Vec<RevocationRow> = sqlx::query_as("SELECT * FROM revocation WHERE revision > $1")
        .bind(since)
        .fetch_all(connection)
        .await?;
    for row in records {
        let record = row.record()?;
        changes.as_of = changes.as_of.max(record.at);
        changes.records.push(record);
    }
    Ok(changes)
}

impl RevocationRow {
    fn record(self) -> Result<RevocationRecord, StoreError> {
        let what = match &*self.kind {
            "token" => Revocation::Token(parse("name of a token", &self.name)?),
            "client" => Revocation::Client(parse("client identifier", &self.name)?),
            "grant" => Revocation::Grant {
                client: parse("client identifier", &self.name)?,
                audience: parse("client identifier", &self.audience)?,
            },
            "key" => Revocation::Key(self.name),
            _ => return Err(malformed("kind of revocation", &self.kind)),
        };
        Ok(RevocationRecord { what, at: time(self.at)?, expires_at: time(self.expires_at)? })
    }
}
