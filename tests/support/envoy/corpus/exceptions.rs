//! Where a request does not reach the filter as the case has it, and what comes of that instead.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Protocol, RunError, case::Case, verdict::REFUSED_BY_ENVOY};
use crate::conformance::{Outcome, cases_folder};

/// What tests/vectors/envoy.json says.
#[derive(Debug)]
pub(super) struct Exceptions {
    list: Vec<Exception>,
}

/// Cases that go another way for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    reason: String,
    /// The versions of HTTP that this holds for.
    over: Vec<String>,
    /// What comes of the cases.
    instead: Value,
    cases: Vec<String>,
}

/// What a verdict was found to be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding<'e> {
    /// What the case expects.
    AsExpected,
    /// What an exception says, for the reason that it has.
    Excepted(&'e str),
    /// Something else.
    Wrong,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    exceptions: Vec<Exception>,
}

impl Exceptions {
    /// Those of this repository for a version of HTTP.
    pub(super) fn read(protocol: Protocol) -> Result<Self, RunError> {
        let text = std::fs::read_to_string(cases_folder().with_file_name("envoy.json"))?;
        let file: File = serde_json::from_str(&text).map_err(RunError::Exceptions)?;
        let mut list = file.exceptions;
        list.retain(|exception| exception.over.iter().any(|name| name == protocol.name()));
        Ok(Self { list })
    }

    /// Whether a case has another verdict than it expects, not only for another reason.
    pub(super) fn turns(&self, case: &Case) -> bool {
        let mut exceptions = self.list.iter().filter(|exception| exception.cases.contains(&case.id));
        exceptions.any(|exception| exception.instead.get("verdict") != case.expected.to_json().get("verdict"))
    }

    /// Holds a verdict against what is expected. An exception that a case does not need is wrong, too.
    pub(super) fn find(&self, case: &Case, seen: &Outcome) -> Finding<'_> {
        let Some(exception) = self.list.iter().find(|exception| exception.cases.contains(&case.id)) else {
            return if *seen == case.expected { Finding::AsExpected } else { Finding::Wrong };
        };
        let instead = Outcome::from_json(&exception.instead);
        let expected = case.expected.to_json();
        // That Envoy refuses what the policy allows is no reason.
        let by_envoy = exception.instead.get("error").and_then(Value::as_str) == Some(REFUSED_BY_ENVOY);
        let allowed = expected.get("verdict").and_then(Value::as_str) != Some("deny");
        if *seen == instead && instead != case.expected && !(by_envoy && allowed) {
            Finding::Excepted(&exception.reason)
        } else {
            Finding::Wrong
        }
    }
}

/// How often each finding was made.
pub(super) fn count<'e>(findings: impl Iterator<Item = Finding<'e>>) -> BTreeMap<Finding<'e>, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(expected: &Value) -> Case {
        Case {
            id: "a".to_owned(),
            policy: String::new(),
            jwks: [].into(),
            documents: [].into(),
            steps: Vec::new(),
            expected: Outcome::from_json(expected),
        }
    }

    fn exceptions(instead: &Value) -> Exceptions {
        let exception = json!({ "reason": "r", "over": ["HTTP/2"], "instead": instead, "cases": ["a"] });
        Exceptions { list: vec![serde_json::from_value(exception).unwrap()] }
    }

    #[test]
    fn an_exception_is_exact_needed_and_never_in_favour_of_envoys_refusals() {
        let (allow, deny) = (json!({ "verdict": "allow" }), json!({ "verdict": "deny", "error": "e" }));
        let envoys = json!({ "verdict": "deny", "error": REFUSED_BY_ENVOY });
        let other = json!({ "verdict": "deny", "error": "f" });
        for (expected, instead, seen, finding) in [
            (&deny, &other, &other, Finding::Excepted("r")),
            (&deny, &envoys, &envoys, Finding::Excepted("r")),
            (&deny, &other, &envoys, Finding::Wrong),
            // It came out as it should, so that the exception has to go.
            (&deny, &other, &deny, Finding::Wrong),
            (&deny, &deny, &deny, Finding::Wrong),
            (&allow, &envoys, &envoys, Finding::Wrong),
        ] {
            let seen = Outcome::from_json(seen);
            assert_eq!(exceptions(instead).find(&case(expected), &seen), finding, "{expected} {instead}");
        }
        let none = Exceptions { list: Vec::new() };
        assert_eq!(none.find(&case(&deny), &Outcome::from_json(&deny)), Finding::AsExpected);
        assert_eq!(none.find(&case(&deny), &Outcome::from_json(&other)), Finding::Wrong);
    }

    #[test]
    fn every_exception_names_cases_of_the_corpus() {
        let files = crate::conformance::CaseFile::read_all(&cases_folder()).unwrap();
        let ids: Vec<&str> =
            files.iter().flat_map(crate::conformance::CaseFile::cases).map(|case| case.id.as_str()).collect();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for exception in Exceptions::read(protocol).unwrap().list {
                assert!(exception.cases.iter().all(|id| ids.contains(&id.as_str())), "{exception:?}");
            }
        }
    }
}
