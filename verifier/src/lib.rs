//! The verifier core: given a policy, key sets, a request and the time, may the request pass?
//!
//! It is sans-IO: it says which documents to [fetch](FetchRequest), takes what came back, and
//! [decides](Verifier::authorize). A host brings an HTTP GET and a clock, and nothing else. The crate
//! is `no_std`, so that it cannot reach for a file, a socket or a clock even by mistake.
//!
//! The steps of a host:
//!
//! 1. [`Verifier::load`] a policy document, or show its author every [`Problem`] in it.
//! 2. Every few seconds, fetch what [`Verifier::due_fetches`] names and [`supply`](Verifier::supply) it, or
//!    [`fail`](Verifier::fail) it.
//! 3. For each request, [`Verifier::authorize`] with an [`Attempt`] of its own, and do the [`Step`] that comes back: fetch,
//!    or wait, then ask again, until it is [`Step::Done`].
//! 4. Forward what is allowed, changed as the [`Permit`] says; answer what is refused with the [`Rejection`], and what is
//!    meant for the verifier itself with the [`LocalResponse`].
//!
//! The feature `aws-lc` adds the native backend of [`Backend`], `schema` the JSON Schema of the policy.
//!
//! ```
//! use tessera_verifier::{Attempt, Backend, Decision, Request, Step, Timestamp, Verifier};
//!
//! let mut verifier = Verifier::load(
//!     r#"{
//!         "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwks.json" }],
//!         "audiences": ["orders"],
//!         "routes": [
//!             { "path": { "exact": "/healthz" }, "public": true },
//!             { "methods": ["GET"], "path": { "prefix": "/orders" }, "scopes": ["orders:read"] }
//!         ],
//!         "challenge": { "realm": "orders" }
//!     }"#,
//!     Backend::Portable,
//! )
//! .expect("the policy is good");
//!
//! let now = Timestamp::from_seconds(1_790_000_000);
//! let request = Request { method: "GET", host: "orders.example", target: "/orders/1", headers: &[] };
//! let mut attempt = Attempt::new();
//! let decision = loop {
//!     match verifier.authorize(&request, &mut attempt, now) {
//!         Step::Done(decision) => break decision,
//!         // A host GETs `fetch.url` here and calls `supply`; this one has no network.
//!         Step::Fetch(fetch) => verifier.fail(fetch.id, now),
//!         // A host waits here until a document was supplied or failed, or it is that late.
//!         Step::Wait { until: _ } => unreachable!("nobody else fetches"),
//!     }
//! };
//! let Decision::Deny(rejection) = decision else { panic!("no token, no entry") };
//! assert_eq!(rejection.status(), 401);
//! assert_eq!(rejection.challenge(), Some(r#"Bearer realm="orders""#));
//! ```
//!
//! What this crate does not do: fetch, read a clock, log, keep secrets (it has none), sign, or decide
//! anything that the policy document does not say.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod algorithm;
mod attempt;
mod authenticator;
mod base64url;
mod cache;
mod check;
mod claim;
mod conditions;
mod credentials;
mod crypto;
mod decision;
mod document;
mod error;
mod excerpt;
mod fetch;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod json;
mod keys;
pub mod limits;
mod policy;
mod published;
mod refresh;
mod rejection;
mod scope;
mod signature;
mod spiffe;
mod status;
mod target;
#[cfg(test)]
mod testing;
mod time;
mod token;
mod upstream;
mod verifier;

pub use algorithm::Algorithm;
pub use attempt::{Attempt, Step};
pub use check::Check;
pub use conditions::{Conditions, FailedCondition, UnverifiedClaims};
pub use credentials::Request;
pub use crypto::{Backend, HostCrypto, SignatureInput};
pub use decision::{Decision, LocalResponse, Permit, VerifiedToken};
pub use document::DocumentError;
pub use error::{Error, Part};
pub use excerpt::Excerpt;
pub use fetch::{DocumentId, DocumentKind, FetchRequest};
pub use json::{JsonError, JsonFault};
pub use keys::{KeyFault, SkippedKey};
#[cfg(feature = "schema")]
pub use policy::policy_schema;
pub use policy::{
    PolicyError, Problem, Profile, TrustError, TrustPolicy, TrustedIssuer, TrustedKeySource as KeySource,
};
pub use rejection::Rejection;
pub use signature::{SignatureError, verify_signature};
pub use spiffe::{SpiffeId, is_trust_domain};
pub use status::ListFault;
pub use target::TargetFault;
pub use time::Timestamp;
pub use verifier::{AcceptedAudience, Verifier};
