//! `tessera policy`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};
use tessera_policy_file::{PolicyFile, ReadError};
use tessera_verifier::{Problem, policy_schema};

use super::output::{self, Answer};
use super::{Failure, POLICY_IS_WRONG};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Check a policy file, and tell everything that is wrong in it
    ///
    /// A file that begins with { is JSON, any other YAML. Each problem is a line on stderr: file, line, column, the
    /// place in the document (a JSON Pointer), what is wrong and, where that can be told, what to write. With
    /// --json they are an array on stdout, empty for a good policy.
    #[command(after_help = "\
Exit codes:
  0  every host of the verifier takes the policy
  1  the file cannot be read
  3  there are problems

Examples:
  tessera policy check policy.yaml
  tessera policy check policy.yaml --json")]
    Check {
        /// The policy file
        file: PathBuf,
    },
    /// Print the JSON Schema of the policy document, for editors and other programs
    #[command(after_help = "\
Examples:
  tessera policy schema > tessera-policy.schema.json")]
    Schema,
}

pub(super) fn run(command: PolicyCommand, json: bool) -> Result<ExitCode, Failure> {
    let file = match command {
        PolicyCommand::Check { file } => file,
        PolicyCommand::Schema => {
            output::text(&policy_schema())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let problems = match read(&file).and_then(|policy| loaded(&file, &policy)) {
        Ok(()) => Vec::new(),
        Err(Failure::Policy { problems, .. }) if json => problems,
        Err(failure) => return Err(failure),
    };
    let code = if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(POLICY_IS_WRONG) };
    let answer = Answer {
        text: format!("{} is a good policy", file.display()),
        json: problems.iter().map(problem).collect::<Vec<_>>().into(),
    };
    output::answer(&answer, json)?;
    Ok(code)
}

/// Reads a policy file.
pub(super) fn read(path: &Path) -> Result<PolicyFile, Failure> {
    PolicyFile::read(path).map_err(|error| match error {
        ReadError::Unreadable(source) => Failure::File { verb: "read", path: path.to_owned(), source },
        ReadError::Problems(problems) => Failure::Policy { path: path.to_owned(), problems },
    })
}

fn loaded(path: &Path, policy: &PolicyFile) -> Result<(), Failure> {
    let problems = |problems| Failure::Policy { path: path.to_owned(), problems };
    policy.load().map(drop).map_err(problems)
}

/// A problem as programs read it.
pub(super) fn problem(problem: &Problem) -> Value {
    let Problem { place, line, column, message, suggestion } = problem;
    json!({ "place": place, "line": line, "column": column, "message": message, "suggestion": suggestion })
}
