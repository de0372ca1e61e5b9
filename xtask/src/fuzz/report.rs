//! What libFuzzer's log says of a run.

use std::{fmt, time::Duration};

/// A run of one target, in figures.
#[derive(Debug)]
pub(super) struct Report {
    executions: u64,
    wall: Duration,
    /// Covered edges: with the seeds and what was learnt before, and at the end.
    coverage: (u64, u64),
    /// Inputs that reached something new.
    learnt: u64,
    /// The file with the input that broke a promise.
    pub(super) find: Option<String>,
}

impl Report {
    pub(super) const HEADING: &str =
        "target        executions   seconds    edges before      after   new inputs  finds";

    pub(super) fn read(log: &str, wall: Duration) -> Self {
        let statistic = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok()).unwrap_or(0)
        };
        // "#1403  INITED cov: 2301 ft: 6810 corp: 402/98Kb exec/s: 0 rss: 60Mb"
        let covered = |line: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "cov:");
            words.nth(1).and_then(|number| number.parse::<u64>().ok())
        };
        let mut points = log.lines().filter(|line| line.starts_with('#'));
        let before = points.find(|line| line.contains("INITED")).and_then(covered).unwrap_or(0);
        let after = points.filter_map(covered).next_back().unwrap_or(before);
        Self {
            executions: statistic("stat::number_of_executed_units"),
            wall,
            coverage: (before, after),
            learnt: statistic("stat::new_units_added"),
            find: log.lines().find_map(|line| {
                line.split_once("Test unit written to ").map(|(_, path)| path.trim().to_owned())
            }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, wall, coverage: (before, after), learnt, find } = self;
        let finds = u8::from(find.is_some());
        let seconds = wall.as_secs();
        write!(f, "{executions:>12}{seconds:>10}{before:>16}{after:>11}{learnt:>13}{finds:>7}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_libfuzzer_writes() {
        let log = "\
#2\tINITED cov: 120 ft: 130 corp: 1/1b exec/s: 0 rss: 40Mb
#9\tNEW    cov: 125 ft: 140 corp: 2/9b lim: 4 exec/s: 0 rss: 40Mb L: 4/4 MS: 1 ChangeBit-
thread 'main' panicked at fuzz/src/json.rs:1:1:
artifact_prefix='/f/'; Test unit written to /f/crash-1
stat::number_of_executed_units: 17
stat::new_units_added:          3
";
        let report = Report::read(log, Duration::from_secs(2));
        assert_eq!((report.executions, report.coverage, report.learnt), (17, (120, 125), 3));
        assert_eq!(report.find.as_deref(), Some("/f/crash-1"));
    }
}
