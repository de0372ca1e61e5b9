//! What crosses crates: the stage on which real processes meet, and the tests played on it.

pub mod artefacts;
pub mod docs;
pub mod world;
