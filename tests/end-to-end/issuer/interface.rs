//! schemathesis (PyPI) holds a running issuer against the OpenAPI document that it publishes.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    judge::python,
    stage::{Stage, WITH_SECRET},
};

/// What schemathesis reports and we stand by: the operation, the check, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("POST /v1/token", "RejectedPositiveData", BEYOND_SCHEMAS),
    ("POST /v1/introspect", "RejectedPositiveData", BEYOND_SCHEMAS),
    ("POST /v1/revoke", "RejectedPositiveData", BEYOND_SCHEMAS),
];

/// The same of what it comes upon in some runs only.
const AT_TIMES: &[(&str, &str, &str)] = &[
    ("POST /v1/introspect", "AcceptedNegativeData", EMPTY_IS_ABSENT),
    ("POST /v1/revoke", "AcceptedNegativeData", EMPTY_IS_ABSENT),
];

const EMPTY_IS_ABSENT: &str = "A parameter without a value is treated as if it were left out (RFC 6749 §3.1), so that \
    an empty client_id or client_assertion_type is none, and not one that a schema can forbid.";

const BEYOND_SCHEMAS: &str = "A schema can say what a request looks like, not that its client_id is the client that \
    authenticates, that it authenticates in one way only, that its assertion is signed by whom a client trusts, or that \
    an audience is granted. RFC 6749 §5.2 answers these with 400.";

/// What one run found.
#[derive(Debug, Deserialize)]
struct Report {
    /// Requests that were sent.
    requests: u64,
    failures: Vec<Failure>,
    /// What kept it from testing at all.
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    operation: String,
    check: String,
    told: String,
}

#[tokio::test]
async fn the_issuer_keeps_to_its_published_interface() {
    let stage = Stage::set().await;
    let mut needed = BTreeSet::new();
    // Nobody in particular, and a client with its secret: only the latter gets to the answers behind the door.
    for credentials in [None, Some(format!("{WITH_SECRET}:{}", stage.secret(WITH_SECRET)))] {
        let job =
            json!({ "issuer": stage.identifier(), "folder": stage.folder(), "credentials": credentials });
        let report: Report = serde_json::from_value(python("interface.py", job).await).unwrap();
        println!("{} requests, {} reports", report.requests, report.failures.len());
        assert!(report.errors.is_empty(), "{:#?}", report.errors);
        assert!(report.requests > 100, "{}", report.requests);
        for Failure { operation, check, told } in report.failures {
            let is_this = |known: &(&str, &str, &str)| (known.0, known.1) == (&*operation, &*check);
            if AT_TIMES.iter().any(is_this) {
                continue;
            }
            let known = EXCEPTIONS.iter().position(is_this);
            needed.insert(known.unwrap_or_else(|| panic!("{operation}, {check}: {told}")));
        }
    }
    let idle: Vec<_> = EXCEPTIONS.iter().enumerate().filter(|(index, _)| !needed.contains(index)).collect();
    assert!(idle.is_empty(), "no longer reported: {idle:#?}");
}
