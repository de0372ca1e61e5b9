//! `bench-envoy`: what a request costs a real Envoy, by who checks its token.
//!
//! Each variant is an Envoy process of its own with one worker. In every round each has a turn under the same load,
//! and the processor time of all threads of the process, divided by the requests that were answered meanwhile, is
//! counted. Nothing is behind these Envoys: they answer themselves what their filters let through.
//! `cargo xtask bench envoy` builds what this needs and runs it.

mod configuration;
mod error;
mod load;
mod material;
mod noop;
mod row;
mod subject;

use std::{error::Error, fs, future, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tessera_bench_report::{Aim, Grid, Layout, Output, Row, Unit, surroundings};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    error::{BenchError, refused},
    material::Material,
    row::{Kind, Only, Variant},
    subject::{Programs, Subject},
};

/// The crates whose versions belong to the figures.
const CRATES: [&str; 2] = ["curve25519-dalek", "p256"];

const LAYOUT: Layout = Layout {
    bench: "envoy",
    grids: &[Grid { corner: "µs a request", between: "/" }],
    columns: &[
        "plain",
        "noop",
        "jwt_authn",
        "tessera-auto",
        "tessera-wasm",
        "jwt_authn-cached",
        "tessera-auto-cached",
        "tessera-wasm-cached",
    ],
    aims: &[
        Aim::ratio_at_most("rs256/tessera-auto", 1.0),
        Aim::ratio_at_most("es256/tessera-auto", 1.0),
        Aim::ratio_at_most("rs256/tessera-auto-cached", 1.15),
        Aim::ratio_at_most("es256/tessera-auto-cached", 1.15),
        Aim::ratio_at_most("eddsa/tessera-auto-cached", 1.15),
        Aim::ratio_at_most("rs256-4k/tessera-auto-cached", 1.15),
        Aim::ratio_at_most("rules-100/tessera-auto-cached", 1.15),
        Aim::ratio_at_most("eddsa/tessera-wasm", 1.0),
        Aim::ratio_at_most("es256/tessera-wasm", 2.5),
        Aim::ratio_at_most("rs256/tessera-wasm", 3.0),
    ],
};

/// Measures the filter beside Envoy's own, in a real Envoy.
#[derive(Debug, Parser)]
#[command(name = "bench-envoy", bin_name = "cargo xtask bench envoy")]
struct Cli {
    /// Envoy's binary.
    #[arg(long, hide = true)]
    envoy: PathBuf,
    /// The release of Envoy.
    #[arg(long, hide = true)]
    envoy_version: String,
    /// The filter.
    #[arg(long, hide = true)]
    filter: PathBuf,
    /// A Python interpreter that has PyJWT.
    #[arg(long, hide = true)]
    python: PathBuf,
    /// The folder of `judge.py`.
    #[arg(long, hide = true)]
    judges: PathBuf,
    #[command(flatten)]
    output: Output,
    /// Only these rows: names like es256/tessera-auto, or es256 for all of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "record")]
    only: Vec<Only>,
    /// Measure nothing: start the Envoys of `--only`, say how to put load on them, and wait for Ctrl-C.
    #[arg(long, requires = "only")]
    keep: bool,
    /// Understand the arguments and do nothing else: before anything that takes long is built.
    #[arg(long, hide = true)]
    check: bool,
}

/// How much time is spent.
#[derive(Clone, Copy)]
struct Pace {
    rounds: usize,
    /// How long each turn takes; wrk counts in whole seconds.
    turn: Duration,
    /// How long each has its first turn, which does not count: V8 makes code that runs often quicker, and takes some
    /// 100,000 requests to do so for what runs once in each.
    warm_up: Duration,
}

