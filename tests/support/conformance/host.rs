//! A host: a command that judges a file of cases.

use std::{
    collections::HashMap,
    io,
    process::{Command, ExitStatus, Stdio},
};

use serde_json::Value;

use super::corpus::{CaseFile, Outcome};

/// A command that judges a file of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    command: String,
}

/// Why a host gave no verdicts that could be compared.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It could not be run.
    #[error("`{command}` could not be run")]
    Run {
        /// The command.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It said that it failed.
    #[error("`{command}` ended with {status}; its words are above")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A line of its output is no verdict on a case of the file.
    #[error("`{command}`, line {line}: {problem}")]
    NoVerdict {
        /// The command.
        command: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Host {
    /// A command line, as a shell reads it.
    #[must_use]
    pub fn new(command: &str) -> Self {
        Self { command: command.to_owned() }
    }

    /// The command line.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The verdicts on the cases of a file, by case. What the host writes to stderr goes where ours goes.
    pub(super) fn judge(&self, file: &CaseFile) -> Result<HashMap<String, Outcome>, HostError> {
        let command = || self.command.clone();
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("exec {} \"$1\"", self.command))
            .arg("sh")
            .arg(file.path())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| HostError::Run { command: command(), source })?;
        if !output.status.success() {
            return Err(HostError::Failed { command: command(), status: output.status });
        }
        let mut verdicts = HashMap::new();
        for (index, line) in String::from_utf8_lossy(&output.stdout).lines().enumerate() {
            let no_verdict = |problem| HostError::NoVerdict { command: command(), line: index + 1, problem };
            let verdict: Value = serde_json::from_str(line).map_err(|error| no_verdict(error.to_string()))?;
            let members = verdict.as_object().ok_or_else(|| no_verdict("no object".to_owned()))?;
            let id = members.get("id").and_then(Value::as_str);
            let id = id.filter(|id| file.cases().iter().any(|case| case.id == *id));
            let id = id.ok_or_else(|| no_verdict("its `id` is none of the file's".to_owned()))?;
            let outcome = Outcome::of(members, file.members());
            if verdicts.insert(id.to_owned(), outcome).is_some() {
                return Err(no_verdict(format!("a second verdict on `{id}`")));
            }
        }
        Ok(verdicts)
    }
}
