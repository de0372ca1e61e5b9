//! What was measured, as JSON.

use serde::Serialize;

/// One row for each thing that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    rows: Vec<Row>,
}

/// The figures of one thing, and how they compare.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    unit: Unit,
    #[serde(flatten)]
    figures: Figures,
    /// The row that `ratio` is against.
    against: Option<String>,
    /// The median of the rounds' ratios.
    ratio: Option<f64>,
}

/// What is counted.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "bytes")]
    Bytes,
}

/// The rounds in short.
#[derive(Serialize)]
pub(crate) struct Figures {
    median: f64,
    min: f64,
    max: f64,
    rounds: usize,
}

impl Report {
    pub(crate) fn new(bench: &'static str, rows: Vec<Row>) -> Self {
        Self { bench, rows }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Row {
    /// Figures that are compared with nothing.
    pub(crate) fn alone(name: &str, unit: Unit, rounds: &[f64]) -> Self {
        Self { name: name.into(), unit, figures: Figures::of(rounds), against: None, ratio: None }
    }

    /// Figures that were taken round by round with those of another row.
    pub(crate) fn against(name: &str, unit: Unit, rounds: &[f64], other: &str, others: &[f64]) -> Self {
        let ratios: Vec<f64> = rounds.iter().zip(others).map(|(own, other)| own / other).collect();
        Self {
            against: Some(other.into()),
            ratio: Some(Figures::of(&ratios).median),
            ..Self::alone(name, unit, rounds)
        }
    }
}

impl Figures {
    fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self {
            median: at(sorted.len() / 2),
            min: at(0),
            max: at(sorted.len().saturating_sub(1)),
            rounds: rounds.len(),
        }
    }
}
