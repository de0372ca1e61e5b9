//! `tessera serve`.

use clap::{Args, ValueEnum};

/// `tessera serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// How log lines look
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For machines, one object a line
    Json,
}
