//! The figures as Markdown: for the terminal, and for the document.

use std::fmt::Write as _;

use super::figures::{Figures, Row};
use crate::build::grouped;

/// Between these lines of the document stands what was measured last.
pub(super) const BEGIN: &str = "<!-- measured by: cargo xtask bench verify --record -->";
pub(super) const END: &str = "<!-- end of what was measured -->";

/// Who is measured for every algorithm, by the last part of the rows' names; the others have lines of their own.
const COLUMNS: [&str; 5] = ["jsonwebtoken", "native", "native-portable", "component", "component-wide"];

/// What is aimed at: a row, and the ratio that it should not exceed.
const AIMS: [(&str, f64); 9] = [
    ("rs256/cold/component-wide", 3.0),
    ("es256/cold/component-wide", 1.7),
    ("eddsa/cold/component-wide", 1.4),
    ("rs256/cold/component", 12.0),
    ("es256/cold/component", 4.5),
    ("eddsa/cold/component", 3.0),
    ("rs256/warm/component", 0.25),
    ("rs256/warm/component-wide", 0.25),
    ("rules/1000", 1.1),
];

/// All of it.
pub(super) fn render(figures: &Figures) -> String {
    let mut text = String::new();
    let versions: Vec<String> =
        figures.versions().map(|(name, version)| format!("{name} {version}")).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Machine: {}.\n", figures.machine());
    let _ = writeln!(text, "Versions: {}.\n", versions.join(", "));
    for state in ["cold", "warm"] {
        by_algorithm(&mut text, figures, state);
    }
    others(&mut text, figures);
    aims(&mut text, figures);
    text.trim_end().to_owned()
}

/// A line for each algorithm: medians, and ratios against jsonwebtoken verifying the same token.
fn by_algorithm(text: &mut String, figures: &Figures, state: &str) {
    let algorithms = figures.rows().filter_map(|row| row.name.strip_suffix(&format!("/{state}/component")));
    let _ =
        writeln!(text, "| {state}, µs | {} |\n|---|{}", COLUMNS.join(" | "), "---:|".repeat(COLUMNS.len()));
    for algorithm in algorithms {
        let cells = COLUMNS.map(|column| {
            figures.row(&format!("{algorithm}/{state}/{column}")).map_or_else(String::new, |row| {
                let ratio = row.ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.2})"));
                format!("{:.1}{ratio}", row.median)
            })
        });
        let _ = writeln!(text, "| {algorithm} | {} |", cells.join(" | "));
    }
    text.push('\n');
}

/// What is no matter of algorithms.
fn others(text: &mut String, figures: &Figures) {
    let _ = writeln!(text, "| row | median | min | max | ratio |\n|---|---:|---:|---:|---:|");
    let in_table = |row: &Row<'_>| COLUMNS.iter().any(|column| row.name.rsplit('/').next() == Some(column));
    for row in figures.rows().filter(|row| !in_table(row)) {
        let figure = |number: f64| match row.unit {
            "bytes" => grouped_whole(number),
            _ => format!("{number:.1}"),
        };
        let [median, min, max] = [row.median, row.min, row.max].map(figure);
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let _ = writeln!(text, "| {} | {median} {} | {min} | {max} | {ratio} |", row.name, row.unit);
    }
    text.push('\n');
}

fn aims(text: &mut String, figures: &Figures) {
    let _ = writeln!(text, "| aim | at most | measured | |\n|---|---:|---:|---|");
    for (name, limit) in AIMS {
        let Some(ratio) = figures.row(name).and_then(|row| row.ratio) else { continue };
        let verdict = if ratio <= limit { "met" } else { "missed" };
        let _ = writeln!(text, "| {name} | {limit:.2} | {ratio:.2} | {verdict} |");
    }
}

/// Digits in groups of three; figures of this size are exact.
fn grouped_whole(number: f64) -> String {
    format!("{number:.0}").parse().map_or_else(|_| number.to_string(), grouped)
}

/// The document with this table in the place of the one before; none, if it has no such place.
pub(super) fn replace(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let document = format!("# Figures\n\n{BEGIN}\n\nold\n\n{END}\n\nMore.\n");
        let fresh = replace(&document, "new").unwrap();
        assert_eq!(fresh, format!("# Figures\n\n{BEGIN}\n\nnew\n\n{END}\n\nMore.\n"));
        assert_eq!(replace(&fresh, "new").unwrap(), fresh);
        assert_eq!(replace("# Figures\n", "new"), None);
    }
}
