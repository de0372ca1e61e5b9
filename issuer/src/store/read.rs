//! Rows to domain types.

mod client;
mod grant;
mod revocation;
mod signing_key;
mod status_list;

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use super::changed::{self, Part};
use super::column::time;
use super::{Changes, State, StoreError};
use crate::domain::{Directory, Revocations, UnixTime};

pub(super) use status_list::StatusListRow;

/// The current revision.
pub(super) async fn revision(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM revision WHERE id = 1").fetch_one(connection).await
}

/// Everything; `connection` is inside a transaction.
pub(super) async fn state(connection: &mut SqliteConnection) -> Result<State, StoreError> {
    let revision = revision(connection).await?;
    let directory = Directory::new(client::entries(connection, None).await?);
    let keys = signing_key::all(connection).await?;
    let revocations = Revocations::default().with(revocation::changes(connection, 0).await?);
    Ok(State { revision, directory, keys, revocations: Arc::new(revocations) })
}

/// What is different since revision `since`, or `None` if it is too much; `connection` is inside a transaction.
pub(super) async fn changes(
    connection: &mut SqliteConnection,
    since: i64,
) -> Result<Option<Changes>, StoreError> {
    let revision = revision(connection).await?;
    let Some(parts) = changed::since(connection, since).await? else { return Ok(None) };
    let mut changes = Changes { revision, clients: Vec::new(), keys: None, revocations: None };
    for part in parts {
        match part {
            Part::SigningKeys => changes.keys = Some(signing_key::all(connection).await?),
            Part::Revocations => changes.revocations = Some(revocation::changes(connection, since).await?),
            Part::Client(id) => {
                let entry = client::entries(connection, Some(id.as_str())).await?.pop();
                changes.clients.push((id, entry));
            }
        }
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

/// The rows of one client, or of all.
macro_rules! rows {
    ($connection:expr, $only:expr, $table:literal, $key:literal) => {
        match $only {
            None => sqlx::query_as(concat!("SELECT * FROM ", $table)).fetch_all($connection).await,
            Some(id) => {
                sqlx::query_as(concat!("SELECT * FROM ", $table, " WHERE ", $key, " = $1"))
                    .bind(id)
                    .fetch_all($connection)
                    .await
            }
        }
    };
}
use rows;
