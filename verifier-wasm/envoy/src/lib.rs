//! The verifier core as a proxy-wasm filter, for Envoy and what is built on it.
//!
//! An adapter: header fields in; `Continue`, a local reply or a pause out. The plug-in's
//! [configuration](config::Config) is a JSON object with the policy document and the Envoy clusters through which key
//! sets are fetched.
//!
//! Each worker has a virtual machine, and in it a [root context](root::Root), which fetches
//! [documents](documents::Documents) on its tick, and a [context for each request](filter::Filter). A request that
//! needs a document pauses until that is there, or until it is too late, and is then decided. Fetches never belong to a
//! request, since Envoy drops the fetches of a client that goes away.

mod attributes;
mod clusters;
mod config;
mod crypto;
mod documents;
mod filter;
mod metrics;
mod request;
mod root;
mod shared;
mod shelf;

use proxy_wasm::{traits::RootContext, types::LogLevel};

use root::Root;

/// Private, since the macro makes a public function without documentation: the one that Envoy calls first.
mod start {
    use super::{LogLevel, Root, RootContext};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Root::default()) });
    }}
}
