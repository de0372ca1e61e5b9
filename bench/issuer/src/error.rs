//! Why a measurement could not be taken.

use std::{io, path::PathBuf};

use tessera_tests::process::ServerError;

use crate::load::LoadError;

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The machine refused something ordinary.
    #[error("could not {doing}")]
    Machine {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// A key could not be made, or did not sign.
    #[error("a key could not be used")]
    Key,
    /// A command of `tessera` failed.
    #[error("`tessera {command}` failed:\n{said}")]
    Command { command: String, said: String },
    /// What it said is not what was expected.
    #[error("`tessera {command}` said `{said}`")]
    Said { command: String, said: String },
    /// The database could not be filled.
    #[error("the database {} could not be filled", .path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    /// A server did not start.
    #[error("a server did not start")]
    Server(#[from] ServerError),
    /// A server did not issue.
    #[error("{row}")]
    Load {
        row: String,
        #[source]
        source: LoadError,
    },
    /// What a server issued is no token that was asked for: whatever was measured then, it was something else.
    #[error("{row}: the answer is no access token that is signed with {algorithm}")]
    Token { row: String, algorithm: &'static str },
}

/// A failed operation of the machine: `doing` is a verb with its object.
pub(crate) fn refused(doing: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    let doing = doing.into();
    |source| BenchError::Machine { doing, source }
}
