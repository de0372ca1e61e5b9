//! The same token requests to our issuer and to npm's oidc-provider: every difference is written down in
//! tests/judges/differences.json, with the sentence of a standard that says who is right.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    judge::node,
    stage::{AUDIENCES, OTHER, Stage, WITH_SECRET},
};

const DIFFERENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/differences.json");

/// A request that is answered in two ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    case: String,
    about: String,
    ours: Value,
    peer: Value,
    right: Right,
    /// The sentence, and what follows from it.
    because: String,
}

/// Who keeps to the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Right {
    Ours,
    /// It leaves the choice.
    Both,
    Peer,
}

#[tokio::test]
async fn every_difference_from_oidc_provider_has_its_reason() {
    let stage = Stage::set().await;
    let job = json!({
        "issuer": stage.identifier(),
        "secret": stage.secret(WITH_SECRET),
        "other_secret": stage.secret(OTHER),
        "key": stage.key("ES256"),
        "public": stage.public_key("ES256"),
        "resource": AUDIENCES[0].0,
    });
    let answers = node("differential.mjs", job).await;
    let answers = answers.as_array().unwrap();
    let differing: Vec<&Value> = answers.iter().filter(|answer| answer["ours"] != answer["peer"]).collect();
    println!("{} requests, {} answered alike", answers.len(), answers.len() - differing.len());
    assert!(answers.len() >= 60, "{}", answers.len());
    let text = fs::read_to_string(DIFFERENCES).unwrap();
    let known: Vec<Difference> = serde_json::from_str(&text).unwrap();
    let known: BTreeMap<&str, &Difference> = known.iter().map(|known| (&*known.case, known)).collect();
    let mut wrong = Vec::new();
    for answer in &differing {
        let case = answer["case"].as_str().unwrap();
        match known.get(case) {
            None => wrong.push(format!("{case} has no entry: {answer}")),
            Some(known) if known.ours != answer["ours"] || known.peer != answer["peer"] => {
                wrong.push(format!("{case} is another difference by now: {answer}"));
            }
            Some(known) if known.right == Right::Peer => wrong.push(format!("{case}: the peer is right")),
            Some(known) if !known.because.starts_with("RFC ") => {
                wrong.push(format!("{case} names no standard"));
            }
            Some(_) => {}
        }
    }
    let is_needed = |case: &str| differing.iter().any(|answer| answer["case"] == case);
    wrong.extend(known.keys().filter(|case| !is_needed(case)).map(|case| format!("{case} needs no entry")));
    // A later run may want to read what this one found.
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential.json");
    fs::write(&found, format!("{:#}\n", json!(differing))).unwrap();
    assert!(wrong.is_empty(), "{}\n(all of them are in {})", wrong.join("\n"), found.display());
}
