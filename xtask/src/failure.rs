//! What can go wrong in `cargo xtask`, each with the exit status that scripts see and the remedy that people read.

use std::{error::Error, io, process::ExitCode};

use anstyle::{AnsiColor, Style};

use crate::command::CommandError;

/// Why a command of xtask stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A test, a check or a step of the demo did not hold.
    #[error("{what}")]
    Check { what: String, remedy: String },

    /// Something that the work needs is missing, and xtask could not install it.
    #[error("{what} is missing and could not be installed")]
    Missing {
        what: String,
        remedy: String,
        #[source]
        source: Option<CommandError>,
    },

    /// The machine refused something ordinary: a file, a folder, a process.
    #[error("could not {doing}")]
    Machine {
        doing: String,
        remedy: String,
        #[source]
        source: io::Error,
    },

    /// Something did not compile.
    #[error("{what} did not build")]
    Build {
        what: String,
        remedy: String,
        #[source]
        source: Option<CommandError>,
    },

    /// Something was built and is not what it has to be.
    #[error("{what}: {problem}")]
    Artefact { what: String, problem: String, remedy: String },
}

impl Failure {
    /// The exit status, as `cargo xtask --help` lists it. 2 belongs to the command line and is clap's.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Check { .. } => 1,
            Self::Missing { .. } | Self::Machine { .. } => 3,
            Self::Build { .. } => 4,
            Self::Artefact { .. } => 5,
        })
    }

    fn remedy(&self) -> &str {
        match self {
            Self::Check { remedy, .. }
            | Self::Missing { remedy, .. }
            | Self::Machine { remedy, .. }
            | Self::Build { remedy, .. }
            | Self::Artefact { remedy, .. } => remedy,
        }
    }

    /// Tells a person, on stderr: what failed, why, and what to type.
    pub(crate) fn report(&self) {
        let (red, cyan) = (emphasis(AnsiColor::Red), emphasis(AnsiColor::Cyan));
        anstream::eprintln!("\n{red}error:{red:#} {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            anstream::eprintln!("  because {error}");
            cause = error.source();
        }
        anstream::eprintln!("  {cyan}remedy:{cyan:#} {}", self.remedy());
    }
}

fn emphasis(colour: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(colour.into()))
}
