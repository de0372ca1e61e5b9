//! What crosses crates: the stage on which real processes meet, and the tests played on it.

pub mod artefacts;
pub mod cli;
pub mod conformance;
pub mod docs;
pub mod envoy;
pub mod http;
pub mod process;
pub mod scene;
pub mod story;
pub mod token;
pub mod world;
