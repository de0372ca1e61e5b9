//! Policy files: reading them, and telling what is wrong in them.

use std::path::Path;

use serde_json::{Value, json};
use tessera_policy_file::{Bounds, PolicyFile, ReadError};
use tessera_verifier::Problem;

use super::failure::Failure;

/// Reads a policy file.
pub(super) fn read(path: &Path) -> Result<PolicyFile, Failure> {
    read_within(path, Bounds::POLICY)
}

/// Reads a file that policies may be a part of.
pub(super) fn read_within(path: &Path, bounds: Bounds) -> Result<PolicyFile, Failure> {
    PolicyFile::read_within(path, bounds).map_err(|error| match error {
        ReadError::Unreadable(source) => Failure::File { verb: "read", path: path.to_owned(), source },
        ReadError::Problems(problems) => Failure::Policy { path: path.to_owned(), problems },
    })
}

/// A problem as programs read it.
pub(super) fn problem(problem: &Problem) -> Value {
    let Problem { pointer, line, column, message, suggestion } = problem;
    json!({ "place": pointer, "line": line, "column": column, "message": message, "suggestion": suggestion })
}
