//! The filter in an Envoy that is simulated: several workers over one set of shared data, a clock that may be put back,
//! a key server that does as it likes, and workers that die in the middle of anything.
//!
//! Workers run in one thread. While one asks its proxy for something, another may run in between: by that, and by
//! deaths at any call, the histories get as tangled as those of threads, and each can be repeated.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod clocks;
mod deaths;
mod envoy;
mod histories;
mod key_server;
mod leases;
mod paused;
mod proxy;
mod requests;
