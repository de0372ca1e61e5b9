//! The filter as a plug-in of proxy-wasm, for Envoy and what is built on it.
//!
//! ```text
//! Envoy ─▶ exports ─▶ tessera_envoy_filter::Filter ─▶ abi ─▶ Envoy
//! ```
//!
//! Each worker thread has a virtual machine, and that has one [`Filter`](tessera_envoy_filter::Filter).

mod abi;
mod exports;
mod logger;
