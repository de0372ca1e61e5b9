//! The way back from the document to the file that it was made of.

use tessera_verifier::Problem;

/// A place in a file: line and column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Where each name and value of a document, which is one line, stands in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceMap {
    /// Columns of the document, rising, each with its place in the file.
    entries: Vec<(u32, Position)>,
}

impl SourceMap {
    /// Notes where that comes from which begins at this column, further right than all before it.
    pub(crate) fn note(&mut self, column: u32, position: Position) {
        self.entries.push((column, position));
    }

    /// The place of the name or value that a column of the document is in.
    pub(crate) fn locate(&self, column: u32) -> (u32, u32) {
        let after = self.entries.partition_point(|(start, _)| *start <= column);
        let entry = after.checked_sub(1).and_then(|index| self.entries.get(index));
        entry.map_or((1, 1), |(_, position)| (position.line, position.column))
    }
}

/// A problem of the whole file, at the end of the text before it.
pub(crate) fn problem_after(before: &str, message: &str) -> Problem {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Problem {
        pointer: String::new(),
        line: number(line),
        column: number(column),
        message: message.to_owned(),
        suggestion: None,
    }
}

/// A line or column as it is told. The length of a policy bounds both far below 2³².
pub(crate) fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
