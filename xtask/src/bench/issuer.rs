//! `cargo xtask bench issuer`: what tokens cost the issuer as it is shipped, and npm oidc-provider, in one run.
//!
//! A program of its own puts the load on; servers have a processor to themselves where there is a second one.

use std::{fs, thread};

use clap::Args;
use serde_json::Value;
use tessera_bench_report::Report;

use super::{
    BenchArgs, publish, surroundings,
    table::{Aim, Grid, Layout},
};
use crate::{
    build::native,
    command::Run,
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};

/// What is there before anything is measured.
const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::NODE,
    setup::JUDGES,
    setup::SOFTHSM,
    Step {
        title: "tessera and the measuring program, optimised",
        run: |cx| native::bench_issuer(cx).map(|_| "built".to_owned()),
    },
];

/// The crates whose versions belong to the figures.
const CRATES: [&str; 6] = ["aws-lc-rs", "cryptoki", "hyper", "rustls", "tokio", "warp"];

/// Where the load comes from, and where servers run.
const CPU_OF_LOAD: &str = "1";
const CPU_OF_SERVERS: &str = "0";

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

/// What `bench issuer` can be told.
#[derive(Debug, Args)]
pub(crate) struct IssuerArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only these: primitives, es256, rs256, pkcs11, latency, scale.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', conflicts_with = "record")]
    only: Vec<String>,
    /// Measure nothing: put load on the issuer for so many seconds, and say which process it is, for a profiler.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["only", "record"])]
    keep: Option<u64>,
}

pub(crate) fn run(cx: &Context, args: &IssuerArgs) -> Result<(), Failure> {
    let cx = &Context { release: true, filters: Vec::new(), ..cx.clone() };
    carry_out(cx, STEPS)?;
    let mut run = program(cx)?;
    if args.common.quick {
        run = run.args(["--quick"]);
    }
    if !args.only.is_empty() {
        run = run.args(["--only".to_owned(), args.only.join(",")]);
    }
    if let Some(seconds) = args.keep {
        return run.args(["--keep".to_owned(), seconds.to_string()]).shown().map_err(|_| stopped());
    }
    let said = run.captured().map_err(|_| stopped())?;
    let mut report = Report::from_json(&said).map_err(|error| Failure::Artefact {
        what: "bench-issuer".to_owned(),
        problem: format!("what it printed is no report: {error}"),
        remedy: "cargo xtask bench issuer --quick".to_owned(),
    })?;
    report.machine = surroundings::machine();
    report.versions = surroundings::crates(cx, &CRATES)?;
    report.versions.extend(surroundings::rustc());
    report.versions.extend(peer(cx));
    publish(cx, &report, &LAYOUT, &args.common)
}

/// The measuring program, with what it needs to know.
fn program(cx: &Context) -> Result<Run, Failure> {
    let (tessera, bench) = native::bench_issuer(cx)?;
    let judges = cx.root.join("tests").join("judges");
    let several = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
    let run = if several {
        Run::new("taskset").args(["--cpu-list", CPU_OF_LOAD]).args([bench]).args(["--cpu", CPU_OF_SERVERS])
    } else {
        Run::new(bench)
    };
    Ok(run.args(["--tessera".into(), tessera]).args(["--judges".into(), judges]))
}

fn stopped() -> Failure {
    Failure::Check {
        what: "the measuring program stopped".to_owned(),
        remedy: "mend what it says above, then run: cargo xtask bench issuer".to_owned(),
    }
}

/// The versions of the peer and of what runs it.
fn peer(cx: &Context) -> Vec<(String, String)> {
    let package = cx.root.join("tests").join("judges").join("package.json");
    let package: Value =
        serde_json::from_str(&fs::read_to_string(package).unwrap_or_default()).unwrap_or_default();
    let provider = package.pointer("/dependencies/oidc-provider").and_then(Value::as_str).map(str::to_owned);
    let node = Run::new("node").args(["--version"]).quiet().ok();
    let node = node.map(|said| said.trim().trim_start_matches('v').to_owned());
    [("oidc-provider", provider), ("Node.js", node)]
        .into_iter()
        .filter_map(|(name, version)| Some((name.to_owned(), version?)))
        .collect()
}
