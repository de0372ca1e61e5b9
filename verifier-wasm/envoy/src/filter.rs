//! The context of a request.

use std::{cell::Cell, rc::Rc};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext},
    types::{Action, MapType},
};

use crate::{
    request::{Decided, RequestHead},
    shared::{Shared, SharedCell, now},
};

/// The context of a request.
pub(crate) struct Filter {
    id: u32,
    shared: SharedCell,
    /// Whether the request may pass. Until it is set nothing of the request goes on: not its header, and
    /// not its body, which Envoy may ask about while the header waits.
    passed: Rc<Cell<bool>>,
}

/// Where a route says which policy is its own: its metadata.
const ROUTE_POLICY: [&str; 5] = ["xds", "route_metadata", "filter_metadata", "tessera", "policy"];

impl Filter {
    pub(crate) fn new(id: u32, shared: SharedCell) -> Self {
        Self { id, shared, passed: Rc::default() }
    }

    fn action(&self) -> Action {
        if self.passed.get() { Action::Continue } else { Action::Pause }
    }

    /// Decides about the request; without a decision yet, it is paused.
    fn decide(&self, shared: &mut Shared) -> Option<(Decided, RequestHead)> {
        let policy = if shared.has_choice() {
            // What is no text names no policy.
            let name = hostcalls::get_property(ROUTE_POLICY.to_vec()).ok();
            name.and_then(|name| shared.policy(name.as_deref()))
        } else {
            shared.policy(None)
        };
        let Some(policy) = policy else {
            let head = RequestHead::read(&[]);
            return Some((shared.counted(Decided::unavailable("policy-unknown")), head));
        };
        let head = RequestHead::read(shared.reads(policy));
        let now = now();
        if let Some(decided) = shared.decide(&head, policy, now) {
            return Some((decided, head));
        }
        shared.pause(self.id, head, policy, &self.passed, now);
        None
    }
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let (decided, attributes) = {
            let shared = &mut *self.shared.borrow_mut();
            (self.decide(shared), Rc::clone(&shared.attributes))
        };
        // Nothing is borrowed by now: Envoy may call back.
        if let Some((decided, head)) = decided {
            self.passed.set(decided.carry_out(&head, &attributes));
        }
        self.action()
    }

    fn on_http_request_body(&mut self, _body_size: usize, _end_of_stream: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        // Some services merge trailers into the header (RFC 9110 §6.5.1), where nothing was decided about them.
        // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
        let _ = hostcalls::set_map(MapType::HttpRequestTrailers, Vec::new());
        self.action()
    }
}

impl Drop for Filter {
    /// The request is over, perhaps because its client went away while it was paused.
    fn drop(&mut self) {
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            shared.forget(self.id);
        }
    }
}
