//! The real `tessera` binary: set up by its own command line, asked over HTTP, stopped by a signal.

mod exit;
mod lifecycle;
mod stage;
