//! What was measured, in the form that every `cargo xtask bench` writes:
//! `{"bench", "machine", "versions", "rows": [{"name", "unit", "median", "min", "max", "rounds", "against", "ratio"}]}`.

pub mod groups;
mod output;
pub mod surroundings;
mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    output::{Output, OutputError},
    table::{Aim, Grid, Layout},
};

/// One row for each thing that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The name of the benchmark.
    pub bench: String,
    /// What it ran on, for people to read. Empty until the program that knows fills it in, as are the versions.
    #[serde(default)]
    pub machine: String,
    /// What else the figures depend on: names and versions.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// What was measured, in the order in which it was.
    pub rows: Vec<Row>,
}

/// The figures of one thing, and how they compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured, in parts: `es256/cold/component`.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// The rounds in short.
    #[serde(flatten)]
    pub figures: Figures,
    /// The row that `ratio` is against.
    pub against: Option<String>,
    /// The median of the rounds' ratios.
    pub ratio: Option<f64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Of processor time.
    #[serde(rename = "µs")]
    Microseconds,
    /// Of memory.
    #[serde(rename = "bytes")]
    Bytes,
    /// Tokens, or signatures, in a second of processor time: more is better.
    #[serde(rename = "tokens/CPU-s")]
    PerCpuSecond,
    /// Requests in a second on the wall.
    #[serde(rename = "requests/s")]
    PerSecond,
    /// On the wall.
    #[serde(rename = "ms")]
    Milliseconds,
}

/// The rounds in short.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The round in the middle.
    pub median: f64,
    /// The least round.
    pub min: f64,
    /// The greatest round.
    pub max: f64,
    /// How many there were.
    pub rounds: usize,
}

impl Report {
    /// Rows without the machine and the versions that they belong to.
    #[must_use]
    pub fn new(bench: &str, rows: Vec<Row>) -> Self {
        Self { bench: bench.to_owned(), machine: String::new(), versions: BTreeMap::new(), rows }
    }

    /// Reads what [`Report::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The report as JSON, on several lines.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The row of this name.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl Row {
    /// Figures that are compared with nothing.
    #[must_use]
    pub fn alone(name: &str, unit: Unit, rounds: &[f64]) -> Self {
        Self { name: name.to_owned(), unit, figures: Figures::of(rounds), against: None, ratio: None }
    }

    /// Figures that were taken round by round with those of another row.
    #[must_use]
    pub fn against(name: &str, unit: Unit, rounds: &[f64], other: &str, others: &[f64]) -> Self {
        let ratios: Vec<f64> = rounds.iter().zip(others).map(|(own, other)| own / other).collect();
        Self {
            against: Some(other.to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        // The medians' own ratio would be 3 / 3.
        let row =
            Row::against("es256/ours", Unit::Microseconds, &[1.0, 9.0, 3.0], "es256/peer", &[2.0, 3.0, 4.0]);
        assert_eq!(row.figures, Figures { median: 3.0, min: 1.0, max: 9.0, rounds: 3 });
        assert_eq!((row.against.as_deref(), row.ratio), (Some("es256/peer"), Some(0.75)));
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let rows = vec![Row::alone("memory", Unit::Bytes, &[64.0])];
        let report = Report::new("verify", rows);
        let json = report.to_json();
        assert_eq!(Report::from_json(&json).unwrap(), report);
        let row = r#"{"name":"memory","unit":"bytes","median":64.0,"min":64.0,"max":64.0,"rounds":1,"against":null,"ratio":null}"#;
        let expected = format!(r#"{{"bench":"verify","machine":"","versions":{{}},"rows":[{row}]}}"#);
        assert_eq!(json.split_whitespace().collect::<String>(), expected);
    }
}
