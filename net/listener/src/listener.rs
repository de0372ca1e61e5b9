//! Accepts connections and runs a service on them, whatever the peers do.
//!
//! [`Listener::bind`], then [`Listener::serve`]: the service sees well-formed requests only, each carrying its
//! [`Peer`] as an extension. A peer that sends half a header, nothing at all, or never reads its answer loses its
//! connection, and so does the longest idle one where there are too many. With [`Listener::with_tls`] it does all that over TLS, and a
//! handshake is as short of time as a header.

mod activity;
mod admission;
mod connection;
mod frames;
mod limits;
mod screen;
#[cfg(test)]
mod tests;
mod transport;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use self::activity::Activity;
use self::admission::{Admission, Refused, Slot};
use self::connection::{Accepted, Phase};
pub use self::limits::Limits;
use crate::tls::ServerTls;

/// Makes a tower service, such as `warp::service(filter)`, a service that [`Listener::serve`] takes.
pub use hyper_util::service::TowerToHyperService;

/// Connections that the kernel may hold before they are accepted. 1,024 is what tokio and nginx on Linux ask for;
/// the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: u32 = 1024;

/// The first and the longest pause after an accept failed for want of a resource.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A bound address, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
    tls: Option<ServerTls>,
}

/// Why an address could not be bound. The message carries the remedy.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process (or this one) listens there.
    #[error(
        "{addr} is already in use: stop the process that holds it (`ss -ltnp` names it) or choose another port"
    )]
    Busy {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The process may not listen there.
    #[error("no permission to listen on {addr}: choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE")]
    Denied {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address belongs to no interface of this machine.
    #[error(
        "{addr} is no address of this machine: use one that `ip addr` lists, 127.0.0.1, or 0.0.0.0 for all"
    )]
    NotLocal {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {addr}")]
    Other {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The address that a request came from; a request extension.
///
/// It is the other end of the TCP connection. Behind a reverse proxy that is the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What [`Listener::serve`] did until it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSummary {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that were still busy at the drain deadline and were cut.
    pub cut: usize,
}

impl Listener {
    /// Binds `addr`; port 0 takes a free one, which [`local_addr`](Self::local_addr) tells.
    ///
    /// Must be called within a tokio runtime.
    pub fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        Self::listen(addr).map_err(|source| BindError::new(addr, source))
    }

    fn listen(addr: SocketAddr) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restarted server takes its port back at once, while old connections linger in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let socket = socket.listen(BACKLOG)?;
        let local_addr = socket.local_addr()?;
        Ok(Self { socket, local_addr, tls: None })
    }

    /// Speaks TLS. Requests carry an [`Arc`] of a [`PeerCertificate`](crate::tls::PeerCertificate) where the peer
    /// showed one.
    #[must_use]
    pub fn with_tls(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The address bound, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` resolves, goes on for [`Limits::lame_duck`], then drains and returns.
    ///
    /// From then on each answer closes its connection (`Connection: close`, on HTTP/2 GOAWAY). Draining: the address is
    /// released, requests in flight are finished, idle connections are closed after a second in which a request that is
    /// on its way is still served, and what is still busy after [`Limits::drain`] is cut. A panic in the service ends
    /// its connection, not the listener.
    pub async fn serve<S, B>(self, service: S, limits: Limits, shutdown: impl Future) -> ServeSummary
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let admission = Arc::new(Admission::new(&limits));
        let (phase, _) = watch::channel(Phase::Serving);
        let http = limits.http();
        let mut accepted = 0;
        let mut shutdown = pin!(async {
            shutdown.await;
            phase.send_replace(Phase::LameDuck);
            tokio::time::sleep(limits.lame_duck).await;
        });
        loop {
            let (slot, activity, stream, peer) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                next = self.admit(&admission, limits) => next,
            };
            accepted += 1;
            let tls = self.tls.as_ref().map(ServerTls::material);
            tokio::spawn(connection::drive(
                Accepted { stream, peer: Peer(peer), slot, activity, tls },
                service.clone(),
                http.clone(),
                limits,
                phase.subscribe(),
            ));
        }

        drop(self.socket);
        phase.send_replace(Phase::Draining);
        let mut cut = 0;
        if tokio::time::timeout(limits.drain, phase.closed()).await.is_err() {
            cut = admission.open();
            warn!(connections = cut, after = ?limits.drain, "connections still busy at the drain deadline are cut");
            phase.send_replace(Phase::Cut);
            phase.closed().await;
        }
        ServeSummary { accepted, cut }
    }

    /// Accepts until a connection is admitted. While all are busy, one waits here and the others in the kernel.
    async fn admit(
        &self,
        admission: &Arc<Admission>,
        limits: Limits,
    ) -> (Slot, Arc<Activity>, TcpStream, SocketAddr) {
        loop {
            let (stream, peer) = self.accept().await;
            loop {
                let now = Instant::now();
                let activity = Arc::new(Activity::new(limits, now));
                match admission.admit(peer.ip(), &activity, now) {
                    Ok(slot) => return (slot, activity, stream, peer),
                    Err(Refused::Full) => admission.may_have_room().await,
                    Err(Refused::Address) => break,
                }
            }
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        let mut pause = ACCEPT_PAUSE;
        loop {
            let error = match self.socket.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small: waiting to fill a segment (RFC 896) only delays them.
                    if let Err(error) = stream.set_nodelay(true) {
                        debug!(%peer, %error, "TCP_NODELAY refused");
                    }
                    return (stream, peer);
                }
                Err(error) => error,
            };
            if concerns_one_connection(&error) {
                debug!(%error, "a connection was gone before it was accepted");
                continue;
            }
            // EMFILE and its like: the connection stays queued, so accepting again at once would spin.
            warn!(%error, ?pause, "cannot accept connections, pausing");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
        }
    }
}

/// Linux hands pending network errors of the new connection to `accept` (accept(2)); the listener itself is fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}

impl BindError {
    fn new(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Busy { addr, source },
            io::ErrorKind::PermissionDenied => Self::Denied { addr, source },
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { addr, source },
            _ => Self::Other { addr, source },
        }
    }
}

impl fmt::Display for ServeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped after {} connections, {} cut at the drain deadline", self.accepted, self.cut)
    }
}
