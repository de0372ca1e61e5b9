//! A token source for client services: fetch, cache, refresh.
//!
//! A service that calls another one under Tessera needs an access token for that audience and those scopes. This
//! crate gets it from the token server (RFC 6749 §4.4 with a secret, RFC 7523 with an assertion), keeps it, and
//! replaces it before it expires. It works with any OAuth 2.0 token server that offers these grants.
//!
//! What is here:
//!
//! - [`TokenSource`]: hands out tokens. Make one for each credential, clone it freely.
//! - [`Credential`]: how the service proves itself: a secret, or an assertion that its platform gives it.
//! - [`Request`]: the audience and the scopes that a call needs.
//! - [`TokenError`]: what went wrong, with the server's own code where it gave one.
//!
//! The steps: name the issuer, give the credential, then ask for a token before each call. Asking is cheap; one
//! exchange serves every caller until three quarters of the token's life have passed, and is then repeated in the
//! background while the old token is still handed out. When the callee answers 401 all the same, hand the token to
//! [`TokenSource::invalidate`] and ask once more.
//!
//! ```no_run
//! use tessera_client::{Credential, Request, TokenSource};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Kubernetes projects this file and rewrites it before the assertion in it expires.
//!     let credential = Credential::assertion_file("/var/run/secrets/tessera/assertion");
//!     let tokens = TokenSource::for_issuer("https://issuer.example").build(credential)?;
//!     let orders = Request::new("orders", ["orders:read"])?;
//!
//!     let http = reqwest::Client::new();
//!     let call = http.get("https://orders.example/orders/7");
//!     let answer = tokens.authorize(call, &orders).await?.send().await?;
//!     println!("{}", answer.status());
//!     Ok(())
//! }
//! ```
//!
//! # What this crate does not do
//!
//! No grant that involves a person. No verification: a token is opaque to the client that carries it. No storage:
//! tokens live in memory, and a restart fetches new ones. No asymmetric client authentication (RFC 7523 §2.2) and no
//! sender constraints. No proxy from the environment ([`Builder::proxy`] sets one). Secrets and tokens are wiped from where this crate keeps them
//! when they are dropped; the copies that form encoding, JSON and the HTTP client make on the way are not.

mod cache;
mod credential;
mod endpoint;
mod error;
mod exchange;
mod request;
mod secret;
mod source;

pub use self::credential::{AssertionProvider, Credential, ProviderError};
pub use self::error::{ErrorCode, TokenError};
pub use self::request::{Request, RequestError};
pub use self::secret::{AccessToken, Secret};
pub use self::source::{Builder, TokenSource};
pub use tessera_fetch::{EgressProxy, EgressProxyError};
