//! What is measured, and in which company.

mod lifecycle;
mod memory;
mod scale;
mod signatures;
mod status;

use std::path::{Path, PathBuf};

use tessera_bench_report::Row;
use tessera_verifier::Algorithm;

use crate::{contender::Runtime, error::BenchError, race::Pace};

/// Everything that is measured.
pub(crate) struct Suite {
    baseline: Runtime,
    wide: Runtime,
    python: Option<PathBuf>,
    judges: Option<PathBuf>,
    pace: Pace,
    only: Vec<String>,
}

impl Suite {
    pub(crate) fn new(
        dist: &Path,
        python: Option<PathBuf>,
        judges: Option<PathBuf>,
        pace: Pace,
        only: Vec<String>,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            baseline: Runtime::new("component", &dist.join("tessera-verifier.wasm"))?,
            wide: Runtime::new("component-wide", &dist.join("tessera-verifier-wide.wasm"))?,
            python,
            judges,
            pace,
            only,
        })
    }

    pub(crate) fn run(&self) -> Result<Vec<Row>, BenchError> {
        let mut rows = Vec::new();
        for algorithm in Algorithm::ALL {
            let prefix = algorithm.name().to_lowercase();
            self.measure(&prefix, &mut rows, || self.signatures(&prefix, algorithm))?;
        }
        self.measure("status", &mut rows, || self.statuses())?;
        self.measure("rules", &mut rows, || self.rules())?;
        self.measure("jwks", &mut rows, || self.key_sets())?;
        self.measure("cache", &mut rows, || self.caches())?;
        self.measure("lifecycle", &mut rows, || self.lifecycle())?;
        self.measure("decisions", &mut rows, || self.decisions())?;
        Ok(rows)
    }

    fn measure(
        &self,
        group: &str,
        rows: &mut Vec<Row>,
        measure: impl FnOnce() -> Result<Vec<Row>, BenchError>,
    ) -> Result<(), BenchError> {
        if self.only.is_empty() || self.only.iter().any(|only| only == group) {
            eprintln!("measuring {group}");
            rows.extend(measure()?);
        }
        Ok(())
    }
}
