//! A listener that survives its peers.
//!
//! - [`Listener`]: accepts connections and runs any hyper service on them, under time limits, size limits and a
//!   connection cap, and drains when asked to stop.
//! - [`tls`]: the certificate of such a listener, and those of its clients.
//! - [`shutdown`]: the one future that ends a process on SIGTERM or SIGINT.
//!
//! A server is these steps: bind, tell where, serve until a signal, report.
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use tessera_listener::{Limits, Listener, TowerToHyperService};
//! use tessera_listener::shutdown;
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
//! No revocation lists for the clients of a TLS listener. No rate limits per peer.

mod listener;
pub mod shutdown;
#[cfg(test)]
mod testing;
pub mod tls;

pub use listener::*;
