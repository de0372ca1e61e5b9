//! Every host of the verifier, held against the conformance corpus.

use std::{fs, path::Path, process::Command};

use tessera_tests::{
    artefacts::Artefacts,
    conformance::{CaseFile, Host, Report, cases_folder, compare},
};

/// The library with its quicker backend, the library with the one that the component has, and the component.
const HOSTS: [&str; 3] =
    ["verify --native --cases", "verify --native --backend portable --cases", "verify --cases"];

/// The component for hosts with wide arithmetic, which has other arithmetic of its own, too.
fn wide() -> String {
    let component = Artefacts::find().unwrap().wide_component().unwrap();
    format!("verify --component '{}' --cases", component.display())
}

/// A host that is a command of `tessera`.
pub(crate) fn host(arguments: &str) -> Host {
    let artefacts = Artefacts::find().unwrap();
    Host::new(&format!("'{}' {arguments}", artefacts.tessera().display()))
}

/// Every host, for tokens that are not the corpus's.
pub(crate) fn hosts() -> Vec<Host> {
    HOSTS.map(host).into_iter().chain([host(&wide())]).collect()
}

/// Asserts that hosts say what the cases expect.
pub(crate) fn assert_agreement(hosts: &[Host], files: &[CaseFile]) {
    let mut report = Report::default();
    for host in hosts {
        for file in files {
            report.add(compare(host, file).unwrap());
        }
    }
    assert!(!report.comparisons().is_empty());
    assert_eq!(report.disagreements(), 0, "\n{report}");
}

/// The whole corpus as one file: a host that compiles the component each time it is run does so once.
pub(crate) fn corpus(scratch: &Path) -> CaseFile {
    let files = CaseFile::read_all(&cases_folder()).unwrap();
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    let path = scratch.join("corpus.jsonl");
    fs::write(&path, texts.concat()).unwrap();
    CaseFile::read(&path).unwrap()
}

/// Asserts that a host says what the cases of the corpus expect.
fn assert_conformance(arguments: &str) {
    let scratch = tempfile::tempdir().unwrap();
    assert_agreement(&[host(arguments)], &[corpus(scratch.path())]);
}

fn signatures() -> Vec<CaseFile> {
    CaseFile::read_all(&cases_folder().with_file_name("signatures")).unwrap()
}

#[test]
fn the_library_agrees_with_the_corpus() {
    assert_conformance(HOSTS[0]);
}

#[test]
fn the_library_agrees_with_the_corpus_by_its_portable_backend() {
    assert_conformance(HOSTS[1]);
}

#[test]
fn the_component_agrees_with_the_corpus() {
    assert_conformance(HOSTS[2]);
}

#[test]
fn the_wide_component_agrees_with_the_corpus() {
    assert_conformance(&wide());
}

/// The filter in a real Envoy. Where a request does not reach it as the case has it, tests/vectors/envoy.json says so.
fn assert_conformance_in_envoy(arguments: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_envoy_host");
    let host = Host::new(&format!("'{program}' {arguments}"));
    assert_agreement(&[host], &[corpus(scratch.path())]);
}

#[test]
fn the_filter_agrees_with_the_corpus_over_http_1() {
    assert_conformance_in_envoy("");
}

#[test]
fn the_filter_agrees_with_the_corpus_over_http_2() {
    assert_conformance_in_envoy("--http2");
}

#[test]
fn the_standards_examples_verify_by_both_backends() {
    let hosts = ["aws-lc", "portable"]
        .map(|backend| host(&format!("verify --signature-only --native --backend {backend} --cases")));
    assert_agreement(&hosts, &signatures());
}

#[test]
fn the_corpus_is_what_its_generator_makes() {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join("generate");
    let status = Command::new(Artefacts::named_by(Artefacts::PYTHON).unwrap())
        // It leaves no bytecode in the tree.
        .arg("-B")
        .arg(generator)
        .arg("--check")
        .status()
        .unwrap();
    assert!(status.success(), "python3 tests/vectors/generate # writes it anew");
}
