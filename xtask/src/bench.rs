//! `cargo xtask bench`: paired measurements. It prints a table and writes the figures to the target folder.

mod figures;
mod table;

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    BenchArgs,
    build::{guest, native::compiled},
    command::Run,
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};
use figures::Figures;

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

/// Where the figures are for people to read.
const DOCUMENT: &str = "docs/measurements.md";

pub(crate) fn verify(cx: &Context, args: &BenchArgs) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    let figures = measure(cx, args)?;
    let folder = cx.target.join("bench");
    create_folder(&folder)?;
    let path = folder.join("verify.json");
    let text = serde_json::to_string_pretty(&figures.json).unwrap_or_default();
    fs::write(&path, format!("{text}\n")).map_err(|source| refused("write", &path, source))?;

    let table = table::render(&figures);
    anstream::println!("{table}");
    anstream::eprintln!("figures: {}", path.display());
    if args.record {
        record(cx, &table)?;
    }
    Ok(())
}

fn measure(cx: &Context, args: &BenchArgs) -> Result<Figures, Failure> {
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
    let json: Value = serde_json::from_str(&said).map_err(|error| Failure::Artefact {
        what: "bench-verify".to_owned(),
        problem: format!("what it printed is not JSON: {error}"),
        remedy: "cargo run --release --package tessera-bench -- --dist dist".to_owned(),
    })?;
    Figures::new(cx, json)
}

fn program(cx: &Context) -> Result<PathBuf, Failure> {
    compiled(cx, &["--release", "--package", "tessera-bench"], "bench-verify")
}

/// Puts the table into the document, in the place of the one before.
fn record(cx: &Context, table: &str) -> Result<(), Failure> {
    let path = cx.root.join(DOCUMENT);
    let document = fs::read_to_string(&path).map_err(|source| refused("read", &path, source))?;
    let fresh = table::replace(&document, table).ok_or_else(|| Failure::Artefact {
        what: DOCUMENT.to_owned(),
        problem: "it has no place for this table".to_owned(),
        remedy: format!("put these two lines into it: {} and {}", table::BEGIN, table::END),
    })?;
    fs::write(&path, fresh).map_err(|source| refused("write", &path, source))?;
    anstream::eprintln!("recorded in {DOCUMENT}");
    Ok(())
}
