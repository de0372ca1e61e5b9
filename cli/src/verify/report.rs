//! Verdicts as programs read them. Members that do not apply are null.

use serde_json::{Value, json};
use tessera_verifier::Problem;

use super::judge::{Grant, Identity, Rejection, Verdict};
use crate::policy_file;

/// The verdict on a case.
pub(super) fn case(id: &Value, verdict: &Verdict) -> Value {
    with_id(id, self::verdict(verdict))
}

/// What is said of a case whose policy cannot be loaded.
pub(super) fn invalid(id: &Value, problems: &[Problem]) -> Value {
    let problems: Vec<Value> = problems.iter().map(policy_file::problem).collect();
    json!({ "id": id, "verdict": "invalid", "error": null, "status": null, "challenge": null, "grant": null,
            "problems": problems })
}

/// A verdict.
pub(super) fn verdict(verdict: &Verdict) -> Value {
    let members = |verdict: &str,
                   error: Option<&str>,
                   status: Option<u16>,
                   challenge: Option<&str>,
                   grant| {
        json!({ "verdict": verdict, "error": error, "status": status, "challenge": challenge, "grant": grant })
    };
    match verdict {
        Verdict::Allow(grant) => members("allow", None, None, None, self::grant(grant)),
        Verdict::Answer { status } => members("answer", None, Some(*status), None, Value::Null),
        Verdict::Deny(Rejection { error, status, challenge, .. }) => {
            members("deny", Some(error), *status, challenge.as_deref(), Value::Null)
        }
    }
}

fn grant(grant: &Grant) -> Value {
    let Grant { identity, remove, set, target, refusal } = grant;
    let refusal = refusal.as_ref().map(|refusal| &refusal.error);
    let identity = identity.as_ref().map(|identity| {
        let Identity { issuer, subject, client, scopes, expiry } = identity;
        json!({ "issuer": issuer, "subject": subject, "client": client, "scopes": scopes, "expiry": expiry })
    });
    json!({ "identity": identity, "remove": remove, "set": set, "target": target, "refusal": refusal })
}

pub(super) fn with_id(id: &Value, mut verdict: Value) -> Value {
    if let Some(members) = verdict.as_object_mut() {
        members.insert("id".to_owned(), id.clone());
    }
    verdict
}
