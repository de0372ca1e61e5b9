//! One connection: hyper drives the protocol, a watchdog keeps the limits that hyper does not.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::activity::{Activity, Expired};
use super::transport::{Transport, Watched};
use super::{Limits, Peer};
use crate::tls::Material;

/// What the listener wants of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Finish what is in flight, take nothing new.
    Draining,
    /// End now.
    Cut,
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: Peer,
    /// `None`: plain.
    pub(super) tls: Option<Arc<Material>>,
}

/// Runs the connection to its end. When this returns, the socket is closed.
pub(super) async fn drive<S, B>(
    accepted: Accepted,
    service: S,
    http: auto::Builder<TokioExecutor>,
    limits: Limits,
    mut phase: watch::Receiver<Phase>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let Accepted { stream, peer, tls } = accepted;
    let activity = Arc::new(Activity::new(limits, Instant::now()));
    let mut watchdog = Watchdog::new(Arc::clone(&activity), limits);
    let watched = Watched { stream, activity: Arc::clone(&activity) };
    let (io, certificate) = match tls {
        None => (Transport::Plain(watched), None),
        Some(material) => {
            let handshake = material.acceptor.accept(watched);
            let Some(stream) = shake_hands(handshake, peer, &mut watchdog, &mut phase).await else { return };
            let certificate = material.peer(stream.get_ref().1);
            (Transport::Tls(Box::new(stream)), certificate)
        }
    };
    let io = TokioIo::new(io);

    let served = Arc::clone(&activity);
    let watched = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(Arc::clone(certificate));
        }
        let in_flight = InFlight::begin(&served, &request);
        let answer = service.call(request);
        async move { answer.await.map(|response| response.map(|body| Answering { body, in_flight })) }
    });

    let mut connection = pin!(http.serve_connection(io, watched));
    loop {
        tokio::select! {
            // The connection first: the watchdog must judge what the connection has just done.
            biased;
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    debug!(peer = %peer.0, error, "connection ended by an error");
                }
                return;
            }
            changed = phase.changed() => {
                // A listener that is gone, its future dropped, has no more use for its connections.
                if changed.is_err() || *phase.borrow_and_update() == Phase::Cut {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
            expired = watchdog.expired() => {
                debug!(peer = %peer.0, limit = ?expired, "connection closed by a limit");
                if expired != Expired::Idle {
                    return;
                }
                activity.close(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The handshake, in the time that the first header has; there is nothing in it to be drained.
async fn shake_hands(
    handshake: tokio_rustls::Accept<Watched>,
    peer: Peer,
    watchdog: &mut Watchdog,
    phase: &mut watch::Receiver<Phase>,
) -> Option<TlsStream<Watched>> {
    tokio::select! {
        biased;
        outcome = handshake => outcome
            .inspect_err(|error| debug!(peer = %peer.0, %error, "the handshake failed"))
            .ok(),
        _ = phase.changed() => None,
        expired = watchdog.expired() => {
            debug!(peer = %peer.0, limit = ?expired, "connection closed by a limit");
            None
        }
    }
}

/// Marks one request as being served, for as long as it lives.
struct InFlight {
    activity: Arc<Activity>,
    /// A part of the answer was handed over and no further one was asked for.
    handed: bool,
}

impl InFlight {
    fn begin(activity: &Arc<Activity>, request: &Request<Incoming>) -> Self {
        activity.begin(request.version());
        Self { activity: Arc::clone(activity), handed: false }
    }

    fn handed(&mut self) {
        self.handed = true;
        self.activity.handed(Instant::now());
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.handed) {
            self.activity.taken(Instant::now());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.taken();
        self.activity.end(Instant::now());
    }
}

pin_project! {
    /// The body of an answer: its request is in flight until the last byte was handed over.
    struct Answering<B> {
        #[pin]
        body: B,
        in_flight: InFlight,
    }
}

impl<B: Body> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        // hyper asks for the next part when it has found room for the one before.
        this.in_flight.taken();
        let frame = this.body.poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            this.in_flight.handed();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Watchdog {
    activity: Arc<Activity>,
    limits: Limits,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    fn new(activity: Arc<Activity>, limits: Limits) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + limits.header_read));
        Self { activity, limits, timer }
    }

    async fn expired(&mut self) -> Expired {
        poll_fn(|cx| self.poll_expired(cx)).await
    }

    /// Every event of the connection polls this again, so the timer is moved only when it would fire too late;
    /// one that fires too early is set anew.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        loop {
            let now = Instant::now();
            let check = match self.activity.deadline() {
                Some((at, expired)) if at <= now => return Poll::Ready(expired),
                Some((at, _)) => at,
                // Answers are handed over on tasks of their own, which do not wake this one.
                None => now + self.limits.idle.min(self.limits.write_stall),
            };
            if check < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(check);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}
