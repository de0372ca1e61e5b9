//! What the fuzz targets do with the bytes that libFuzzer makes up: a module each, whose `run` panics where the
//! verifier breaks a promise. `cargo xtask fuzz` builds them, seeds them from the conformance corpus and runs them.
//!
//! Inputs are texts wherever that is possible, so that a find can be read, and a seed be written by hand.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a broken promise is told by a panic, and that is what `run` is for"
)]

pub mod json;
pub mod jwks;
pub mod policy;
pub mod request;
pub mod scene;
pub mod signatures;
pub mod status;
pub mod token;
