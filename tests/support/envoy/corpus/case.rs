//! The cases of the corpus, as far as a host has to know them.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::RunError;
use crate::conformance::Outcome;

/// A case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) id: String,
    /// The policy document as it is spelled.
    pub(super) policy: String,
    /// By issuer, the key set as it is spelled.
    pub(super) jwks: BTreeMap<String, String>,
    /// Status lists, by URL.
    pub(super) documents: BTreeMap<String, String>,
    /// What the verifier is asked: first what does not count, at last what does.
    pub(super) steps: Vec<Step>,
    /// What has to come of it.
    pub(super) expected: Outcome,
}

/// A request at a time.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Step {
    pub(super) request: Request,
    /// In seconds since 1970.
    pub(super) now: u64,
}

/// A request, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RequestLine")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct CaseLine<'l> {
    id: String,
    /// A document, or a text that holds one.
    #[serde(borrow)]
    policy: &'l RawValue,
    #[serde(borrow)]
    jwks: BTreeMap<String, &'l RawValue>,
    #[serde(default)]
    documents: BTreeMap<String, String>,
    #[serde(default)]
    before: Vec<Step>,
    request: Request,
    now: u64,
    expect: Value,
}

impl Case {
    /// Those of a file, a line each.
    pub(super) fn read_all(path: &Path) -> Result<Vec<Self>, RunError> {
        let text = fs::read_to_string(path)?;
        let cases = (1..).zip(text.lines()).map(|(line, text)| {
            let case: CaseLine<'_> = serde_json::from_str(text).map_err(|source| RunError::Case {
                path: path.to_owned(),
                line,
                source,
            })?;
            Ok(Self::from(case))
        });
        cases.collect()
    }
}

impl From<CaseLine<'_>> for Case {
    fn from(line: CaseLine<'_>) -> Self {
        let CaseLine { id, policy, jwks, documents, before, request, now, expect } = line;
        Self {
            id,
            policy: document(policy),
            jwks: jwks.into_iter().map(|(issuer, set)| (issuer, document(set))).collect(),
            documents,
            steps: before.into_iter().chain([Step { request, now }]).collect(),
            expected: Outcome::from_json(&expect),
        }
    }
}

impl From<RequestLine> for Request {
    fn from(RequestLine { method, url, headers }: RequestLine) -> Self {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (host, target) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        Self { method, host: host.to_owned(), target: target.to_owned(), headers }
    }
}

/// A document: the text that is meant by it, or its own spelling.
fn document(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}
