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

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_bench_report::{Aim, Grid, Layout, Output, surroundings};
use tokio::runtime;

use crate::{
    error::refused,
    race::Pace,
    stage::Programs,
    suite::{Group, Suite},
};

/// How many tasks run between two looks at the network: few, so that an answer is seen when it comes.
const EVENT_INTERVAL: u32 = 7;

/// The crates whose versions belong to the figures.
const CRATES: [&str; 6] = ["aws-lc-rs", "cryptoki", "hyper", "rustls", "tokio", "warp"];

const LAYOUT: Layout = Layout {
    bench: "issuer",
    grids: &[
        Grid { corner: "ES256 tokens a CPU-second", between: "/es256/" },
        Grid { corner: "RS256 tokens a CPU-second", between: "/rs256/" },
    ],
    columns: &["tessera", "oidc-provider"],
    aims: &[
        Aim::at_least("client_credentials/es256/tessera", 20_000.0),
        Aim::ratio_at_least("client_credentials/es256/tessera", 7.0),
        Aim::at_least("client_credentials/rs256/tessera", 3_300.0),
        Aim::at_least("jwt-bearer/es256/tessera", 10_000.0),
        Aim::at_most("latency/p99", 5.0),
        Aim::ratio_at_least("grants/1000000", 0.9),
    ],
};

/// Measures the token server beside npm oidc-provider.
#[derive(Debug, Parser)]
#[command(name = "bench-issuer", bin_name = "cargo xtask bench issuer")]
struct Cli {
    /// The issuer's binary.
    #[arg(long, hide = true)]
    tessera: PathBuf,
    /// The folder whose packages have oidc-provider among them.
    #[arg(long, hide = true)]
    judges: PathBuf,
    /// SoftHSM's PKCS #11 module.
    #[arg(long, hide = true, default_value = "/usr/lib/softhsm/libsofthsm2.so")]
    softhsm: PathBuf,
    /// The processor that servers run on; not the one that this program runs on.
    #[arg(long, hide = true)]
    cpu: Option<usize>,
    #[command(flatten)]
    output: Output,
    /// Only these groups of rows.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', conflicts_with = "record")]
    only: Vec<Group>,
    /// Measure nothing: put load on the issuer for so many seconds, and say which process it is.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["only", "record"])]
    keep: Option<u64>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
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

fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    let pace = if cli.output.quick { Pace::QUICK } else { Pace::FULL };
    let package = fs::read_to_string(cli.judges.join("package.json")).unwrap_or_default();
    let programs = Programs { tessera: cli.tessera, judges: cli.judges, softhsm: cli.softhsm, cpu: cli.cpu };
    let suite = Suite::new(programs, pace, cli.only)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build()
        .map_err(refused("start a runtime"))?;
    if let Some(seconds) = cli.keep {
        return Ok(runtime.block_on(suite.keep(seconds))?);
    }
    let rows = runtime.block_on(suite.run())?;
    let mut versions = surroundings::crates(&CRATES)?;
    let others = [surroundings::rustc(), surroundings::npm(&package, "oidc-provider"), surroundings::node()];
    versions.extend(others.into_iter().flatten());
    cli.output.publish(LAYOUT.bench, rows, versions, &LAYOUT)?;
    Ok(())
}
