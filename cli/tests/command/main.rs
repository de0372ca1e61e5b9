//! The real `tessera` binary: set up by its own command line, asked over HTTP, stopped by a signal.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod exit;
mod keys;
mod lifecycle;
#[cfg(feature = "e2e")]
mod pkcs11;
mod policy;
mod revoke;
mod rotation;
mod stage;
mod tls;
mod verify;
