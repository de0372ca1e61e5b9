//! The verifier core: given a policy, key sets, a request and the time, may the request pass?
//!
//! It is sans-IO: it says what it [wants](Verifier::wants) fetched, takes what came back, and
//! [decides](Verifier::authorize). A host brings an HTTP GET and a clock, and nothing else. The crate
//! is `no_std`, so that it cannot reach for a file, a socket or a clock even by mistake.
//!
//! The steps of a host:
//!
//! 1. [`Verifier::load`] a policy document, or show its author every [`Problem`] in it.
//! 2. Every few seconds, fetch what [`Verifier::wants`] names and [`supply`](Verifier::supply) it, or
//!    [`fail`](Verifier::fail) it.
//! 3. For each request, [`Verifier::authorize`]. On [`Decision::Need`] fetch, and ask again; after
//!    [`limits::FETCH_ROUNDS`] of that, [`Verifier::conclude`].
//! 4. Pass on what is allowed, changed as the [`Grant`] says; answer what is not with the [`Rejection`], and
//!    what is meant for the verifier itself with the [`Document`].
//!
//! The feature `aws-lc` brings the native backend of [`Backend`], `schema` the JSON Schema of the policy.
//!
//! ```
//! use tessera_verifier::{Decision, Request, Timestamp, Verifier};
//!
//! let mut verifier = Verifier::load(r#"{
//!     "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwks.json" }],
//!     "audiences": ["orders"],
//!     "routes": [
//!         { "path": { "exact": "/healthz" }, "public": true },
//!         { "methods": ["GET"], "path": { "prefix": "/orders" }, "scopes": ["orders:read"] }
//!     ],
//!     "challenge": { "realm": "orders" }
//! }"#).expect("the policy is good");
//!
//! let now = Timestamp::from_seconds(1_790_000_000);
//! for want in verifier.wants(now) {
//!     // A host GETs `want.url` here and calls `supply`; this one has no network.
//!     verifier.fail(want.id, now);
//! }
//!
//! let request = Request { method: "GET", host: "orders.example", target: "/orders/1", headers: &[] };
//! let Decision::Deny(rejection) = verifier.authorize(&request, now) else { panic!("no token, no entry") };
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
mod authenticator;
mod base64url;
mod cache;
mod claim;
mod conditions;
mod credentials;
mod crypto;
mod decision;
mod document;
mod error;
mod excerpt;
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
pub use conditions::{Conditions, Unmet, UnverifiedClaims};
pub use credentials::Request;
pub use crypto::{Backend, HostCrypto, Signed};
pub use decision::{Authentication, Decision, Document, Grant, VerifiedToken};
pub use document::DocumentError;
pub use error::{Error, Part};
pub use excerpt::Excerpt;
pub use json::{JsonError, JsonFault};
pub use keys::{KeyFault, SkippedKey};
#[cfg(feature = "schema")]
pub use policy::policy_schema;
pub use policy::{PolicyError, Problem};
pub use rejection::Rejection;
pub use signature::{SignatureError, verify_signature};
pub use spiffe::{SpiffeId, is_trust_domain};
pub use status::ListFault;
pub use target::TargetFault;
pub use time::Timestamp;
pub use verifier::{DocumentId, Verifier, Want};
