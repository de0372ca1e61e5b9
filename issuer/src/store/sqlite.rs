//! The SQLite store: one file, nothing to install.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool};

use super::{Changes, State, Store, StoreError, UsedAssertion, read, write};
use crate::domain::{Actor, Applied, Block, BlockRequest, Change, CredentialId, UnixTime};

/// How long a statement waits for another process's transaction. Ours take milliseconds; whoever waits longer than
/// this faces a backup tool or a hung process, and should hear of it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections at most: one polls, one writes. Tokens read no connection at all.
const MAX_CONNECTIONS: u32 = 2;

static MIGRATIONS: Migrator = sqlx_macros::migrate!("./migrations");
/// Where sqlx keeps what was applied, unless told otherwise.
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

/// An open database file, its schema this version's or an older one. Opening it changes nothing.
#[derive(Debug)]
pub struct SqliteFile {
    path: PathBuf,
    pool: SqlitePool,
    schema: Schema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    Current,
    Older,
}

/// A [`Store`] in one SQLite file (write-ahead log, foreign keys enforced, full durability).
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

/// A connection for one piece of work. It goes back to the pool only if the work was seen to its end.
///
/// After some errors (`SQLITE_FULL`, `SQLITE_IOERR`, `SQLITE_NOMEM`) SQLite has rolled the transaction back by itself
/// (<https://sqlite.org/lang_transaction.html>), which sqlx does not notice: it would take that connection to be inside a
/// transaction for ever.
struct Lease {
    connection: PoolConnection<Sqlite>,
    is_sound: bool,
}

impl SqliteFile {
    /// Opens an existing database.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let pool = Self::connect(path).await?;
        let schema = schema(&pool, path).await?;
        Ok(Self { path: path.to_owned(), pool, schema })
    }

    /// The store in it. An older schema is refused, not migrated: an older server may be running on it.
    pub fn store(self) -> Result<SqliteStore, StoreError> {
        match self.schema {
            Schema::Current => Ok(SqliteStore { pool: self.pool }),
            Schema::Older => Err(StoreError::Older { path: self.path }),
        }
    }

    /// The store in it, its schema brought up to date.
    pub async fn migrate(self) -> Result<SqliteStore, StoreError> {
        SqliteStore::prepare(self.pool).await
    }

    async fn connect(path: &Path) -> Result<SqlitePool, StoreError> {
        // Opened once by ourselves, because SQLite has one answer for "not there", "not allowed" and "no file".
        let file = File::open(path).and_then(|file| file.metadata()).and_then(|metadata| {
            if metadata.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
        });
        file.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
            _ => StoreError::Open { path: path.to_owned(), source },
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        // A file does not hang up, so that nothing is asked of a connection before each use.
        let pool = SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).test_before_acquire(false);
        Ok(pool.connect_with(options).await?)
    }
}

impl SqliteStore {
    /// Opens an existing database, which must have the schema of this version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        SqliteFile::open(path).await?.store()
    }

    /// Makes a new database that only its owner can read. Never overwrites.
    pub async fn create(path: &Path) -> Result<Self, StoreError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        Self::prepare(SqliteFile::connect(path).await?).await
    }

    async fn prepare(pool: SqlitePool) -> Result<Self, StoreError> {
        // Kept in the file, so that opening it need not write: readers and the writer do not wait for each other.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Self { pool })
    }

    /// A connection, for tests that look into the tables.
    #[cfg(test)]
    pub(crate) async fn acquire(&self) -> PoolConnection<Sqlite> {
        self.pool.acquire().await.unwrap()
    }

    /// Finishes what is under way and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl SqliteStore {
    async fn lease(&self) -> Result<Lease, StoreError> {
        Ok(Lease { connection: self.pool.acquire().await?, is_sound: false })
    }

    /// Reads as of one revision.
    async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lease = self.lease().await?;
        let mut transaction = lease.connection.begin().await?;
        let read = work(&mut transaction).await?;
        transaction.rollback().await?;
        lease.is_sound = true;
        Ok(read)
    }

    /// Writes all of it or nothing, durable when this returns. Takes the write lock at once: a transaction that first
    /// reads and then writes could fail half-way.
    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lease = self.lease().await?;
        let mut transaction = lease.connection.begin_with("BEGIN IMMEDIATE").await?;
        let written = match work(&mut transaction).await {
            // The database did all that it was asked.
            Err(StoreError::Refused(error)) => {
                transaction.rollback().await?;
                Err(error.into())
            }
            other => {
                let written = other?;
                transaction.commit().await?;
                Ok(written)
            }
        };
        lease.is_sound = true;
        written
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_sound {
            self.connection.close_on_drop();
        }
    }
}

