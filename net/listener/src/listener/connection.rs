//! One connection: hyper drives the protocol, a watchdog keeps the limits that hyper does not.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::activity::{Activity, Expired};
use super::admission::Slot;
use super::transport::{Stream, Transport, Watched};
use super::{Limits, Peer, screen};
use crate::tls::Material;

/// How long a quiet HTTP/1 connection stays open after the listener has stopped accepting: a request may be on its way,
/// and its peer would not know whether it was served. A round trip around the world takes 300 ms.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What the listener wants of its connections, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Serving,
    /// Serve, and ask peers to come back on another connection.
    LameDuck,
    /// Finish what is in flight, take nothing new.
    Draining,
    /// End now.
    Cut,
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: Peer,
    pub(super) slot: Slot,
    pub(super) activity: Arc<Activity>,
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
    let Accepted { stream, peer, slot, activity, tls } = accepted;
    let mut watchdog = Watchdog::new(Arc::clone(&activity), limits);
    let watched = Watched { stream, activity: Arc::clone(&activity) };
    let (stream, certificate) = match tls {
        None => (Stream::Plain(watched), None),
        Some(material) => {
            let handshake = material.acceptor.accept(watched);
            let ended = async {
                tokio::select! {
                    () = slot.evicted() => {}
                    // Lame ducks still take connections.
                    _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
                }
            };
            let Some(stream) = shake_hands(handshake, peer, &mut watchdog, ended).await else { return };
            let certificate = material.peer(stream.get_ref().1);
            (Stream::Tls(Box::new(stream)), certificate)
        }
    };
    let io = TokioIo::new(Transport::new(stream));

    let served = Arc::clone(&activity);
    let serving = phase.clone();
    let watched = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(Arc::clone(certificate));
        }
        let in_flight = InFlight::begin(&served, &request);
        let serving = serving.clone();
        let version = request.version();
        let answer = match screen::check(&request) {
            Ok(()) => Ok(service.call(request)),
            Err(fault) => Err(fault),
        };
        async move {
            let mut response = match answer {
                Ok(answer) => answer.await?.map(|body| Answering { body: Some(body), in_flight }),
                Err(fault) => {
                    debug!(peer = %peer.0, %fault, "a request was refused");
                    fault.response().map(|()| Answering { body: None, in_flight })
                }
            };
            // HTTP/2 has GOAWAY in place of this field (RFC 9113 §8.2.2).
            if version < Version::HTTP_2 && *serving.borrow() != Phase::Serving {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, S::Error>(response)
        }
    });

    let mut connection = pin!(http.serve_connection(io, watched));
    let mut last_call = pin!(None::<Sleep>);
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
                let now = if changed.is_err() { Phase::Cut } else { *phase.borrow_and_update() };
                match now {
                    Phase::Cut => return,
                    // A request may be on its way: this peer is told to close by the answer to it.
                    Phase::LameDuck if !activity.is_multiplexed() => {}
                    Phase::Draining if !activity.is_multiplexed() && activity.quiet_since().is_some() => {
                        last_call.set(Some(sleep(LAST_CALL)));
                    }
                    Phase::Serving | Phase::LameDuck | Phase::Draining => connection.as_mut().graceful_shutdown(),
                }
            }
            () = async {
                match last_call.as_mut().as_pin_mut() {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            } => {
                last_call.set(None);
                connection.as_mut().graceful_shutdown();
            }
            () = slot.evicted() => {
                debug!(peer = %peer.0, "connection closed for another");
                return;
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
    ended: impl Future<Output = ()>,
) -> Option<TlsStream<Watched>> {
    tokio::select! {
        biased;
        outcome = handshake => outcome
            .inspect_err(|error| debug!(peer = %peer.0, %error, "the handshake failed"))
            .ok(),
        () = ended => None,
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
    /// The body of an answer, `None` of one without: its request is in flight until the last byte was handed over.
    struct Answering<B> {
        #[pin]
        body: Option<B>,
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
        let frame = match this.body.as_pin_mut() {
            Some(body) => body.poll_frame(cx),
            None => Poll::Ready(None),
        };
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            this.in_flight.handed();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
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
