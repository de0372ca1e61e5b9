//! The `tessera` command line, used as a script would use it.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use serde_json::Value;
use tokio::process::Command;

/// `tessera --config FILE --json …`.
#[derive(Debug, Clone)]
pub struct Cli {
    program: PathBuf,
    config: PathBuf,
}

/// Why a command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The program could not be run at all.
    #[error("`{line}` could not be run")]
    Run {
        /// The command line.
        line: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ran and refused.
    #[error("`{line}` ended with {status}: {stderr}")]
    Refused {
        /// The command line.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// It succeeded and printed something else than JSON.
    #[error("`{line}` printed no JSON")]
    NotJson {
        /// The command line.
        line: String,
        /// Where the parser stopped.
        #[source]
        source: serde_json::Error,
    },
}

impl Cli {
    /// The commands of the issuer whose configuration `config` is.
    #[must_use]
    pub fn new(program: &Path, config: &Path) -> Self {
        Self { program: program.to_owned(), config: config.to_owned() }
    }

    /// `tessera init FOLDER …`: creates an issuer's state and returns its command line.
    pub async fn init(program: &Path, folder: &Path, args: &[&str]) -> Result<Self, CliError> {
        let mut command = Command::new(program);
        command.arg("init").arg(folder).args(args);
        output(command).await?;
        Ok(Self::new(program, &folder.join("tessera.toml")))
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Runs a command with `--json` and returns what it printed.
    pub async fn run(&self, args: &[&str]) -> Result<Value, CliError> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(args).arg("--json");
        let line = shown(&command);
        let stdout = output(command).await?;
        serde_json::from_str(&stdout).map_err(|source| CliError::NotJson { line, source })
    }
}

async fn output(mut command: Command) -> Result<String, CliError> {
    let line = shown(&command);
    // A command that asks a question would hang a script.
    command.stdin(std::process::Stdio::null());
    let output = match command.output().await {
        Ok(output) => output,
        Err(source) => return Err(CliError::Run { line, source }),
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CliError::Refused { line, status: output.status, stderr });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command line without the folders it was built with.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let name = |path: &std::ffi::OsStr| {
        let name = Path::new(path).file_name().unwrap_or(path);
        name.to_string_lossy().into_owned()
    };
    let program = name(command.get_program());
    // URLs have file names, too, and stay whole.
    let args = command
        .get_args()
        .map(|arg| if Path::new(arg).is_absolute() { name(arg) } else { arg.to_string_lossy().into_owned() });
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_command_refuses_is_told_with_its_line() {
        let cli = Cli::new(Path::new("/bin/false"), Path::new("/somewhere/tessera.toml"));
        let error = cli.run(&["client", "list"]).await.unwrap_err();
        let CliError::Refused { line, status, .. } = error else { panic!("{error:?}") };
        assert_eq!(line, "false --config tessera.toml client list --json");
        assert_eq!(status.code(), Some(1));
    }

    #[tokio::test]
    async fn output_must_be_json() {
        let cli = Cli::new(Path::new("/bin/echo"), Path::new("tessera.toml"));
        assert!(matches!(cli.run(&["hello"]).await, Err(CliError::NotJson { .. })));
    }
}
