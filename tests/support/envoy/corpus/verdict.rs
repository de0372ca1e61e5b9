//! From what came back to a verdict.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    ask::Answer,
    case::Case,
    config::{ATTRIBUTES, field_of},
    servers::ARRIVED,
    wire::field,
};
use crate::conformance::Outcome;

/// The error of a request that Envoy has refused before any filter has seen it.
pub(super) const REFUSED_BY_ENVOY: &str = "refused-by-envoy";

/// What Envoy adds to every request.
const ADDED_BY_ENVOY: [&str; 3] = ["host", "x-forwarded-proto", "content-length"];

/// The verdict on a policy that is refused.
pub(super) fn invalid() -> Outcome {
    Outcome::from_json(&json!({ "verdict": "invalid" }))
}

/// The verdict that an answer shows.
pub(super) fn of(case: &Case, answer: &Answer) -> Outcome {
    let verdict = match answer {
        Answer::Unsendable => json!({ "verdict": "unsendable" }),
        Answer::Closed => json!({ "verdict": "closed" }),
        Answer::Response { status, fields } => match (arrived(fields), attribute(fields, "decision")) {
            (Some(arrived), _) => json!({ "verdict": "allow", "grant": grant(case, &arrived) }),
            (None, Some("answer")) => json!({ "verdict": "answer", "status": status }),
            (None, Some("deny")) => json!({
                "verdict": "deny",
                "error": attribute(fields, "reason"),
                "status": status,
                "challenge": field(fields, "www-authenticate"),
            }),
            (None, None) => json!({ "verdict": "deny", "error": REFUSED_BY_ENVOY, "status": status }),
            (None, Some(decision)) => json!({ "verdict": decision, "status": status }),
        },
    };
    Outcome::from_json(&verdict)
}

/// What has arrived at the service.
struct Arrived {
    target: String,
    fields: Vec<(String, String)>,
}

fn arrived(fields: &[(String, String)]) -> Option<Arrived> {
    let text = STANDARD.decode(field(fields, ARRIVED)?).ok()?;
    let arrived: Value = serde_json::from_slice(&text).ok()?;
    Some(Arrived {
        target: arrived.get("target")?.as_str()?.to_owned(),
        fields: serde_json::from_value(arrived.get("fields")?.clone()).ok()?,
    })
}

/// An attribute of the decision; Envoy writes `-` for one that is not there.
fn attribute<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    field(fields, &field_of(name)).filter(|value| !value.is_empty() && *value != "-")
}

/// The grant, by what became of the request on its way.
fn grant(case: &Case, arrived: &Arrived) -> Value {
    let sent = case.steps.last().map(|step| &step.request);
    let sent_target = sent.map(|request| request.target.as_str());
    let sent = sent.map(|request| request.headers.as_slice()).unwrap_or_default();
    let expected = case.expected.to_json();
    let names = |pointer: &str, name: fn(&Value) -> Option<&str>| -> BTreeSet<String> {
        let names = expected.pointer(pointer).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(|it| Some(name(it)?.to_owned())).collect()
    };
    let may_set = names("/grant/set", |pair| pair.get(0)?.as_str());
    let must_remove = names("/grant/remove", Value::as_str);

    let told: BTreeSet<String> = ATTRIBUTES.into_iter().map(field_of).collect();
    let own = |name: &str| ADDED_BY_ENVOY.contains(&name) || told.contains(name);
    let fields: Vec<_> = arrived.fields.iter().filter(|(name, _)| !own(name)).collect();
    // What is as it was sent has neither been set nor removed.
    let unchanged = |name: &str| joined(name, &arrived.fields) == joined(name, sent);
    let changed: Vec<_> =
        fields.iter().filter(|(name, _)| may_set.contains(name) || !unchanged(name)).collect();
    // A field that should have been removed has been if none of its spellings is there that was not set.
    let there: BTreeSet<String> =
        fields.iter().filter(|(name, _)| !may_set.contains(name)).map(|(name, _)| spelling(name)).collect();
    let gone = sent.iter().map(|(name, _)| spelling(name));
    let removed: BTreeSet<String> =
        must_remove.into_iter().chain(gone).filter(|name| !there.contains(name)).collect();

    let dry_run = attribute(&arrived.fields, "decision") == Some("dry-run");
    json!({
        "identity": identity(&arrived.fields),
        "remove": removed,
        "set": changed,
        "target": (sent_target != Some(arrived.target.as_str())).then_some(&arrived.target),
        "refusal": attribute(&arrived.fields, "reason").filter(|_| dry_run),
    })
}

fn identity(fields: &[(String, String)]) -> Option<Value> {
    let issuer = attribute(fields, "issuer")?;
    let scopes = attribute(fields, "scopes").unwrap_or_default();
    Some(json!({
        "issuer": issuer,
        "subject": attribute(fields, "subject"),
        "client": attribute(fields, "client_id"),
        "scopes": scopes.split_ascii_whitespace().collect::<Vec<_>>(),
        "expiry": attribute(fields, "expiry").and_then(|expiry| expiry.parse::<u64>().ok()),
    }))
}

/// The values of a name as one line, as Envoy joins them.
fn joined(name: &str, fields: &[(String, String)]) -> String {
    let values = fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
    let values: Vec<&str> = values.map(|(_, value)| value.trim_ascii()).collect();
    values.join(if name == "cookie" { "; " } else { "," })
}

/// A name as services may read it: CGI makes no difference between `-` and `_`.
fn spelling(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests;
