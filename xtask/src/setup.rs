//! What the work needs, installed only where it is missing.

mod envoy;
mod judges;
mod machine;
mod python;
mod tools;
mod wasmtime;

pub(crate) use self::{
    envoy::{ENVOY, ENVOY_VERSION, envoy_server},
    judges::{JUDGES, NODE},
    machine::{C_COMPILER, CXX_COMPILER, GUEST_TARGET, SOFTHSM, WASM_TARGET, WRK},
    python::{PYTHON, judges_python},
    tools::{CARGO_COMPONENT, CARGO_DENY, CARGO_FUZZ, CARGO_MUTANTS, NEXTEST, Tool},
    wasmtime::{WASMTIME, wasmtime_binary},
};
