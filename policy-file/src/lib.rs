//! Policy files as people write them: JSON or YAML in, the verifier's document out.
//!
//! The verifier reads JSON and nothing else, in every host. People may write YAML: this crate turns that
//! into the document, and turns the places of the verifier's complaints back into lines of the file.
//!
//! ```
//! use tessera_policy_file::PolicyFile;
//!
//! let file = PolicyFile::parse("
//! issuers:
//!   - issuer: https://issuer.example
//!     jwks_uri: https://issuer.example/jwks.json
//! audience: [orders]
//! ").expect("it is YAML");
//!
//! let problems = file.check().expect_err("`audience` is no member");
//! let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
//! assert_eq!(lines[1], "5:1: /audience: unknown member (did you mean `audiences`?)");
//! ```
//!
//! **Which of the two** a file is shows in its first character that is not white space: `{` begins JSON,
//! which is passed on as it is. The name of the file says nothing.
//!
//! **What of YAML is taken** is what JSON can say, by the core schema of YAML 1.2 (§10.3.2): `no` is a
//! text and `0123` an error. Refused, with the place, are member names that come twice, anchors, aliases,
//! merge keys, tags, further documents, names that are no text, and numbers that JSON cannot write. So
//! nothing in a file means more than stands there, and no file grows when it is read.
//!
//! What this crate does not do: know the policy's members. The verifier does.

mod scalar;
mod source;
mod yaml;

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use tessera_verifier::{Problem, Verifier, limits};

use crate::source::SourceMap;

/// A policy file that is a document: what its members say is not known yet.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    json: String,
    /// From the document back to the file, where they are not the same.
    source: Option<SourceMap>,
}

/// How much of a file is read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest file, in bytes.
    pub bytes: usize,
    /// The deepest nesting of YAML. JSON is passed on unseen, and whoever reads it has a bound of his own.
    pub depth: usize,
}

impl Bounds {
    /// What a policy may have.
    pub const POLICY: Self = Self { bytes: limits::POLICY_BYTES, depth: limits::POLICY_DEPTH };
}

/// Why there is no document in a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("the policy file cannot be read")]
    Unreadable(#[from] io::Error),
    /// It can be read and is no policy document: one problem at least.
    #[error("the policy file is neither JSON nor YAML as policies are written")]
    Problems(Vec<Problem>),
}

impl PolicyFile {
    /// Reads a file of at most [`limits::POLICY_BYTES`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::read_within(path, Bounds::POLICY)
    }

    /// Reads a file that a policy may be a part of.
    pub fn read_within(path: &Path, bounds: Bounds) -> Result<Self, ReadError> {
        let mut bytes = Vec::new();
        // One more than is taken, so that too long is noticed.
        let limit = u64::try_from(bounds.bytes).map_or(u64::MAX, |limit| limit.saturating_add(1));
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).or_else(|error| {
            // The bound may have cut a character in two; then the text is too long, not damaged.
            let (valid, too_long) = (error.utf8_error().valid_up_to(), error.as_bytes().len() > bounds.bytes);
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            let before = String::from_utf8(bytes).unwrap_or_default();
            if too_long {
                Ok(before + "\u{fffd}")
            } else {
                Err(vec![source::problem_after(&before, "this is not UTF-8")])
            }
        });
        text.and_then(|text| Self::parse_within(&text, bounds)).map_err(ReadError::Problems)
    }

    /// Takes the text of a file, of at most [`limits::POLICY_BYTES`]. JSON is taken unseen; whoever loads
    /// the document says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_within(text, Bounds::POLICY)
    }

    /// Takes the text of a file that a policy may be a part of, as [`parse`](Self::parse) does.
    pub fn parse_within(text: &str, bounds: Bounds) -> Result<Self, Vec<Problem>> {
        if text.len() > bounds.bytes {
            let message = format!("the file is longer than {} bytes", bounds.bytes);
            return Err(vec![source::problem_after("", &message)]);
        }
        if text.trim_start().starts_with('{') {
            return Ok(Self { json: text.to_owned(), source: None });
        }
        let (json, source) = yaml::convert(text, bounds.depth)?;
        Ok(Self { json, source: Some(source) })
    }

    /// The document, as every host of the verifier loads it.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Where in the file that stands which stands in the document at this line and column: line and
    /// column, both from 1, the column in characters.
    #[must_use]
    pub fn locate(&self, line: u32, column: u32) -> (u32, u32) {
        match &self.source {
            Some(source) => source.locate(column),
            None => (line, column),
        }
    }

    /// Checks the policy, or reports all of its problems, with their lines in the file.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        Verifier::check_policy(&self.json).map_err(|error| self.relocated(error.into_problems()))
    }

    /// Problems of the document, with their places in the file.
    #[must_use]
    pub fn relocated(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        for problem in &mut problems {
            (problem.line, problem.column) = self.locate(problem.line, problem.column);
        }
        problems
    }
}

#[cfg(test)]
mod tests;
