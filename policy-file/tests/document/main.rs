//! docs/policy.md promises what its examples do: here they do it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod exchange;
mod guide;
mod token;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tessera_policy_file::PolicyFile;
use tessera_verifier::{Verifier, policy_schema};

use self::guide::Example;

/// The time of the examples.
const NOW: u64 = 1_790_000_000;

const GUIDE: &str = include_str!("../../../docs/policy.md");

const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

/// The members of a policy in YAML.
fn members(example: &Example) -> Map<String, Value> {
    let file =
        PolicyFile::parse(&example.yaml).unwrap_or_else(|problems| panic!("{}: {problems:?}", example.line));
    serde_json::from_str(file.json()).unwrap()
}

/// The policy of an example: its members, and those of the first example that it does not have.
fn policy(first: &Example, example: &Example) -> Value {
    let mut policy = members(first);
    policy.extend(members(example));
    policy.into()
}

#[test]
fn every_request_of_the_guide_is_answered_as_it_says() {
    let examples = guide::examples(GUIDE);
    let mut wrong = Vec::new();
    let mut requests = 0;
    for example in examples.iter().filter(|example| example.problems.is_none()) {
        let policy = policy(&examples[0], example);
        if let Err(error) = Verifier::check_policy(&policy.to_string()) {
            wrong.push(format!("{}: the policy is refused: {error}", example.line));
            continue;
        }
        assert!(!example.rows.is_empty(), "{}: an example without requests", example.line);
        for row in &example.rows {
            requests += 1;
            if let Err(difference) = exchange::check(&policy, row) {
                wrong.push(format!("{}: {difference}", row.line));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/policy.md\n{}", wrong.join("\n"));
    assert!(requests > 100, "{requests} requests were found; where are the others?");
}

/// The names of all members in a document, at whatever depth.
fn names<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                found.insert(name);
                names(member, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| names(element, found)),
        _ => {}
    }
}

/// The members that a JSON Schema knows, at whatever depth.
fn known<'v>(schema: &'v Value, found: &mut BTreeSet<&'v str>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().map(String::as_str));
            }
            members.values().for_each(|member| known(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| known(element, found)),
        _ => {}
    }
}

#[test]
fn no_member_is_without_an_example() {
    let schema: Value = serde_json::from_str(&policy_schema()).unwrap();
    let shown: Vec<Value> = guide::examples(GUIDE).iter().map(|example| members(example).into()).collect();
    let (mut all, mut used) = (BTreeSet::new(), BTreeSet::new());
    known(&schema, &mut all);
    for members in &shown {
        names(members, &mut used);
    }
    assert!(all.len() > 40, "{all:?}");
    assert_eq!(all.difference(&used).collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn the_published_schema_is_the_verifiers() {
    let remedy = "write it anew: tessera policy schema > docs/policy.schema.json";
    assert_eq!(SCHEMA.trim_end(), policy_schema().trim_end(), "{remedy}");
}

#[test]
fn problems_are_told_as_the_guide_says() {
    let refused =
        guide::examples(GUIDE).into_iter().filter_map(|example| Some((example.yaml, example.problems?)));
    let mut count = 0;
    for (yaml, expected) in refused {
        count += 1;
        let told: Vec<String> = match PolicyFile::parse(&yaml).map(|file| file.check()) {
            Ok(Ok(())) => panic!("it is a good policy:\n{yaml}"),
            Ok(Err(problems)) | Err(problems) => {
                problems.iter().map(|problem| format!("policy.yaml:{problem}")).collect()
            }
        };
        for line in expected.lines() {
            assert!(told.iter().any(|own| own == line), "{line}\nis not in\n{told:#?}");
        }
    }
    assert_eq!(count, 1);
}
