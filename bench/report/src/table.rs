//! The figures as Markdown: for the terminal, and for the document.

use std::fmt::Write as _;

use crate::{Figures, Report, Row, Unit};

/// In the document, what a benchmark measured last stands between [`Layout::begin`] and this line.
pub(crate) const END: &str = "<!-- end of what was measured -->";

/// How the figures of a benchmark are laid out.
pub struct Layout {
    /// The benchmark's name, as in `cargo xtask bench NAME`.
    pub bench: &'static str,
    /// The tables that rows are put into.
    pub grids: &'static [Grid],
    /// The columns of every grid: the last parts of rows' names. Rows that are in no grid have lines of their own.
    pub columns: &'static [&'static str],
    /// What is aimed at.
    pub aims: &'static [Aim],
}

/// What a row should show.
pub struct Aim {
    /// The name of the row.
    pub row: &'static str,
    /// Whether it is about the row's ratio, and not about its median.
    ratio: bool,
    bound: Bound,
}

/// On which side of a figure the aim is.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A table with a line for each first part of rows' names: medians, and ratios.
pub struct Grid {
    /// What is in its upper left corner.
    pub corner: &'static str,
    /// What is between the first part of a row's name and the last.
    pub between: &'static str,
}

impl Aim {
    /// A ratio of at most `limit`.
    #[must_use]
    pub const fn ratio_at_most(row: &'static str, limit: f64) -> Self {
        Self { row, ratio: true, bound: Bound::AtMost(limit) }
    }

    /// A ratio of at least `limit`.
    #[must_use]
    pub const fn ratio_at_least(row: &'static str, limit: f64) -> Self {
        Self { row, ratio: true, bound: Bound::AtLeast(limit) }
    }

    /// A median of at most `limit`, in the unit of the row.
    #[must_use]
    pub const fn at_most(row: &'static str, limit: f64) -> Self {
        Self { row, ratio: false, bound: Bound::AtMost(limit) }
    }

    /// A median of at least `limit`, in the unit of the row.
    #[must_use]
    pub const fn at_least(row: &'static str, limit: f64) -> Self {
        Self { row, ratio: false, bound: Bound::AtLeast(limit) }
    }

    /// Its line, if it was measured.
    fn line(&self, report: &Report) -> Option<String> {
        let row = report.row(self.row)?;
        let measured = if self.ratio { row.ratio? } else { row.figures.median };
        let show = |figure: f64| {
            if self.ratio { format!("ratio {figure:.2}") } else { quantity(row.unit, figure) }
        };
        let (wanted, met) = match self.bound {
            Bound::AtMost(limit) => (format!("at most {}", show(limit)), measured <= limit),
            Bound::AtLeast(limit) => (format!("at least {}", show(limit)), measured >= limit),
        };
        let verdict = if met { "met" } else { "missed" };
        Some(format!("| {} | {wanted} | {} | {verdict} |", self.row, show(measured)))
    }
}

impl Layout {
    /// The report as Markdown.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
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
            let Figures { median, min, max, .. } = row.figures;
            let [min, max] = [min, max].map(|figure| number(row.unit, figure));
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let _ =
                writeln!(text, "| {} | {} | {min} | {max} | {ratio} |", row.name, quantity(row.unit, median));
        }
        text.push('\n');
    }

    fn aims(&self, text: &mut String, report: &Report) {
        let lines: Vec<String> = self.aims.iter().filter_map(|aim| aim.line(report)).collect();
        if !lines.is_empty() {
            let _ =
                writeln!(text, "| aim | wanted | measured | |\n|---|---:|---:|---|\n{}", lines.join("\n"));
        }
    }

    /// The line of the document that what was measured last comes after.
    #[must_use]
    pub fn begin(&self) -> String {
        format!("<!-- measured by: cargo xtask bench {} --record -->", self.bench)
    }

    /// The document with this table in the place of the one before; none, if it has no such place.
    #[must_use]
    pub fn replace(&self, document: &str, table: &str) -> Option<String> {
        let begin = self.begin();
        let (before, rest) = document.split_once(&begin)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{begin}\n\n{table}\n\n{END}{after}"))
    }
}

fn cell(row: &Row) -> String {
    let ratio = row.ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.2})"));
    format!("{}{ratio}", number(row.unit, row.figures.median))
}

/// A figure with its unit.
fn quantity(unit: Unit, figure: f64) -> String {
    let name = match unit {
        Unit::Microseconds => "µs",
        Unit::Bytes => "bytes",
        Unit::PerCpuSecond => "a CPU-second",
        Unit::PerSecond => "a second",
        Unit::Milliseconds => "ms",
    };
    format!("{} {name}", number(unit, figure))
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A figure with as many digits as mean something.
fn number(unit: Unit, figure: f64) -> String {
    match unit {
        Unit::Microseconds => format!("{figure:.1}"),
        Unit::Milliseconds => format!("{figure:.2}"),
        Unit::Bytes | Unit::PerCpuSecond | Unit::PerSecond => grouped_whole(figure),
    }
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
        aims: &[
            Aim::ratio_at_most("es256/ours", 1.0),
            Aim::ratio_at_most("rs256/ours", 1.0),
            Aim::at_most("es256/ours", 5.0),
            Aim::at_least("memory/1", 65_536.0),
            Aim::ratio_at_least("es256/ours", 1.3),
        ],
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

| aim | wanted | measured | |
|---|---:|---:|---|
| es256/ours | at most ratio 1.00 | ratio 1.25 | missed |
| es256/ours | at most 5.0 µs | 5.0 µs | met |
| memory/1 | at least 65,536 bytes | 65,536 bytes | met |
| es256/ours | at least ratio 1.30 | ratio 1.25 | missed |";
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