impl Store for SqliteStore {
    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        async { Ok(read::revision(&mut *self.pool.acquire().await?).await?) }.boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        self.read(async |connection: &mut SqliteConnection| read::state(connection).await).boxed()
    }

    fn changes(&self, since: i64) -> BoxFuture<'_, Result<Option<Changes>, StoreError>> {
        self.read(async move |connection: &mut SqliteConnection| read::changes(connection, since).await)
            .boxed()
    }

    fn apply<'a>(
        &'a self,
        actor: &'a Actor,
        change: &'a Change,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Applied, StoreError>> {
        self.write(async move |connection: &mut SqliteConnection| {
            let applied = write::apply(connection, change, now).await?;
            let revision = write::record(connection, actor, change, &applied, now).await?;
            Ok(Applied { revision, effect: applied.effect })
        })
        .boxed()
    }

    fn mark_used<'a>(
        &'a self,
        assertions: &'a [UsedAssertion],
    ) -> BoxFuture<'a, Result<Vec<bool>, StoreError>> {
        self.write(async |connection: &mut SqliteConnection| write::mark_used(connection, assertions).await)
            .boxed()
    }

    fn allocate<'a>(
        &'a self,
        requests: &'a [BlockRequest],
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Vec<Block>, StoreError>> {
        self.write(async move |connection: &mut SqliteConnection| {
            write::allocate(connection, requests, now).await
        })
        .boxed()
    }

    fn touch<'a>(&'a self, used: &'a [(CredentialId, UnixTime)]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.write(async |connection: &mut SqliteConnection| write::touch(connection, used).await).boxed()
    }

    fn last_used(&self) -> BoxFuture<'_, Result<HashMap<String, UnixTime>, StoreError>> {
        self.read(async |connection: &mut SqliteConnection| read::last_used(connection).await).boxed()
    }

    fn purge(&self, now: UnixTime) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(async move |connection: &mut SqliteConnection| write::purge(connection, now).await).boxed()
    }
}

async fn schema(pool: &SqlitePool, path: &Path) -> Result<Schema, StoreError> {
    let mut connection = pool.acquire().await?;
    let known: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
            .bind(MIGRATIONS_TABLE)
            .fetch_optional(&mut *connection)
            .await?;
    if known.is_none() {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if let Some(version) = connection.dirty_version(MIGRATIONS_TABLE).await? {
        return Err(MigrateError::Dirty(version).into());
    }
    compare(&connection.list_applied_migrations(MIGRATIONS_TABLE).await?)
}

fn compare(applied: &[AppliedMigration]) -> Result<Schema, StoreError> {
    for found in applied {
        let Some(own) = MIGRATIONS.iter().find(|own| own.version == found.version) else {
            return Err(MigrateError::VersionMissing(found.version).into());
        };
        if own.checksum != found.checksum {
            return Err(MigrateError::VersionMismatch(found.version).into());
        }
    }
    let complete = MIGRATIONS.iter().all(|own| applied.iter().any(|found| own.version == found.version));
    Ok(if complete { Schema::Current } else { Schema::Older })
}

#[cfg(test)]
mod tests;
