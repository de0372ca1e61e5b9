use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;

/// A folder with one file of three cases: allowed, refused, and of a policy that is refused.
fn corpus(folder: &Path) -> CaseFile {
    let grant = json!({
        "identity": { "issuer": "i", "subject": "s", "scopes": ["a"], "expiry": 1 },
        "remove": ["b", "a"], "set": [["x", "1"], ["w", "2"], ["x", "3"]],
    });
    let case = |id: &str, expect: Value| {
        json!({ "id": id, "about": "a case", "request": {}, "expect": expect }).to_string()
    };
    let lines = [
        case("one", json!({ "verdict": "allow", "grant": grant })),
        case(
            "two",
            json!({ "verdict": "deny", "error": "token-expired", "status": 401, "challenge": "Bearer" }),
        ),
        case("three", json!({ "verdict": "invalid" })),
    ];
    let path = folder.join("some.jsonl");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    CaseFile::read(&path).unwrap()
}

/// A host that prints these lines, whatever it is asked.
fn host(folder: &Path, verdicts: &[Value]) -> Host {
    let path = folder.join("verdicts");
    let lines: Vec<String> = verdicts.iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    // The comment swallows the file of cases.
    Host::new(&format!("cat '{}' #", path.display()))
}

/// What a host says that agrees about everything, in other words where it may choose them.
fn right() -> Vec<Value> {
    vec![
        json!({ "verdict": "invalid", "id": "three", "error": null, "problems": [{}] }),
        json!({ "id": "two", "verdict": "deny", "error": "token-expired", "status": 401, "challenge": "Bearer", "grant": null }),
        json!({ "id": "one", "verdict": "allow", "error": null, "status": null, "challenge": null, "grant": {
            "identity": { "issuer": "i", "subject": "s", "client": null, "scopes": ["a"], "expiry": 1 },
            "remove": ["a", "b"], "set": [["w", "2"], ["x", "1"], ["x", "3"]], "target": null, "refusal": null,
        } }),
    ]
}

fn disagreements(verdicts: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = corpus(folder.path());
    let comparison = compare(&host(folder.path(), verdicts), &file).unwrap();
    assert_eq!((comparison.cases, comparison.file.as_str()), (3, "some"));
    comparison.disagreements.into_iter().map(|disagreement| disagreement.id).collect()
}

#[test]
fn a_host_that_agrees_may_choose_order_and_further_members() {
    assert_eq!(disagreements(&right()), [""; 0]);
}

#[test]
fn every_member_counts() {
    for (verdict, pointer, value) in [
        (0, "/verdict", json!("deny")),
        (1, "/verdict", json!("allow")),
        (1, "/error", json!("token-missing")),
        (1, "/status", json!(403)),
        (1, "/status", Value::Null),
        (1, "/challenge", json!("Bearer realm=\"x\"")),
        (1, "/grant", json!({ "remove": ["a"] })),
        (2, "/error", json!("token-missing")),
        (2, "/grant", Value::Null),
        (2, "/grant/identity", Value::Null),
        (2, "/grant/identity/subject", json!("t")),
        (2, "/grant/identity/client", json!("c")),
        (2, "/grant/identity/scopes/0", json!("b")),
        (2, "/grant/remove/0", json!("c")),
        (2, "/grant/set/0/1", json!("3")),
        (2, "/grant/set/1/1", json!("3")),
        (2, "/grant/target", json!("/")),
        (2, "/grant/refusal", json!("token-missing")),
    ] {
        let mut verdicts = right();
        let id = verdicts[verdict]["id"].clone();
        *verdicts[verdict].pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(disagreements(&verdicts), [id.as_str().unwrap()], "{pointer} as {value}");
    }
}

#[test]
fn fields_of_one_name_keep_their_order() {
    let mut verdicts = right();
    verdicts[2]["grant"]["set"] = json!([["w", "2"], ["x", "3"], ["x", "1"]]);
    assert_eq!(disagreements(&verdicts), ["one"]);
}

#[test]
fn silence_is_a_disagreement() {
    let folder = tempfile::tempdir().unwrap();
    let file = corpus(folder.path());
    let comparison = compare(&host(folder.path(), &right()[..1]), &file).unwrap();
    let silent: Vec<_> = comparison.disagreements.iter().map(|one| (one.id.as_str(), &one.actual)).collect();
    assert_eq!(silent, [("one", &None), ("two", &None)]);
    let mut report = Report::default();
    report.add(comparison);
    let shown = report.to_string();
    assert!(shown.contains("one (some): a case\n") && shown.contains("  actual    no verdict\n"), "{shown}");
    assert!(shown.contains("2 differ") && shown.ends_with("\n2 disagreements\n"), "{shown}");
    assert_eq!(report.to_json()["comparisons"][0]["disagreements"][1]["actual"], Value::Null);
}

