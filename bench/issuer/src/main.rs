//! `bench-issuer`: what tokens cost an issuer as it is shipped, and npm oidc-provider, in one run.
//!
//! Both run as processes of their own on one processor, this program on another, and what is counted is the
//! processor time of the whole server process. Every figure is taken in rounds, in each of which every server has its
//! turn; ratios are taken round by round. `cargo xtask bench issuer` builds what this needs and runs it.

mod cost;
mod error;
mod load;
mod material;
mod primitives;
mod race;
mod seed;
mod softhsm;
mod stage;
mod suite;
mod tls;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_bench_report::Report;
use tokio::runtime;

use crate::{
    error::{BenchError, refused},
    race::Pace,
    stage::Programs,
    suite::{Group, Suite},
};

/// How many tasks run between two looks at the network: few, so that an answer is seen when it comes.
const EVENT_INTERVAL: u32 = 7;

/// Measures an issuer against its peer and writes the figures as JSON to stdout.
#[derive(Debug, Parser)]
#[command(name = "bench-issuer")]
struct Cli {
    /// The issuer's binary.
    #[arg(long)]
    tessera: PathBuf,
    /// The folder whose packages have oidc-provider among them.
    #[arg(long)]
    judges: PathBuf,
    /// SoftHSM's PKCS #11 module.
    #[arg(long, default_value = "/usr/lib/softhsm/libsofthsm2.so")]
    softhsm: PathBuf,
    /// The processor that servers run on; not the one that this program runs on.
    #[arg(long)]
    cpu: Option<usize>,
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Group>,
    /// Measure nothing: put load on the issuer for so many seconds, and say which process it is.
    #[arg(long, value_name = "SECONDS")]
    keep: Option<u64>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(Some(report)) => {
            println!("{}", report.to_json());
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<Option<Report>, BenchError> {
    let pace = if cli.quick { Pace::QUICK } else { Pace::FULL };
    let programs = Programs { tessera: cli.tessera, judges: cli.judges, softhsm: cli.softhsm, cpu: cli.cpu };
    let suite = Suite::new(programs, pace, cli.only)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build()
        .map_err(refused("start a runtime"))?;
    match cli.keep {
        Some(seconds) => runtime.block_on(suite.keep(seconds)).map(|()| None),
        None => runtime.block_on(suite.run()).map(Some),
    }
}
