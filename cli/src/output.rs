//! What a command answers: JSON for programs, text and tables for people.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::Value;

use super::failure::Failure;
use tessera_issuer::domain::UnixTime;

const HEADING: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// A command's answer in both forms.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) json: Value,
}

/// Prints an answer to stdout.
pub(super) fn answer(answer: &Answer, json: bool) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let written = if json {
        writeln!(stdout, "{:#}", answer.json)
    } else {
        writeln!(stdout, "{}", answer.text.trim_end())
    };
    written.and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints a document to stdout, as it is.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints a failure to stderr, on one line; the problems of a policy on a line each, as compilers do.
pub(super) fn error(failure: &Failure) {
    if let Failure::Policy { path, problems } = failure {
        let mut stderr = anstream::stderr().lock();
        for problem in problems {
            // Nothing more can be done about a closed terminal.
            let _ = writeln!(stderr, "{}:{problem}", path.display());
        }
        return;
    }
    say(ERROR, "error", &tessera_fetch::chain(failure));
}

/// Prints a line about a file to stderr, as it is.
pub(super) fn note(line: &str) {
    // Nothing more can be done about a closed terminal.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints a warning to stderr, on one line.
pub(super) fn warn(message: &str) {
    say(WARNING, "warning", message);
}

fn say(style: Style, label: &str, message: &str) {
    let message = message.replace(['\n', '\r'], " ");
    // Nothing more can be done about a closed terminal.
    let _ = writeln!(anstream::stderr(), "{style}{label}{style:#}: {message}");
}

/// Rows under headings, as wide as they need.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            // Writing to a String does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        line.trim_end().to_owned()
    };
    let mut text = format!("{HEADING}{}{HEADING:#}\n", line(headings));
    for row in rows {
        text.push_str(&line(row.each_ref().map(String::as_str)));
        text.push('\n');
    }
    text
}

/// A time for people, in UTC: `2026-01-31 23:59:59Z`; at most the end of the year 9999.
pub(super) fn time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_seconds()).ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_709_251_199, "2024-02-29 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
            (u64::MAX, "9999-12-30 22:00:00Z"),
        ] {
            assert_eq!(time(UnixTime::from_seconds(seconds)), expected);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "b".to_owned()], ["longer".to_owned(), String::new()]];
        let text = anstream::adapter::strip_str(&table(["X", "YY"], &rows)).to_string();
        assert_eq!(text, "X       YY\na       b\nlonger\n");
    }
}
