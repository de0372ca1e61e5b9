//! The figures as Markdown: for the terminal, and for the document.

use std::fmt::Write as _;

use tessera_bench_report::{Report, Row, Unit};

use crate::build::grouped;

/// In the document, what a benchmark measured last stands between [`Layout::begin`] and this line.
pub(super) const END: &str = "<!-- end of what was measured -->";

/// How the figures of a benchmark are laid out.
pub(super) struct Layout {
    /// The benchmark's name, as in `cargo xtask bench NAME`.
    pub(super) bench: &'static str,
    pub(super) grids: &'static [Grid],
    /// The columns of every grid: the last parts of rows' names. Rows that are in no grid have lines of their own.
    pub(super) columns: &'static [&'static str],
    /// What is aimed at: a row, and the ratio that it should not exceed.
    pub(super) aims: &'static [(&'static str, f64)],
}

/// A table with a line for each first part of rows' names: medians, and ratios.
pub(super) struct Grid {
    /// What is in its upper left corner.
    pub(super) corner: &'static str,
    /// What is between the first part of a row's name and the last.
    pub(super) between: &'static str,
}

impl Layout {
    /// All of it.
    pub(super) fn render(&self, report: &Report) -> String {
        let mut text = String::new();
        let versions: Vec<String> =
            report.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Machine: {}.\n", report.machine);
        let _ = writeln!(text, "Versions: {}.\n", versions.join(", "));
        for grid in self.grids {
            self.grid(&mut text, report, grid);
        }
        self.others(&mut text, report);
        self.aims(&mut text, report);
        text.trim_end().to_owned()
    }

    fn grid(&self, text: &mut String, report: &Report, grid: &Grid) {
        let mut lines: Vec<&str> = report.rows.iter().filter_map(|row| self.line_in(grid, row)).collect();
        lines.dedup();
        if lines.is_empty() {
            return;
        }
        let head = self.columns.join(" | ");
        let _ = writeln!(text, "| {} | {head} |\n|---|{}", grid.corner, "---:|".repeat(self.columns.len()));
        for line in lines {
            let cells: Vec<String> = (self.columns.iter())
                .map(|column| {
                    report.row(&format!("{line}{}{column}", grid.between)).map_or_else(String::new, cell)
                })
                .collect();
            let _ = writeln!(text, "| {line} | {} |", cells.join(" | "));
        }
        text.push('\n');
    }

    /// The line of a grid that a row is in.
    fn line_in<'r>(&self, grid: &Grid, row: &'r Row) -> Option<&'r str> {
        let (line, column) = row.name.split_once(grid.between)?;
        self.columns.contains(&column).then_some(line)
    }

    /// What is in no grid.
    fn others(&self, text: &mut String, report: &Report) {
        let in_grid = |row: &Row| self.grids.iter().any(|grid| self.line_in(grid, row).is_some());
        let others: Vec<&Row> = report.rows.iter().filter(|row| !in_grid(row)).collect();
        if others.is_empty() {
            return;
        }
        let _ = writeln!(text, "| row | median | min | max | ratio |\n|---|---:|---:|---:|---:|");
        for row in others {
            let (unit, figure): (_, fn(f64) -> String) = match row.unit {
                Unit::Microseconds => ("µs", |number| format!("{number:.1}")),
                Unit::Bytes => ("bytes", grouped_whole),
            };
            let [median, min, max] = [row.figures.median, row.figures.min, row.figures.max].map(figure);
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let _ = writeln!(text, "| {} | {median} {unit} | {min} | {max} | {ratio} |", row.name);
        }
        text.push('\n');
    }

    fn aims(&self, text: &mut String, report: &Report) {
        let measured: Vec<(&str, f64, f64)> = (self.aims.iter())
            .filter_map(|&(name, limit)| Some((name, limit, report.row(name)?.ratio?)))
            .collect();
        if measured.is_empty() {
            return;
        }
        let _ = writeln!(text, "| aim | at most | measured | |\n|---|---:|---:|---|");
        for (name, limit, ratio) in measured {
            let verdict = if ratio <= limit { "met" } else { "missed" };
            let _ = writeln!(text, "| {name} | {limit:.2} | {ratio:.2} | {verdict} |");
        }
    }

    /// The line of the document that what was measured last comes after.
    pub(super) fn begin(&self) -> String {
        format!("<!-- measured by: cargo xtask bench {} --record -->", self.bench)
    }

    /// The document with this table in the place of the one before; none, if it has no such place.
    pub(super) fn replace(&self, document: &str, table: &str) -> Option<String> {
        let begin = self.begin();
        let (before, rest) = document.split_once(&begin)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{begin}\n\n{table}\n\n{END}{after}"))
    }
}

fn cell(row: &Row) -> String {
    let ratio = row.ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.2})"));
    format!("{:.1}{ratio}", row.figures.median)
}

/// Digits in groups of three; figures of this size are exact.
fn grouped_whole(number: f64) -> String {
    format!("{number:.0}").parse().map_or_else(|_| number.to_string(), grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        bench: "x",
        grids: &[Grid { corner: "µs", between: "/" }],
        columns: &["peer", "ours"],
        aims: &[("es256/ours", 1.0), ("rs256/ours", 1.0)],
    };

    #[test]
    fn rows_are_in_the_grid_or_below_it() {
        let report = Report::new(
            "x",
            vec![
                Row::alone("es256/peer", Unit::Microseconds, &[4.0]),
                Row::against("es256/ours", Unit::Microseconds, &[5.0], "es256/peer", &[4.0]),
                Row::alone("memory/1", Unit::Bytes, &[65536.0]),
            ],
        );
        let expected = "\
Machine: .

Versions: .

| µs | peer | ours |
|---|---:|---:|
| es256 | 4.0 | 5.0 (1.25) |

| row | median | min | max | ratio |
|---|---:|---:|---:|---:|
| memory/1 | 65,536 bytes | 65,536 | 65,536 |  |

| aim | at most | measured | |
|---|---:|---:|---|
| es256/ours | 1.00 | 1.25 | missed |";
        assert_eq!(LAYOUT.render(&report), expected);
    }

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let others = format!("<!-- measured by: cargo xtask bench y --record -->\n\nkept\n\n{END}");
        let begin = LAYOUT.begin();
        let document = format!("# Figures\n\n{others}\n\n{begin}\n\nold\n\n{END}\n\nMore.\n");
        let fresh = LAYOUT.replace(&document, "new").unwrap();
        assert_eq!(fresh, format!("# Figures\n\n{others}\n\n{begin}\n\nnew\n\n{END}\n\nMore.\n"));
        assert_eq!(LAYOUT.replace(&fresh, "new").unwrap(), fresh);
        assert_eq!(LAYOUT.replace("# Figures\n", "new"), None);
    }
}
