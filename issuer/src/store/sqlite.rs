//! The SQLite store: one file, nothing to install.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{State, Store, StoreError, apply, rows};
use crate::domain::{Actor, Applied, Change, UnixTime};

/// How long a statement waits for another process's transaction. Ours take milliseconds; whoever waits longer than
/// this faces a backup tool or a hung process, and should hear of it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections at most: one polls, one writes. Tokens read no connection at all.
const MAX_CONNECTIONS: u32 = 2;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// A [`Store`] in one SQLite file (write-ahead log, foreign keys enforced, full durability).
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens an existing database and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        // Opened once by ourselves, because SQLite has the same answer for "not there" and "not allowed".
        File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
            _ => StoreError::Open { path: path.to_owned(), source },
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Self { pool })
    }

    /// Makes a new database that only its owner can read. Never overwrites.
    pub async fn create(path: &Path) -> Result<Self, StoreError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        Self::open(path).await
    }

    /// Finishes what is under way and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Store for SqliteStore {
    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        async { Ok(rows::revision(&mut *self.pool.acquire().await?).await?) }.boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        async {
            let mut transaction = self.pool.begin().await?;
            let state = rows::load(&mut transaction).await?;
            transaction.rollback().await?;
            Ok(state)
        }
        .boxed()
    }

    fn apply<'a>(
        &'a self,
        actor: &'a Actor,
        change: &'a Change,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Applied, StoreError>> {
        async move {
            // Takes the write lock at once: a transaction that first reads and then writes could fail half-way.
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            let effect = apply::apply(&mut transaction, change, now).await?;
            let revision = apply::record(&mut transaction, actor, change, effect, now).await?;
            transaction.commit().await?;
            Ok(Applied { revision, effect })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
