//! The verifier core as a filter of Envoy and of what is built on it, whatever ABI the proxy loads it by.
//!
//! An adapter: header fields in; continue, a local reply or a pause out. The plug-in's configuration is a JSON object
//! with the policy document and the Envoy clusters through which key sets are fetched.
//!
//! ```text
//! ABI ─▶ filter ─▶ plugin ─▶ request      a decision
//!                    └─────▶ documents ─▶ shared_document     fetched by one worker, for all of them
//!                               everything ─▶ proxy           requests to Envoy
//! ```
//!
//! A worker thread of Envoy has one [`Filter`], with a plug-in for each configuration. A request that needs a document
//! pauses until that is there, or until it is too late, and is then decided.
//!
//! An ABI implements [`Proxy`], and calls the methods of [`Filter`] by the names of its callbacks.

mod attributes;
mod clock;
mod clusters;
mod config;
mod crypto;
mod decided;
mod documents;
mod fields;
mod filter;
mod metrics;
mod plugin;
mod proxy;
mod request;
mod shared_document;

pub use fields::Fields;
pub use filter::Filter;
pub use plugin::{PAUSE, PAUSED_REQUESTS};
pub use proxy::{
    Action, CallId, CallResponse, CounterId, HttpCall, LocalReply, PluginId, Proxy, ProxyError, RequestId,
    Version,
};
