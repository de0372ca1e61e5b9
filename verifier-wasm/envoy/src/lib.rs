//! The verifier core as a proxy-wasm filter, for Envoy and what is built on it.
//!
//! An adapter: header fields in; `Continue`, a local reply or a pause out. The plug-in's configuration is
//! a JSON object with the [policy document](config::Config::policy) and the Envoy clusters through which
//! key sets are fetched.
//!
//! Each worker's VM keeps its own key sets. The root context fetches them, on its tick; a request that
//! needs one that is not there pauses until the fetch is over, and is then decided again. Fetches
//! never belong to a request, since Envoy drops the fetches of a client that goes away.

mod config;
mod filter;
mod request;

use std::{cell::RefCell, rc::Rc};

use proxy_wasm::{traits::RootContext, types::LogLevel};

use filter::{Root, Shared};

/// Private, since the macro makes a public function without documentation: the one that Envoy calls first.
mod start {
    use super::{LogLevel, Root, RootContext};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Root::default()) });
    }}
}

/// What the contexts of a VM share. A VM has one thread.
type SharedCell = Rc<RefCell<Shared>>;
