//! `cargo xtask bench`: paired measurements. Each prints a table and writes its figures to the target folder.

mod envoy;
mod issuer;
mod surroundings;
mod table;
mod verify;

use std::fs;

use clap::Args;
use tessera_bench_report::Report;

pub(crate) use self::{
    envoy::{EnvoyArgs, run as envoy},
    issuer::{IssuerArgs, run as issuer},
    verify::run as verify,
};
use crate::{
    context::{Context, create_folder, refused},
    failure::Failure,
};
use table::Layout;

/// What every benchmark can be told.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Fewer and shorter rounds: figures to look at, not to quote.
    #[arg(long, conflicts_with = "record")]
    quick: bool,
    /// Put the table into docs/measurements.md.
    #[arg(long)]
    record: bool,
}

/// Where the figures are for people to read.
const DOCUMENT: &str = "docs/measurements.md";

/// Puts figures where they belong: a file, the terminal, the document if that is wanted.
fn publish(cx: &Context, report: &Report, layout: &Layout, args: &BenchArgs) -> Result<(), Failure> {
    let folder = cx.target.join("bench");
    create_folder(&folder)?;
    let path = folder.join(format!("{}.json", report.bench));
    fs::write(&path, format!("{}\n", report.to_json())).map_err(|source| refused("write", &path, source))?;
    let table = layout.render(report);
    anstream::println!("{table}");
    anstream::eprintln!("figures: {}", path.display());
    if args.record {
        record(cx, layout, &table)?;
    }
    Ok(())
}

/// Puts the table into the document, in the place of the one before.
fn record(cx: &Context, layout: &Layout, table: &str) -> Result<(), Failure> {
    let path = cx.root.join(DOCUMENT);
    let document = fs::read_to_string(&path).map_err(|source| refused("read", &path, source))?;
    let fresh = layout.replace(&document, table).ok_or_else(|| Failure::Artefact {
        what: DOCUMENT.to_owned(),
        problem: "it has no place for this table".to_owned(),
        remedy: format!("put these two lines into it: {} and {}", layout.begin(), table::END),
    })?;
    fs::write(&path, fresh).map_err(|source| refused("write", &path, source))?;
    anstream::eprintln!("recorded in {DOCUMENT}");
    Ok(())
}
