//! Running other programs: the command line that failed is part of the error.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

/// A program to run, with its command line kept for messages.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
}

/// Why a program that xtask ran did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// No such program on this machine.
    #[error("there is no program `{program}` here")]
    NotFound { program: String },

    /// It exists and could not be started or waited for.
    #[error("`{line}` could not be run")]
    NotRun {
        line: String,
        #[source]
        source: io::Error,
    },

    /// It ran and said no.
    #[error("`{line}` ended with {status}")]
    Failed { line: String, status: ExitStatus },
}

impl CommandError {
    /// The program's own exit status, where it ran.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.code(),
            Self::NotFound { .. } | Self::NotRun { .. } => None,
        }
    }
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // CI has no input to give, and no tool that runs here may ask a question.
        command.stdin(Stdio::null());
        Self { command }
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it with its output going where ours goes, so that a person sees its own progress. What it would print
    /// as data goes to stderr: stdout is for what the command of xtask was asked for.
    pub(crate) fn shown(mut self) -> Result<(), CommandError> {
        self.command.stdout(io::stderr());
        let status = self.command.status().map_err(|error| self.not_run(error))?;
        self.succeeded(status)
    }

    /// Runs it with both of its outputs going where ours go: what it prints is what the command of xtask was asked for.
    pub(crate) fn forwarded(mut self) -> Result<(), CommandError> {
        let status = self.command.status().map_err(|error| self.not_run(error))?;
        self.succeeded(status)
    }

    /// Runs it with all its output going into a file.
    pub(crate) fn logged(mut self, file: &File) -> Result<(), CommandError> {
        let copies = file.try_clone().and_then(|out| Ok((out, file.try_clone()?)));
        let (out, err) = copies.map_err(|error| self.not_run(error))?;
        self.command.stdout(out).stderr(err);
        let status = self.command.status().map_err(|error| self.not_run(error))?;
        self.succeeded(status)
    }

    /// Runs it and returns what it printed to stdout; its stderr goes where ours goes.
    pub(crate) fn captured(mut self) -> Result<String, CommandError> {
        self.command.stderr(Stdio::inherit());
        self.output()
    }

    /// Runs it unheard and returns what it printed to stdout.
    pub(crate) fn quiet(mut self) -> Result<String, CommandError> {
        self.command.stderr(Stdio::null());
        self.output()
    }

    fn output(mut self) -> Result<String, CommandError> {
        let output = self.command.output().map_err(|error| self.not_run(error))?;
        self.succeeded(output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn succeeded(&self, status: ExitStatus) -> Result<(), CommandError> {
        if status.success() { Ok(()) } else { Err(CommandError::Failed { line: self.line(), status }) }
    }

    fn not_run(&self, source: io::Error) -> CommandError {
        if source.kind() == io::ErrorKind::NotFound {
            let program = self.command.get_program().to_string_lossy().into_owned();
            CommandError::NotFound { program }
        } else {
            CommandError::NotRun { line: self.line(), source }
        }
    }

    fn line(&self) -> String {
        let program = OsString::from(Path::new(self.command.get_program()).file_name().unwrap_or_default());
        let words = std::iter::once(program.as_os_str()).chain(self.command.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = Run::new("tessera-no-such-program").quiet().unwrap_err();
        assert!(
            matches!(&error, CommandError::NotFound { program } if program == "tessera-no-such-program"),
            "{error:?}"
        );
    }

    #[test]
    fn a_failing_program_keeps_its_line_and_status() {
        let error = Run::new("/bin/sh").args(["-c", "exit 7"]).quiet().unwrap_err();
        assert_eq!(error.code(), Some(7));
        assert_eq!(error.to_string(), "`sh -c exit 7` ended with exit status: 7");
    }
}
