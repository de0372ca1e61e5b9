//! `tessera verify --signature-only`: the JWS layer alone (RFC 7515), over any payload.

use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tessera_verifier::{Backend, SignatureError, verify_signature};

use super::cases::{each_line, text};
use super::explain::read_key_set;
use crate::failure::{DENIED, Failure};
use crate::output::{self, Answer};

/// A case: a token and the key set against which it is held.
#[derive(Deserialize)]
struct Case<'c> {
    id: Value,
    token: String,
    /// An object, taken as it is spelled, or a text with the document in it.
    #[serde(borrow)]
    jwks: &'c RawValue,
}

/// Judges one token.
pub(super) fn run(token: &str, jwks: &Path, backend: Backend, json: bool) -> Result<ExitCode, Failure> {
    let verdict = judged(token, &read_key_set(jwks)?, backend);
    let (text, code) = match &verdict {
        Ok(()) => ("the signature is good".to_owned(), ExitCode::SUCCESS),
        Err(error) => (format!("denied: {}: {}", error.name, error.reason), ExitCode::from(DENIED)),
    };
    output::answer(&Answer { text, json: report(&verdict) }, json)?;
    Ok(code)
}

/// Judges the cases of a file, or of stdin.
pub(super) fn cases(file: &Path, backend: Backend) -> Result<(), Failure> {
    each_line(file, |line| {
        let Case { id, token, jwks } = serde_json::from_str(line)?;
        Ok(super::report::with_id(&id, report(&judged(&token, &text(jwks), backend))))
    })
}

struct Refusal {
    name: &'static str,
    reason: String,
}

fn judged(token: &str, jwks: &str, backend: Backend) -> Result<(), Refusal> {
    verify_signature(token, jwks, backend).map_err(|error| Refusal {
        name: match &error {
            SignatureError::Keys(_) => "key-set-refused",
            SignatureError::Token(error) => error.name(),
        },
        reason: error.to_string(),
    })
}

fn report(verdict: &Result<(), Refusal>) -> Value {
    match verdict {
        Ok(()) => json!({ "verdict": "allow", "error": null, "reason": null }),
        Err(error) => json!({ "verdict": "deny", "error": error.name, "reason": error.reason }),
    }
}
