//! What came of holding hosts against the corpus, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::Comparison;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    comparisons: Vec<Comparison>,
}

impl Report {
    /// Takes in another comparison.
    pub fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    /// The comparisons, in the order in which they were made.
    #[must_use]
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// On how many cases hosts and the corpus disagree.
    #[must_use]
    pub fn disagreements(&self) -> usize {
        self.comparisons.iter().map(|comparison| comparison.disagreements.len()).sum()
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let comparisons = self.comparisons.iter().map(|comparison| {
            let disagreements = comparison.disagreements.iter().map(|disagreement| {
                json!({
                    "id": disagreement.id,
                    "about": disagreement.about,
                    "expected": disagreement.expected.to_json(),
                    "actual": disagreement.actual.as_ref().map(super::Outcome::to_json),
                })
            });
            json!({
                "host": comparison.host,
                "file": comparison.file,
                "cases": comparison.cases,
                "disagreements": disagreements.collect::<Vec<_>>(),
            })
        });
        json!({ "disagreements": self.disagreements(), "comparisons": comparisons.collect::<Vec<_>>() })
    }

    /// Each name once, in the order of its first appearance.
    fn names<'r>(&'r self, name: impl Fn(&'r Comparison) -> &'r str) -> Vec<&'r str> {
        let mut names = Vec::new();
        for comparison in &self.comparisons {
            if !names.contains(&name(comparison)) {
                names.push(name(comparison));
            }
        }
        names
    }

    /// The table: a row for each file, a column for each host, in it how many cases agree.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hosts, files) =
            (self.names(|comparison| &comparison.host), self.names(|comparison| &comparison.file));
        for (number, host) in (1..).zip(&hosts) {
            writeln!(f, "host {number}: {host}")?;
        }
        write!(f, "\n{:<24}{:>8}", "file", "cases")?;
        for number in 1..=hosts.len() {
            write!(f, "{:>12}", format!("host {number}"))?;
        }
        writeln!(f)?;
        for file in &files {
            let row = |host: &str| {
                self.comparisons.iter().find(|comparison| comparison.file == *file && comparison.host == host)
            };
            let cases = hosts.iter().find_map(|host| row(host)).map_or(0, |comparison| comparison.cases);
            write!(f, "{file:<24}{cases:>8}")?;
            for host in &hosts {
                let cell = row(host).map_or_else(String::new, agreed);
                write!(f, "{cell:>12}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn agreed(comparison: &Comparison) -> String {
    match comparison.disagreements.len() {
        0 => "all".to_owned(),
        wrong => format!("{wrong} differ"),
    }
}

impl fmt::Display for Report {
    /// The disagreements one by one, then the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for comparison in &self.comparisons {
            for disagreement in &comparison.disagreements {
                writeln!(f, "{} ({}): {}", disagreement.id, comparison.file, disagreement.about)?;
                writeln!(f, "  host      {}", comparison.host)?;
                writeln!(f, "  expected  {}", disagreement.expected)?;
                match &disagreement.actual {
                    Some(actual) => writeln!(f, "  actual    {actual}\n")?,
                    None => writeln!(f, "  actual    no verdict\n")?,
                }
            }
        }
        self.table(f)?;
        writeln!(f, "\n{} disagreements", self.disagreements())
    }
}
