//! The verifier core as a proxy-wasm filter, for Envoy and what is built on it.
//!
//! An adapter: header fields in; `Continue`, a local reply or a pause out. The plug-in's
//! [configuration](config::Config) is a JSON object with the policy document and the Envoy clusters through which key
//! sets are fetched.
//!
//! ```text
//! exports ─▶ plugin ─▶ worker ─▶ request     a decision
//!                        └─────▶ documents ─▶ shelf     what the workers fetch, once for all of them
//!                                  everything ─▶ abi    what is asked of Envoy
//! ```
//!
//! Each worker thread has a virtual machine with a [plug-in](plugin::Plugin), and that has a [worker](worker::Worker)
//! for each configuration. A request that needs a document pauses until that is there, or until it is too late, and is
//! then decided.

mod abi;
mod attributes;
mod clusters;
mod config;
mod crypto;
mod documents;
mod exports;
mod logger;
mod metrics;
mod plugin;
mod request;
mod shelf;
mod worker;
