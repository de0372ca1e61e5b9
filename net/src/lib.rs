//! Hostile networks, handled once: a listener that survives its peers and a GET that survives its servers.
//!
//! Every Tessera process answers HTTP, fetches documents over it, or both. What can go wrong there is the same
//! everywhere, so it is handled here and nowhere else:
//!
//! - [`listener`]: accepts connections and runs any hyper service on them, under time limits, size limits and a
//!   connection cap, and drains when asked to stop.
//! - [`body`]: reads a request body into memory under a size limit and a deadline.
//! - [`fetch`]: GETs a small document from another party under the same suspicions.
//! - [`tls`]: the certificate of such a listener, and those of its clients.
//! - [`shutdown`]: the one future that ends a process on SIGTERM or SIGINT.
//! - [`chain`](chain()): an error and its causes on one line, for the log that tells of all this.
//!
//! A server is these steps: bind, tell where, serve until a signal, report.
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use tessera_net::listener::{Limits, Listener, TowerToHyperService};
//! use tessera_net::shutdown;
//! use warp::Filter;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
//!     println!("listening on http://{}", listener.local_addr());
//!
//!     let hello = warp::path("hello").map(|| "hello\n");
//!     let service = TowerToHyperService::new(warp::service(hello));
//!     let summary = listener.serve(service, Limits::default(), shutdown::signal()?).await;
//!     eprintln!("{summary}");
//!     Ok(())
//! }
//! ```
//!
//! # What this crate does not do
//!
//! No revocation lists, neither for the servers that it asks nor for the clients of a TLS listener. No rate limits per peer. No response caching: [`fetch`] hands `Cache-Control` to its caller.

pub mod body;
mod chain;
pub mod fetch;
pub mod listener;
pub mod shutdown;
#[cfg(test)]
mod testing;
pub mod tls;

pub use chain::chain;
