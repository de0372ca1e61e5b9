//! `bench-verify`: the verifier and its peers, measured in one run.
//!
//! Every figure is taken in rounds, in each of which every contender has its turn, so that what the machine does
//! meanwhile meets all of them. Ratios are taken round by round. `cargo xtask bench verify` builds what this needs and
//! runs it.

mod contender;
mod error;
mod material;
mod race;
mod suite;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_bench_report::Report;

use crate::{error::BenchError, race::Pace, suite::Suite};

/// Measures the verifier against its peers and writes the figures as JSON to stdout.
#[derive(Debug, Parser)]
#[command(name = "bench-verify")]
struct Cli {
    /// The folder with the components.
    #[arg(long)]
    dist: PathBuf,
    /// A Python that has PyJWT; without one it is left out.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The folder with the scripts of PyJWT and jose, and with jose's package; without it both are left out.
    #[arg(long)]
    judges: Option<PathBuf>,
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Only these: the name of an algorithm, `status`, `rules`, `jwks`, `cache`, `lifecycle`, `decisions`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(report) => {
            println!("{}", report.to_json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<Report, BenchError> {
    let pace = if cli.quick { Pace::QUICK } else { Pace::FULL };
    let suite = Suite::new(&cli.dist, cli.python, cli.judges, pace, cli.only)?;
    suite.run()
}
