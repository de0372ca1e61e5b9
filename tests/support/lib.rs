//! What crosses crates: the stage on which real processes meet, and the tests played on it.

pub mod artefacts;
pub mod cli;
pub mod conformance;
pub mod docs;
pub mod echo;
pub mod envoy;
pub mod http;
pub mod key_server;
pub mod process;
pub mod scene;
#[cfg(feature = "e2e")]
pub mod signing;
#[cfg(feature = "e2e")]
pub mod soak;
pub mod story;
pub mod token;
pub mod world;
