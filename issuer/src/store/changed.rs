//! Change records: which parts of the state each of the last revisions made different, so that readers need not read
//! everything again.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;
use sqlx_macros::FromRow;

use super::StoreError;
use super::column::{malformed, parse};
use crate::domain::ClientId;

/// Parts that changed since a revision, at which reading everything is quicker.
const MAX_PARTS: usize = 1000;
/// Revisions of which the records are kept. A reader that is further behind reads everything.
const REVISIONS_KEPT: i64 = 10_000;

/// A part of the state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A client with its credentials and its grants.
    Client(ClientId),
    /// The signing keys.
    SigningKeys,
    /// The status lists, and what is revoked.
    Revocations,
}

#[derive(FromRow)]
struct ChangedRow {
    kind: String,
    client_id: String,
}

impl Part {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::SigningKeys => "signing_keys",
            Self::Revocations => "revocations",
        }
    }

    /// The client; empty for the other kinds.
    fn client(&self) -> &str {
        match self {
            Self::Client(id) => id.as_str(),
            Self::SigningKeys | Self::Revocations => "",
        }
    }
}

/// Counts one more revision, which makes these parts different.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    parts: &BTreeSet<Part>,
) -> Result<i64, StoreError> {
    let revision: i64 =
        sqlx::query_scalar("UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    for part in parts {
        sqlx::query("INSERT INTO changed (revision, kind, client_id) VALUES ($1, $2, $3)")
            .bind(revision)
            .bind(part.kind())
            .bind(part.client())
            .execute(&mut *connection)
            .await?;
    }
    Ok(revision)
}

/// The parts that are different since revision `since`; `None` if they are too many, or the records do not go back so
/// far.
pub(super) async fn since(
    connection: &mut SqliteConnection,
    since: i64,
) -> Result<Option<BTreeSet<Part>>, StoreError> {
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT MIN(revision) FROM changed").fetch_one(&mut *connection).await?;
    // A revision that changed nothing is not among them, so this may read everything once too often.
    if oldest.is_none_or(|oldest| oldest > since.saturating_add(1)) {
        return Ok(None);
    }
    let rows: Vec<ChangedRow> =
        sqlx::query_as("SELECT DISTINCT kind, client_id FROM changed WHERE revision > $1")
            .bind(since)
            .fetch_all(connection)
            .await?;
    if rows.len() > MAX_PARTS {
        return Ok(None);
    }
    let parts = rows.into_iter().map(|ChangedRow { kind, client_id }| match &*kind {
        "client" => Ok(Part::Client(parse("client identifier", &client_id)?)),
        "signing_keys" => Ok(Part::SigningKeys),
        "revocations" => Ok(Part::Revocations),
        _ => Err(malformed("kind of change", &kind)),
    });
    parts.collect::<Result<_, _>>().map(Some)
}

/// Forgets the records of old revisions.
pub(super) async fn purge(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM changed WHERE revision <= (SELECT value FROM revision WHERE id = 1) - $1")
        .bind(REVISIONS_KEPT)
        .execute(connection)
        .await?;
    Ok(())
}
