//! Embedding the verifier component through wasmtime.
//!
//! The component decides; this library gives it what a host has to give: instances, a clock, an HTTP
//! GET, and bounds on time and memory. Whatever goes wrong with an instance is a refusal, and the next
//! request finds a new one.
//!
//! 1. [`Verifier::load`] the component and a policy document. Every problem in the policy comes back.
//! 2. Run [`Verifier::keep_fresh`] beside everything else: it fetches key sets when they are due.
//! 3. Ask [`Verifier::authorize`] about each request, and pass on what it allows, [changed](Permit::apply) as
//!    the permit says.
//!
//! ```no_run
//! use tessera_host::{Decision, Options, Request, Verifier};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let component = std::fs::read("dist/tessera-verifier.wasm")?;
//!     let policy = std::fs::read_to_string("policy.json")?;
//!     let verifier = Verifier::load(&component, &policy, Options::default())?;
//!     tokio::spawn({
//!         let verifier = verifier.clone();
//!         async move { verifier.keep_fresh().await }
//!     });
//!
//!     let headers = http::HeaderMap::new();
//!     let request = Request { method: "GET", host: "orders.example", target: "/orders", headers: &headers };
//!     match verifier.authorize(&request).await {
//!         Decision::Allow(permit) => println!("allowed: {:?}", permit.identity()),
//!         Decision::Deny(rejection) => println!("{}: {}", rejection.status, rejection.reason),
//!         Decision::Respond(response) => println!("answered: {}", response.body),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The binary `tessera-proxy` puts this in front of an upstream.
//!
//! What this library does not do: read a token, know a claim, or decide anything. It could not, and need
//! not be trusted to.

mod clock;
mod decision;
mod documents;
mod driver;
mod instance;
mod pool;
mod problem;
mod request;
mod runtime;
mod session;
mod verifier;

pub use decision::{Decision, Identity, LocalResponse, Permit, Rejection};
pub use documents::{DocumentKind, FetchRequest};
pub use instance::{InstanceError, Step};
pub use problem::PolicyProblem;
pub use request::{PlainRequest, Request};
pub use runtime::{Limits, RuntimeError};
pub use session::{Component, Session};
pub use tessera_fetch::{Egress, EgressProxy, EgressProxyError};
pub use verifier::{LoadError, Options, Verifier};