#[test]
fn what_is_no_verdict_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = corpus(folder.path());
    let mut twice = right();
    twice.push(twice[0].clone());
    for (verdicts, expected) in [
        (vec![json!("one")], "no object"),
        (vec![json!({ "verdict": "allow" })], "its `id` is none of the file's"),
        (vec![json!({ "id": "four", "verdict": "allow" })], "its `id` is none of the file's"),
        (twice, "a second verdict on `three`"),
    ] {
        let error = compare(&host(folder.path(), &verdicts), &file).unwrap_err();
        assert!(matches!(&error, HostError::NoVerdict { problem, .. } if problem == expected), "{error:?}");
    }
    let error = compare(&Host::new("false"), &file).unwrap_err();
    assert!(matches!(&error, HostError::Failed { status, .. } if status.code() == Some(1)), "{error:?}");
    let error = compare(&Host::new("echo"), &file).unwrap_err();
    assert!(matches!(&error, HostError::NoVerdict { line: 1, .. }), "{error:?}");
}

#[test]
fn a_host_gets_the_path_as_its_last_argument() {
    let folder = tempfile::tempdir().unwrap();
    let spaced = folder.path().join("a folder");
    fs::create_dir(&spaced).unwrap();
    let file = corpus(&spaced);
    // Judges every case alike, from what it reads.
    let script = r#"sh -c 'test "$1" = --cases &&
        sed "s/.*\"id\":\(\"[a-z]*\"\).*/{\"id\":\1,\"verdict\":\"invalid\"}/" "$2"' host --cases"#;
    let comparison = compare(&Host::new(script), &file).unwrap();
    let wrong: Vec<_> =
        comparison.disagreements.iter().map(|disagreement| disagreement.id.as_str()).collect();
    assert_eq!(wrong, ["one", "two"]);
}

#[test]
fn lines_that_are_no_cases_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.jsonl");
    let good = r#"{"id":"a","about":"b","request":{},"expect":{"verdict":"deny"}}"#;
    for (text, line, expected) in [
        ("{}", 1, "`expect` is missing"),
        (r#"{"id":"a","about":"b","expect":{}}"#, 1, "`expect` has no verdict"),
        (
            r#"{"id":"a","about":"b","expect":{"verdict":"deny","status":401}}"#,
            1,
            "`expect` has no member `status`",
        ),
        (r#"{"about":"b","expect":{"verdict":"deny"}}"#, 1, "`id` is missing"),
        (&format!("{good}\n{good}"), 2, "`a` is there already"),
    ] {
        fs::write(&path, text).unwrap();
        let error = CaseFile::read(&path).unwrap_err();
        assert!(
            matches!(&error, CorpusError::NoCase { line: at, problem, .. } if (*at, problem.as_str()) == (line, expected)),
            "{error:?}"
        );
    }
    let error = CaseFile::read(&folder.path().join("none.jsonl")).unwrap_err();
    assert!(matches!(error, CorpusError::Unreadable { .. }), "{error:?}");
}

#[test]
fn the_corpus_has_cases_for_every_line_that_it_can_show() {
    let files = CaseFile::read_all(&cases_folder()).unwrap();
    let mut ids: Vec<&str> = files.iter().flat_map(CaseFile::cases).map(|case| case.id.as_str()).collect();
    assert!(ids.len() >= 400, "{} cases", ids.len());
    // A token, a request or a policy cannot show the others; they are beside the code.
    for line in (1..=38).chain(41..=44) {
        let prefix = format!("v{line:02}-");
        assert!(ids.iter().any(|id| id.starts_with(&prefix)), "no case for line {line}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id names one case");
}

#[test]
fn every_theme_has_cases_that_are_allowed_and_cases_that_are_refused() {
    for file in CaseFile::read_all(&cases_folder()).unwrap() {
        let has =
            |verdict: &str| file.cases().iter().any(|case| case.expected.to_json()["verdict"] == verdict);
        assert!(has("allow") && has("deny"), "{}", file.name());
    }
}
