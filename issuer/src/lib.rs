//! The token server: clients, audiences, scopes, and the decision to issue.
//!
//! A service proves itself by a secret or by a JWT of a platform it trusts, names the audience it wants to call,
//! and gets a short-lived access token (RFC 9068) if a grant says so. Arrows point one way:
//! [`domain`] ← [`keys`], [`store`] ← [`service`] ← [`http`] ← [`server`].
//!
//! - [`domain`]: the state and the decision. No HTTP, no SQL, no clock.
//! - [`keys`]: signing keys, safe at rest, behind a seam.
//! - [`store`]: the database, and the in-memory snapshot that answers requests.
//! - [`presets`]: what to register on the platforms that people run on.
//! - [`service`]: one token request, from proof to token.
//! - [`http`]: the endpoints.
//! - [`config`]: the file `tessera.toml`.
//! - [`server`]: all of it on listeners, until told to stop.

pub mod config;
pub mod domain;
mod excerpt;
pub mod http;
pub mod keys;
pub mod presets;
pub mod server;
pub mod service;
pub mod store;
pub mod suggest;
#[cfg(test)]
mod testing;
