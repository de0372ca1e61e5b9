//! What goes wrong with a store.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use crate::domain::{ChangeError, RandomError};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No file where the database should be.
    #[error("there is no database at {}; `tessera init` makes one", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is there and cannot be opened.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process holds the database for longer than we wait.
    #[error("the database is locked by another process")]
    Locked(#[source] sqlx::Error),
    /// Not a database, or a broken one.
    #[error("the database is damaged, or is no database")]
    Damaged(#[source] sqlx::Error),
    /// A database that this program did not make.
    #[error("{} is no database of an issuer; `tessera init` makes one", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// Its schema is that of an older version, which may be serving from it.
    #[error(
        "the database {} has the schema of an older version of tessera: use that version, or back the file up, \
         stop the old server and start `tessera serve` of this version, which brings it up to date",
        path.display()
    )]
    Older {
        /// Which file.
        path: PathBuf,
    },
    /// Its schema is that of a newer version.
    #[error("the database has the schema of a newer version of tessera: use that version")]
    Newer(#[source] MigrateError),
    /// Its schema is not one that any version made.
    #[error("the database does not have a schema that tessera made; restore it from a backup")]
    Schema(#[source] MigrateError),
    /// A row that the domain does not allow: someone wrote past this program.
    #[error("the database holds a malformed {what}: {value}")]
    Malformed {
        /// What it should have been.
        what: &'static str,
        /// What stands there, shortened; never a secret.
        value: String,
    },
    /// Any other failure of the database.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// No randomness for a status list.
    #[error("a status list could not be made")]
    Random(#[from] RandomError),
    /// The change is not possible as things are.
    #[error(transparent)]
    Refused(#[from] ChangeError),
}

/// SQLite's primary result codes (sqlite.org/rescode.html) that an operator can do something about.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;
/// An extended result code has the primary one in its lowest byte.
const PRIMARY_CODE: u32 = 0xff;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|it| it.code()?.parse::<u32>().ok());
        match code.map(|code| code & PRIMARY_CODE) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Locked(error),
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Damaged(error),
            _ => Self::Database(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error @ MigrateError::VersionMissing(_) => Self::Newer(error),
            other => Self::Schema(other),
        }
    }
}
