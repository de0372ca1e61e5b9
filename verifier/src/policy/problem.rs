//! What is wrong in a policy document.

use alloc::{string::String, vec, vec::Vec};
use core::fmt::{self, Write as _};

/// Something wrong in a policy document. Its texts quote the document; as a whole it shows without
/// control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a JSON Pointer into the document (RFC 6901); empty for the whole of it.
    pub pointer: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in the line, from 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that can be told.
    pub suggestion: Option<String>,
}

/// Everything that is wrong in a policy document: at least one problem, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    problems: Vec<Problem>,
}

impl PolicyError {
    /// From problems in the order of the document, one at least.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    pub(super) fn empty() -> Self {
        Self::new(vec![Problem {
            pointer: String::new(),
            line: 1,
            column: 1,
            message: "a policy is a JSON object".into(),
            suggestion: None,
        }])
    }

    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems, to keep.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Text on its way to a terminal: control characters, which the document may have put into it, escaped.
struct Printable<'t>(&'t str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(f, "{}: ", Printable(&self.pointer))?;
        }
        write!(f, "{}", Printable(&self.message))?;
        self.suggestion.as_ref().map_or(Ok(()), |suggestion| write!(f, " ({})", Printable(suggestion)))
    }
}

impl fmt::Display for PolicyError {
    /// A line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for PolicyError {}