impl Pace {
    const FULL: Self = Self { rounds: 5, turn: Duration::from_secs(2), warm_up: Duration::from_secs(10) };
    const QUICK: Self = Self { rounds: 3, turn: Duration::from_secs(1), warm_up: Duration::from_secs(2) };
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
    if cli.check {
        return Ok(());
    }
    let noop = cli.output.folder()?.join("noop.wasm");
    fs::write(&noop, noop::module()).map_err(refused(format!("write {}", noop.display())))?;
    let programs =
        Programs { envoy: cli.envoy, filter: cli.filter, noop, python: cli.python, judges: cli.judges };
    let runtime = tokio::runtime::Runtime::new().map_err(refused("start a runtime"))?;
    if cli.keep {
        return Ok(runtime.block_on(keep(&programs, &cli.only))?);
    }
    let pace = if cli.output.quick { Pace::QUICK } else { Pace::FULL };
    let rows = runtime.block_on(unless_stopped(measure(&programs, &cli.only, pace)))?;
    let mut versions = surroundings::crates(&CRATES)?;
    versions.extend(surroundings::rustc());
    versions.insert("Envoy".to_owned(), cli.envoy_version);
    versions.insert("wrk".to_owned(), load::version()?);
    cli.output.publish(LAYOUT.bench, rows, versions, &LAYOUT)?;
    Ok(())
}

/// Does the work, unless a signal to stop comes first: it drops the work, and with it the processes.
async fn unless_stopped<T>(work: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    tokio::select! {
        done = work => done,
        () = stop_signal() => Err(BenchError::Interrupted),
    }
}

/// Ctrl-C, or the signal that ends services. Where neither can be listened for, there is none to come.
async fn stop_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// One kind after the other: no more Envoys run side by side than there are variants.
async fn measure(programs: &Programs, only: &[Only], pace: Pace) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        rows.extend(compare(kind, line_up(programs, only, kind).await?, pace).await?);
    }
    Ok(rows)
}

async fn keep(programs: &Programs, only: &[Only]) -> Result<(), BenchError> {
    let started = async {
        let mut subjects = Vec::new();
        for kind in Kind::ALL {
            subjects.extend(line_up(programs, only, kind).await?);
        }
        Ok(subjects)
    };
    let subjects = unless_stopped(started).await?;
    for subject in &subjects {
        println!("{}", subject.invitation()?);
    }
    eprintln!("\nCtrl-C ends them.");
    stop_signal().await;
    Ok(())
}

/// An Envoy for each variant that is wanted, each seen to refuse what it should.
async fn line_up(programs: &Programs, only: &[Only], kind: Kind) -> Result<Vec<Subject>, BenchError> {
    let mut subjects = Vec::new();
    let wanted: Vec<Variant> =
        Variant::ALL.into_iter().filter(|variant| row::is_wanted(only, kind, *variant)).collect();
    if wanted.is_empty() {
        return Ok(subjects);
    }
    eprintln!("{}: starting {} Envoys", kind.name, wanted.len());
    let material = Material::new(programs, kind)?;
    for variant in wanted {
        let subject = Subject::start(programs, kind, variant, &material).await?;
        subject.verify().await?;
        subjects.push(subject);
    }
    Ok(subjects)
}

/// Everybody has a turn in every round, and ratios are taken within a round.
async fn compare(kind: Kind, subjects: Vec<Subject>, pace: Pace) -> Result<Vec<Row>, BenchError> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); subjects.len()];
    eprintln!("{}: warming up", kind.name);
    for subject in &subjects {
        subject.turn(pace.warm_up).await?;
    }
    for round in 1..=pace.rounds {
        eprintln!("{}: round {round} of {}", kind.name, pace.rounds);
        for (subject, times) in subjects.iter().zip(&mut rounds) {
            times.push(subject.turn(pace.turn).await?);
        }
    }
    for subject in &subjects {
        subject.verify().await?;
    }
    let measured: Vec<(Variant, String, Vec<f64>)> = subjects
        .iter()
        .zip(rounds)
        .map(|(subject, times)| (subject.variant(), subject.row().to_owned(), times))
        .collect();
    Ok(measured
        .iter()
        .map(|(variant, name, times)| match measured.iter().find(|(other, ..)| *other == variant.against()) {
            Some((_, other, others)) => Row::against(name, Unit::Microseconds, times, other, others),
            None => Row::alone(name, Unit::Microseconds, times),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_table_and_every_aim_is_for_a_row() {
        let rows: Vec<String> = Kind::ALL
            .into_iter()
            .flat_map(|kind| Variant::ALL.map(|variant| row::row(kind, variant)))
            .collect();
        for row in &rows {
            let (_, column) = row.split_once('/').unwrap();
            assert!(LAYOUT.columns.contains(&column), "{row}");
        }
        for Aim { row: name, .. } in LAYOUT.aims {
            assert!(rows.iter().any(|row| row == name), "{name}");
        }
    }
}
