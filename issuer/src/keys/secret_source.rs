//! Where a secret of this server comes from: a file, the environment, or a command that knows it.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::secret_file::{self, MAX_SECRET, SecretFileError};

/// How long a command may take. A service on the network answers in a second; one that waits for a person does not
/// belong into the start of a server.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a secret comes from. Nothing of the secret is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner may read.
    File(PathBuf),
    /// An environment variable of this name.
    Environment(String),
    /// What a program prints. It is found by `PATH` unless it is a path, and no shell reads its arguments.
    Command {
        /// Which program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// Why a secret cannot be had. Never shows it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file does not give it.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// There is no such variable, or it is no text.
    #[error("the {what} should be in the environment variable {variable}, which is not set")]
    Environment {
        /// What it is.
        what: &'static str,
        /// Which variable.
        variable: String,
    },
    /// Its command does not give it.
    #[error("`{}` does not give the {what}", program.display())]
    Command {
        /// What it is.
        what: &'static str,
        /// Which program.
        program: PathBuf,
        /// Why.
        source: CommandError,
    },
    /// It is no key.
    #[error("the {what} from {place} is not 32 bytes in base64url")]
    NoKey {
        /// What it should be.
        what: &'static str,
        /// Where it comes from.
        place: String,
    },
}

/// Why a command gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It cannot be run.
    #[error("it cannot be run")]
    Run(#[source] io::Error),
    /// It takes too long.
    #[error("it takes longer than {} s", COMMAND_TIMEOUT.as_secs())]
    Slow,
    /// It says that it failed.
    #[error("it failed ({0})")]
    Failed(ExitStatus),
    /// It prints no short text.
    #[error("it prints no text of at most {MAX_SECRET} bytes")]
    Output,
}

impl SecretSource {
    /// Gets the secret, without a final line end. `what` it is stands in the error.
    pub(super) async fn read(&self, what: &'static str) -> Result<Zeroizing<String>, SecretError> {
        let text = match self {
            Self::File(path) => secret_file::read(what, path)?,
            Self::Environment(variable) => Zeroizing::new(
                std::env::var(variable)
                    .map_err(|_| SecretError::Environment { what, variable: variable.clone() })?,
            ),
            Self::Command { program, arguments } => timeout(COMMAND_TIMEOUT, run(program, arguments))
                .await
                .unwrap_or(Err(CommandError::Slow))
                .map_err(|source| SecretError::Command { what, program: program.clone(), source })?,
        };
        Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The place, for errors.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Environment(variable) => format!("the environment variable {variable}"),
            Self::Command { program, .. } => format!("`{}`", program.display()),
        }
    }
}

/// What the program prints. It is killed when this is dropped.
async fn run(program: &PathBuf, arguments: &[String]) -> Result<Zeroizing<String>, CommandError> {
    // Its complaints go where ours go.
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CommandError::Run)?;
    // Of one size from the beginning, so that growing leaves no copies behind.
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    let stdout = child.stdout.take().ok_or(CommandError::Output)?;
    let limit = u64::try_from(MAX_SECRET + 1).unwrap_or(u64::MAX);
    stdout.take(limit).read_to_end(&mut output).await.map_err(CommandError::Run)?;
    if output.len() > MAX_SECRET {
        return Err(CommandError::Output);
    }
    let status = child.wait().await.map_err(CommandError::Run)?;
    if !status.success() {
        return Err(CommandError::Failed(status));
    }
    let text = std::str::from_utf8(&output).map_err(|_| CommandError::Output)?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> SecretSource {
        let (program, arguments) = argv.split_first().unwrap();
        let arguments = arguments.iter().map(|&it| it.to_owned()).collect();
        SecretSource::Command { program: program.into(), arguments }
    }

    async fn refusal(source: SecretSource) -> String {
        tessera_fetch::chain(&source.read("PIN").await.unwrap_err())
    }

    #[tokio::test]
    async fn a_command_is_run_without_a_shell_and_its_line_end_is_no_secret() {
        let printed = command(&["printf", "%s\r\n", "$HOME; 12 34 "]).read("PIN").await.unwrap();
        assert_eq!(&**printed, "$HOME; 12 34 ");
    }

    #[tokio::test]
    async fn what_a_command_does_wrong_is_said_without_what_it_printed() {
        for (argv, expected) in [
            (&["no-such-program"][..], "it cannot be run: No such file or directory (os error 2)"),
            (&["sh", "-c", "echo secret; exit 3"], "it failed (exit status: 3)"),
            (&["yes", "secret"], "it prints no text of at most 1024 bytes"),
            (&["printf", "\\377"], "it prints no text of at most 1024 bytes"),
        ] {
            let expected = format!("`{}` does not give the PIN: {expected}", argv[0]);
            assert_eq!(refusal(command(argv)).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_hangs_is_ended() {
        let expected = "`sleep` does not give the PIN: it takes longer than 10 s";
        assert_eq!(refusal(command(&["sleep", "1000"])).await, expected);
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named() {
        let source = SecretSource::Environment("TESSERA_NO_SUCH_VARIABLE".to_owned());
        let expected =
            "the PIN should be in the environment variable TESSERA_NO_SUCH_VARIABLE, which is not set";
        assert_eq!(refusal(source).await, expected);
        // The runner sets this one.
        let source = SecretSource::Environment("CARGO_PKG_NAME".to_owned());
        assert_eq!(&**source.read("PIN").await.unwrap(), "tessera-issuer");
    }
}
