//! `cargo xtask bench verify`: a measuring program is built and run, since what it measures takes long to compile.

use std::{fs, path::PathBuf};

use serde_json::Value;
use tessera_bench_report::Report;

use super::{
    BenchArgs, publish, surroundings,
    table::{Aim, Grid, Layout},
};
use crate::{
    build::{guest, native::compiled},
    command::Run,
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};

/// What is there before anything is measured.
const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::WASM_TARGET,
    setup::NODE,
    setup::JUDGES,
    setup::PYTHON,
    guest::BASELINE,
    guest::WIDE,
    Step { title: "the measuring program, optimised", run: |cx| program(cx).map(|_| "built".to_owned()) },
];

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

pub(crate) fn run(cx: &Context, args: &BenchArgs) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    let mut report = measure(cx, args)?;
    report.machine = surroundings::machine();
    report.versions = surroundings::crates(cx, &CRATES)?;
    report.versions.extend(surroundings::rustc());
    report.versions.extend(peers(cx));
    publish(cx, &report, &LAYOUT, args)
}

fn measure(cx: &Context, args: &BenchArgs) -> Result<Report, Failure> {
    let mut run = Run::new(program(cx)?)
        .args(["--dist".into(), cx.dist()])
        .args(["--judges".into(), cx.root.join("tests").join("judges")])
        .args(["--python".into(), setup::judges_python(cx)]);
    if args.quick {
        run = run.args(["--quick"]);
    }
    let said = run.captured().map_err(|error| {
        anstream::eprintln!("{error}");
        Failure::Check {
            what: "the measuring program stopped".to_owned(),
            remedy: "mend what it says above, then run: cargo xtask bench verify".to_owned(),
        }
    })?;
    Report::from_json(&said).map_err(|error| Failure::Artefact {
        what: "bench-verify".to_owned(),
        problem: format!("what it printed is no report: {error}"),
        remedy: "cargo run --release --package tessera-bench -- --dist dist".to_owned(),
    })
}

fn program(cx: &Context) -> Result<PathBuf, Failure> {
    compiled(cx, &["--release", "--package", "tessera-bench-verifier"], "bench-verify")
}

/// The versions of the peers in other languages.
fn peers(cx: &Context) -> Vec<(String, String)> {
    let judges = cx.root.join("tests").join("judges");
    let npm = fs::read_to_string(judges.join("package.json")).unwrap_or_default();
    let npm: Value = serde_json::from_str(&npm).unwrap_or_default();
    let jose = npm.pointer("/dependencies/jose").and_then(Value::as_str).map(str::to_owned);
    let pypi = fs::read_to_string(judges.join("requirements.txt")).unwrap_or_default();
    let pyjwt = pypi.lines().find_map(|line| line.strip_prefix("PyJWT==")).map(str::to_owned);
    let node = Run::new("node").args(["--version"]).quiet().ok();
    let node = node.map(|said| said.trim().trim_start_matches('v').to_owned());
    [("jose", jose), ("PyJWT", pyjwt), ("Node.js", node)]
        .into_iter()
        .filter_map(|(name, version)| Some((name.to_owned(), version?)))
        .collect()
}
