//! Envoy configurations: what of them concerns the verifier.
//!
//! - [`document`] reads a file, whole or in part, and knows where in it things stand.
//! - [`message`] reads messages as Envoy writes them in JSON.
//! - [`convert`] turns `jwt_authn` filters into our plug-in's configuration. What it cannot say without loss it
//!   says as [notes](note), and what it cannot say without weakening it does not say at all.
//! - [`check`] checks the configurations of our plug-in.
//!
//! What it does not do: run Envoy, or reach anything that a file names, but for files with keys.

pub(super) mod check;
mod chosen;
pub(super) mod convert;
pub(super) mod document;
mod find;
mod keys;
mod message;
mod metadata;
pub(super) mod note;
pub(super) mod options;
mod policies;
mod provider;
mod requirement;
mod rule;
#[cfg(test)]
mod tests;
