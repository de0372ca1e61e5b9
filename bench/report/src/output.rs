//! Where figures go: a file, the terminal, the document if that is wanted.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{Layout, Report, Row, surroundings, table::END};

/// The document in which people read the figures.
const DOCUMENT: &str = "docs/measurements.md";

/// The options that every benchmark has.
#[derive(Debug, Args)]
pub struct Output {
    /// Fewer and shorter rounds: figures to look at, not to quote.
    #[arg(long, conflicts_with = "record")]
    pub quick: bool,
    /// Put the table into docs/measurements.md.
    #[arg(long)]
    pub record: bool,
    /// The folder for files of figures.
    #[arg(long, hide = true, default_value = "target/bench")]
    pub figures: PathBuf,
}

/// Why figures did not get to where they belong.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file or folder was refused.
    #[error("could not {doing} {}", path.display())]
    File {
        /// A verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The document has no place for the table.
    #[error("{DOCUMENT} has no place for this table: put these two lines into it: {begin} and {END}")]
    NoPlace {
        /// The line that the table comes after.
        begin: String,
    },
    /// `cargo metadata --locked` did not answer.
    #[error("`cargo metadata --locked` does not say which versions of crates are used")]
    Versions,
}

impl Output {
    /// The folder for files of figures, created if need be.
    pub fn folder(&self) -> Result<&Path, OutputError> {
        fs::create_dir_all(&self.figures).map_err(refused("create", &self.figures))?;
        Ok(&self.figures)
    }

    /// Writes the report of `rows`, prints its table, and records it if that is wanted. To be called in the
    /// workspace's root folder.
    pub fn publish(
        &self,
        bench: &str,
        rows: Vec<Row>,
        versions: BTreeMap<String, String>,
        layout: &Layout,
    ) -> Result<(), OutputError> {
        let report = Report { machine: surroundings::machine(), versions, ..Report::new(bench, rows) };
        let path = self.folder()?.join(format!("{bench}.json"));
        fs::write(&path, format!("{}\n", report.to_json())).map_err(refused("write", &path))?;
        let table = layout.render(&report);
        println!("{table}");
        eprintln!("figures: {}", path.display());
        if self.record {
            record(layout, &table)?;
        }
        Ok(())
    }
}

/// Puts the table into the document, in the place of the one before.
fn record(layout: &Layout, table: &str) -> Result<(), OutputError> {
    let path = Path::new(DOCUMENT);
    let document = fs::read_to_string(path).map_err(refused("read", path))?;
    let fresh =
        layout.replace(&document, table).ok_or_else(|| OutputError::NoPlace { begin: layout.begin() })?;
    fs::write(path, fresh).map_err(refused("write", path))?;
    eprintln!("recorded in {DOCUMENT}");
    Ok(())
}

fn refused(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    move |source| OutputError::File { doing, path: path.to_owned(), source }
}
