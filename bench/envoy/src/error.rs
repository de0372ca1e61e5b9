//! Why a measurement could not be taken.

use std::{error::Error, io};

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The machine refused a file, a folder or a process.
    #[error("could not {doing}")]
    Machine {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// The Envoy of a row did not start, or did not answer as it has to.
    #[error("the Envoy of {row} {problem}")]
    Envoy { row: String, problem: String },
    /// Some of the requests of the load were not answered by success.
    #[error("not every request of wrk was answered as expected:\n{said}")]
    Load { said: String },
    /// The token could not be minted.
    #[error("tests/judges/judge.py: {0}")]
    Mint(String),
    /// A signal to stop came first.
    #[error("the benchmark was interrupted")]
    Interrupted,
}

/// The failure of an ordinary operation: `doing` is a verb with its object.
pub(crate) fn refused(doing: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    let doing = doing.into();
    |source| BenchError::Machine { doing, source }
}

/// The failure of the Envoy of `row`, with the causes of `error`.
pub(crate) fn failed(row: &str, error: &dyn Error) -> BenchError {
    let mut problem = format!("failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        problem = format!("{problem}: {error}");
        cause = error.source();
    }
    BenchError::Envoy { row: row.to_owned(), problem }
}
