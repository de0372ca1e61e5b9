//! The verifier core as a `wasi:http` 0.3 middleware: a component that exports a handler and imports the next one.
//!
//! An adapter: a request comes in; it is passed on as it came, body and all, or answered here. The policy document
//! is the environment variable [`POLICY`](host::POLICY), since environment variables are what every host of WASI
//! can set without a feature of its own: `wasmtime serve --env`, a manifest of Spin, a Kubernetes pod.
//!
//! WASI has no moment between the start of an instance and its first request, so the policy is read by that
//! request. A policy with problems lets nothing pass: they go to the log, and every request is answered 500.
//!
//! An instance keeps its key sets for as long as the host keeps it, many requests long. It fetches them when a
//! request needs one that is not there, and after a request when one is due.

mod fetch;
mod gate;
mod host;
mod request;
mod response;

use std::{cell::OnceCell, rc::Rc};

use generated::{
    exports::wasi::http::handler::Guest,
    wasi::http::{
        handler,
        types::{ErrorCode, Request, Response},
    },
};

use tessera_verifier::Decision;

use crate::{
    gate::Gate,
    host::{Host, log},
    request::Head,
};

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    unsafe_code,
    reason = "generated from wit/; the ABI is made of raw pointers"
)]
mod generated {
    wit_bindgen::generate!({ path: "wit", world: "middleware", generate_all });

    #[cfg(target_family = "wasm")]
    export!(Middleware with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::Middleware;
}

/// The component's export.
pub struct Middleware;

thread_local! {
    /// Read by the first request; empty inside where the policy has problems.
    static GATE: OnceCell<Option<Rc<Gate<Host>>>> = const { OnceCell::new() };
}

/// The gate of this instance; none if its policy has problems, which the request that finds them logs.
async fn gate() -> Option<Rc<Gate<Host>>> {
    if let Some(gate) = GATE.with(|gate| gate.get().cloned()) {
        return gate;
    }
    let (gate, problems) = match Gate::load(host::policy().as_deref(), Host) {
        Ok(gate) => (Some(Rc::new(gate)), None),
        Err(problems) => (None, Some(problems)),
    };
    // Set before anything is awaited: no other request comes in between.
    let gate = GATE.with(|cell| cell.get_or_init(|| gate).clone());
    if let Some(problems) = problems {
        log(&problems).await;
    }
    gate
}

impl Guest for Middleware {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let Some(gate) = gate().await else {
            return response::refusal(response::INTERNAL_SERVER_ERROR, None);
        };
        let decision = gate.decide(&Head::read(&request, &gate.required_headers())).await;
        gate.keep_fresh();
        match decision {
            Decision::Allow(permit) => {
                if let Some(refusal) = permit.refusal() {
                    let (error, reason) = (refusal.error().name(), refusal.reason());
                    log(&format!("let through by a dry run: {error}: {reason}")).await;
                }
                handler::handle(request::permitted(request, &permit)?).await
            }
            Decision::Deny(rejection) => {
                log(&format!("denied: {}: {}", rejection.error().name(), rejection.reason())).await;
                response::refusal(rejection.status(), rejection.challenge())
            }
            Decision::Respond(local) => response::local(local),
        }
    }
}
