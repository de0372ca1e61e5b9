//! An Envoy configuration as a file: the whole bootstrap, or any part of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;
use tessera_policy_file::{Bounds, PolicyFile};
use tessera_verifier::Problem;

use crate::failure::Failure;
use crate::policy_file;

/// What an Envoy configuration may have: those that control planes write for whole clusters reach some megabytes,
/// and `typed_per_filter_config` in a route of a bootstrap begins 14 levels deep. `serde_json` reads 127.
const BOUNDS: Bounds = Bounds { bytes: 16 * 1024 * 1024, depth: 96 };

/// A file that holds JSON, or YAML that can be said in JSON.
pub(crate) struct Document {
    file: PolicyFile,
    root: Value,
}

impl Document {
    /// Reads a file. One that is damaged is told as a policy would be.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(policy_file::read_within(path, BOUNDS)?)
            .map_err(|problem| Failure::Policy { path: path.to_owned(), problems: vec![problem] })
    }

    fn of(file: PolicyFile) -> Result<Self, Problem> {
        match serde_json::from_str(file.json()) {
            Ok(root) => Ok(Self { file, root }),
            Err(error) => {
                let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
                let (line, column) = file.locate(number(error.line()), number(error.column()).max(1));
                let message = format!("this is no JSON: {error}");
                Err(Problem { pointer: String::new(), line, column, message, suggestion: None })
            }
        }
    }

    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Self {
        Self::of(PolicyFile::parse_within(text, BOUNDS).unwrap()).unwrap()
    }

    /// The text of it in JSON.
    pub(super) fn text(&self) -> &str {
        self.file.json()
    }

    /// What it says.
    pub(crate) const fn root(&self) -> &Value {
        &self.root
    }

    /// The line and column of what a JSON Pointer names, both from 1; those of what is around it where it is
    /// not in the file.
    pub(crate) fn locate(&self, place: &str) -> (u32, u32) {
        let text = self.file.json();
        let steps = place.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
        let mut part = text.trim_start();
        for step in steps {
            let Some(next) = member(part, &step) else { break };
            part = next;
        }
        // Both are parts of the same text.
        let before = text.get(..part.as_ptr().addr() - text.as_ptr().addr()).unwrap_or_default();
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.file.locate(number(line), number(column))
    }
}

/// The text of a member or an element of a value.
fn member<'t>(text: &'t str, step: &str) -> Option<&'t str> {
    if text.starts_with('{') {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        return members.get(step).map(|value| value.get());
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    elements.get(step.parse::<usize>().ok()?).map(|value| value.get())
}

/// The place of a member: a JSON Pointer (RFC 6901).
pub(super) fn below(place: &str, step: &str) -> String {
    format!("{place}/{}", step.replace('~', "~0").replace('/', "~1"))
}
