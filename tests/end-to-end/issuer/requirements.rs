//! docs/rfc-requirements.md: every requirement there names a test, and the test is there.

use std::{fs, path::Path};

/// Where the tests of a binary are, by the name that cargo-nextest gives it.
const BINARIES: [(&str, &str); 6] = [
    ("tessera-issuer", "issuer/src"),
    ("tessera-cli::command", "cli/tests/command"),
    ("tessera-fetch", "net/fetch/src"),
    ("tessera-listener", "net/listener/src"),
    ("tessera-tests::end-to-end", "tests/end-to-end"),
    ("tessera-verifier", "verifier/src"),
];

/// Fewer requirements than this, and the page was not read.
const AT_LEAST: usize = 55;

#[test]
fn every_requirement_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/rfc-requirements.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| §") || line.starts_with("| draft"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= AT_LEAST, "{} requirements", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let [section, level, _, _, tests] = row[..] else { panic!("five columns: {row:?}") };
        assert!(["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"].contains(&level), "{section}: {level}");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{section} names no test: {tests}");
        missing.extend(
            names.into_iter().filter(|name| !exists(&root, name)).map(|name| format!("{section}: {name}")),
        );
    }
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
}

/// Whether a test of this name, `BINARY PATH::OF::TEST`, is in the sources.
fn exists(root: &Path, name: &str) -> bool {
    let Some((binary, path)) = name.split_once(' ') else { return false };
    let Some((_, folder)) = BINARIES.iter().find(|(known, _)| *known == binary) else { return false };
    let mut modules: Vec<&str> = path.split("::").collect();
    let Some(test) = modules.pop() else { return false };
    let declaration = format!("fn {test}(");
    // In the file of its module, or, where that is written inside another's, in the file of the one around it.
    (0..=modules.len()).rev().any(|depth| {
        let file = root.join(folder).join(modules[..depth].join("/"));
        let file = if depth == 0 { file.join("lib.rs") } else { file.with_extension("rs") };
        fs::read_to_string(file).is_ok_and(|source| is_test(&source, &declaration))
    })
}

/// Whether a source declares this function, and as a test.
fn is_test(source: &str, declaration: &str) -> bool {
    let lines: Vec<&str> = source.lines().collect();
    lines.iter().enumerate().filter(|(_, line)| line.contains(declaration)).any(|(at, _)| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.trim_start().starts_with("#["))
            .any(|line| line.contains("test"))
    })
}

#[test]
fn a_test_is_told_from_another_function() {
    let source = "#[test]\nfn one() {}\n\nfn two() {}\n\n#[tokio::test]\n#[ignore]\nasync fn three() {}\n";
    assert!(is_test(source, "fn one("));
    assert!(!is_test(source, "fn two("));
    assert!(is_test(source, "fn three("));
    assert!(!is_test(source, "fn four("));
}
