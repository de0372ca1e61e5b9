//! The cases, and what is expected of each.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// A case, as far as a runner has to know it: the rest of its line is for the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name, which no other case has.
    pub id: String,
    /// What it is about, with its sources.
    pub about: String,
    /// What has to come of it.
    pub expected: Outcome,
    /// Whether it is of the signature layer alone.
    pub signature_only: bool,
}

/// A file of cases, a line each.
#[derive(Debug, Clone)]
pub struct CaseFile {
    path: PathBuf,
    cases: Vec<Case>,
}

/// What comes of a case, in a form in which equal outcomes are equal: without members that are null or empty, and with
/// lists in order whose order means nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome(Map<String, Value>);

/// Why a file of cases cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The system refused.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line is no case.
    #[error("{}:{line}: no case: {problem}", path.display())]
    NoCase {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// The members of an outcome, and those of a case of the signature layer.
const MEMBERS: &[&str] = &["verdict", "error", "status", "challenge", "grant"];
const SIGNATURE_MEMBERS: &[&str] = &["verdict", "error"];

impl CaseFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CorpusError::Unreadable { path: path.to_owned(), source })?;
        let mut ids = BTreeSet::new();
        let cases = text.lines().enumerate().map(|(index, line)| {
            let no_case = |problem| CorpusError::NoCase { path: path.to_owned(), line: index + 1, problem };
            let case = Case::read(line).map_err(no_case)?;
            if !ids.insert(case.id.clone()) {
                return Err(no_case(format!("`{}` is there already", case.id)));
            }
            Ok(case)
        });
        Ok(Self { cases: cases.collect::<Result<_, _>>()?, path: path.to_owned() })
    }

    /// Every file of a folder, by name.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, CorpusError> {
        let unreadable = |source| CorpusError::Unreadable { path: folder.to_owned(), source };
        let entries =
            fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(unreadable)?;
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, without its folder and ending.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Its cases.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The members that outcomes of its cases have.
    pub(super) fn members(&self) -> &'static [&'static str] {
        if self.cases.iter().any(|case| case.signature_only) { SIGNATURE_MEMBERS } else { MEMBERS }
    }
}

impl Case {
    fn read(line: &str) -> Result<Self, String> {
        let case: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = |name: &str| {
            case.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(format!("`{name}` is missing"))
        };
        let signature_only = case.get("request").is_none();
        let members = if signature_only { SIGNATURE_MEMBERS } else { MEMBERS };
        let expected = case.get("expect").and_then(Value::as_object).ok_or("`expect` is missing")?;
        if let Some(unknown) = expected.keys().find(|name| !members.contains(&name.as_str())) {
            return Err(format!("`expect` has no member `{unknown}`"));
        }
        if !expected.get("verdict").is_some_and(Value::is_string) {
            return Err("`expect` has no verdict".to_owned());
        }
        Ok(Self {
            id: text("id")?,
            about: text("about")?,
            expected: Outcome::of(expected, members),
            signature_only,
        })
    }
}

impl Outcome {
    /// An outcome of these members, as far as there are such.
    pub(super) fn of(members: &Map<String, Value>, known: &[&str]) -> Self {
        let known = known.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
        let mut outcome: Map<String, Value> = known.collect();
        if let Some(Value::Object(grant)) = outcome.get_mut("grant") {
            order(grant, "remove", Value::to_string);
            // Fields of one name keep their order, which means something.
            order(grant, "set", |pair| pair.get(0).map(Value::to_string).unwrap_or_default());
        }
        Self(without_nothing(outcome))
    }

    /// An outcome as a case or a host writes it; members beyond those of an outcome are left alone.
    #[must_use]
    pub fn from_json(outcome: &Value) -> Self {
        let nothing = Map::new();
        Self::of(outcome.as_object().unwrap_or(&nothing), MEMBERS)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

impl fmt::Display for Outcome {
    /// One line of JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

fn order(object: &mut Map<String, Value>, name: &str, key: impl Fn(&Value) -> String) {
    if let Some(Value::Array(elements)) = object.get_mut(name) {
        elements.sort_by_key(key);
    }
}

/// The object without members that are null or an empty list.
fn without_nothing(object: Map<String, Value>) -> Map<String, Value> {
    let kept = object.into_iter().filter_map(|(name, value)| match value {
        Value::Null => None,
        Value::Array(elements) if elements.is_empty() => None,
        Value::Object(inner) => Some((name, Value::Object(without_nothing(inner)))),
        value => Some((name, value)),
    });
    kept.collect()
}

/// Where the cases are in this repository.
#[must_use]
pub fn cases_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join("cases")
}
