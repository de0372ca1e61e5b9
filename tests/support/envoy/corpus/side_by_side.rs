//! The corpus, as our filter and Envoy's own decide about it.

use std::{path::Path, sync::Arc};

use serde_json::Value;

use super::{
    Protocol, RunError,
    case::Case,
    exceptions::Exceptions,
    guard::{Guard, Strictness},
    see,
};
use crate::conformance::Outcome;

/// A case, as our filter and Envoy's own decide about it.
#[derive(Debug)]
pub struct SideBySide {
    /// The case.
    pub id: String,
    /// The name of the reason for which ours refuses it; nothing, if it lets it through.
    pub refused: Option<String>,
    /// Whether `jwt_authn` lets it through, with its own defaults beyond what the policy asks for.
    pub usual: bool,
    /// Whether it does with every switch that makes it refuse more.
    pub strictest: bool,
}

/// Puts those cases of a file to `jwt_authn` whose policy it can be told, over HTTP/1.1. What our filter makes of them
/// is what they expect ([`judge`](super::judge)); cases of which it never sees what they are about are left out.
pub async fn side_by_side(file: &Path, program: &Path) -> Result<Vec<SideBySide>, RunError> {
    let exceptions = Exceptions::read(Protocol::Http1)?;
    let mut cases = Case::read_all(file)?;
    cases.retain(|case| {
        Guard::JwtAuthn(Strictness::Usual).can_be_told(case)
            && !exceptions.turns(case)
            && matches!(member(&case.expected, "verdict").as_deref(), Some("allow" | "deny"))
    });
    let cases = Arc::new(cases);
    let seen = |strictness| see(&cases, Protocol::Http1, program, Guard::JwtAuthn(strictness));
    let (usual, strictest) = tokio::try_join!(seen(Strictness::Usual), seen(Strictness::Strictest))?;
    let passes = |seen: &Outcome| member(seen, "verdict").as_deref() == Some("allow");
    let compared = cases.iter().zip(&usual).zip(&strictest).map(|((case, usual), strictest)| SideBySide {
        id: case.id.clone(),
        refused: member(&case.expected, "error"),
        usual: passes(usual),
        strictest: passes(strictest),
    });
    Ok(compared.collect())
}

fn member(outcome: &Outcome, name: &str) -> Option<String> {
    outcome.to_json().get(name).and_then(Value::as_str).map(str::to_owned)
}
