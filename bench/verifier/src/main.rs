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

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_bench_report::{Aim, Grid, Layout, Output, groups, surroundings};

use crate::{race::Pace, suite::Suite};

/// The crates whose versions belong to the figures.
const CRATES: [&str; 6] = ["aws-lc-rs", "curve25519-dalek", "jsonwebtoken", "p256", "p384", "wasmtime"];

const LAYOUT: Layout = Layout {
    bench: "verify",
    grids: &[Grid { corner: "cold, µs", between: "/cold/" }, Grid { corner: "warm, µs", between: "/warm/" }],
    columns: &["jsonwebtoken", "native", "native-portable", "component", "component-wide"],
    aims: &[
        Aim::ratio_at_most("rs256/cold/component-wide", 3.0),
        Aim::ratio_at_most("es256/cold/component-wide", 1.7),
        Aim::ratio_at_most("eddsa/cold/component-wide", 1.4),
        Aim::ratio_at_most("rs256/cold/component", 12.0),
        Aim::ratio_at_most("es256/cold/component", 4.5),
        Aim::ratio_at_most("eddsa/cold/component", 3.0),
        Aim::ratio_at_most("rs256/warm/component", 0.25),
        Aim::ratio_at_most("rs256/warm/component-wide", 0.25),
        Aim::ratio_at_most("status/native/on", 1.1),
        Aim::ratio_at_most("status/component/on", 1.1),
        Aim::ratio_at_most("status/component-wide/on", 1.1),
        Aim::ratio_at_most("rules/1000", 1.1),
    ],
};

/// Measures the verifier beside its peers.
#[derive(Debug, Parser)]
#[command(name = "bench-verify", bin_name = "cargo xtask bench verify")]
struct Cli {
    /// The folder with the components.
    #[arg(long, hide = true)]
    dist: PathBuf,
    /// A Python that has PyJWT; without one it is left out.
    #[arg(long, hide = true)]
    python: Option<PathBuf>,
    /// The folder with the scripts of PyJWT and jose, and with jose's package; without it both are left out.
    #[arg(long, hide = true)]
    judges: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// Only these: the name of an algorithm, `status`, `rules`, `jwks`, `cache`, `lifecycle`, `decisions`.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = groups::VERIFY, conflicts_with = "record")]
    only: Vec<String>,
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
    let file = |name: &str| {
        let folder = cli.judges.as_ref();
        folder.and_then(|folder| fs::read_to_string(folder.join(name)).ok()).unwrap_or_default()
    };
    let others = [
        surroundings::rustc(),
        surroundings::npm(&file("package.json"), "jose"),
        surroundings::pypi(&file("requirements.txt"), "PyJWT"),
        surroundings::node(),
    ];
    let suite = Suite::new(&cli.dist, cli.python, cli.judges, pace, cli.only)?;
    let rows = suite.run()?;
    let mut versions = surroundings::crates(&CRATES)?;
    versions.extend(others.into_iter().flatten());
    cli.output.publish(LAYOUT.bench, rows, versions, &LAYOUT)?;
    Ok(())
}
