//! `tessera verify --cases`: a case a line, a verdict a line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::Documents;
use super::engine::Engine;
use super::judge::{self, Question, Request};
use super::report;
use crate::failure::Failure;

/// Bytes of a line at most: a policy and a few key sets at their limits, and a request.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// A case. What else is on its line is for others.
#[derive(Deserialize)]
struct Case<'c> {
    id: Value,
    /// An object, taken as it is spelled, or a text with the document in it.
    #[serde(borrow)]
    policy: &'c RawValue,
    /// By issuer; each as the policy.
    #[serde(borrow, default)]
    jwks: HashMap<String, &'c RawValue>,
    /// Status lists, by URL.
    #[serde(default)]
    documents: HashMap<String, String>,
    /// What the same verifier is asked first. Its answers do not matter; by then it may have prepared a key.
    #[serde(default)]
    before: Vec<Earlier>,
    request: CaseRequest,
    now: u64,
}

#[derive(Deserialize)]
struct Earlier {
    request: CaseRequest,
    now: u64,
}

#[derive(Deserialize)]
struct CaseRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

/// Judges the cases of a file, or of stdin, and writes the verdicts to stdout.
pub(super) fn run(file: &Path, engine: &Engine) -> Result<(), Failure> {
    each_line(file, |line| {
        let case: Case<'_> = serde_json::from_str(line)?;
        Ok(judged(case, engine))
    })
}

/// Answers each line of a file, or of stdin, with a line.
pub(super) fn each_line(
    file: &Path,
    mut answer: impl FnMut(&str) -> Result<Value, serde_json::Error>,
) -> Result<(), Failure> {
    let failed = |source| Failure::File { verb: "read", path: file.to_owned(), source };
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(failed)?))
    };
    let mut output = io::stdout().lock();
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        let length = io::Read::take(&mut input, MAX_LINE).read_line(&mut line).map_err(failed)?;
        if length == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let verdict =
            answer(&line).map_err(|source| Failure::Case { path: file.to_owned(), line: number, source })?;
        // Whoever asks one case after the other waits for each answer.
        writeln!(output, "{verdict}").and_then(|()| output.flush()).map_err(Failure::Output)?;
    }
    Ok(())
}

/// The verdict on a case. Each has a verifier of its own: nothing that one leaves behind, a key set, a cooldown or a
/// remembered token, has a say in another.
fn judged(case: Case<'_>, engine: &Engine) -> Value {
    let Case { id, policy, jwks, documents, before, request, now } = case;
    let policy = text(policy);
    let mut judge = match engine.load(&policy) {
        Ok(judge) => judge,
        Err(problems) => return report::invalid(&id, &problems),
    };
    let key_set = |issuer: &str| jwks.get(issuer).map(|set| text(set));
    let documents = Documents::new(&policy, key_set).with(documents);
    let mut decide = |request: CaseRequest, now| {
        let request = Request::from(request);
        judge::decide(&mut *judge, Question::Request(&request), now, |want| documents.get(want))
    };
    for Earlier { request, now } in before {
        decide(request, now);
    }
    let verdict = decide(request, now);
    report::case(&id, &verdict)
}

impl From<CaseRequest> for Request {
    fn from(CaseRequest { method, url, headers }: CaseRequest) -> Self {
        Self { method, ..Self::to(&url, headers) }
    }
}

/// A document of a case: the text in it, or its own spelling.
pub(super) fn text(document: &RawValue) -> String {
    serde_json::from_str::<String>(document.get()).unwrap_or_else(|_| document.get().to_owned())
}
