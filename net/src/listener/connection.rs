//! One connection: hyper drives the protocol, a watchdog keeps the limits that hyper does not.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io::{self, IoSlice};
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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::activity::{Activity, Expired};
use super::{Limits, Peer};

/// What the listener wants of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Finish what is in flight, take nothing new.
    Draining,
    /// End now.
    Cut,
}

/// Runs the connection to its end. When this returns, the socket is closed.
pub(super) async fn drive<S, B>(
    stream: TcpStream,
    peer: Peer,
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
    let activity = Arc::new(Activity::new(limits, Instant::now()));
    let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
    let mut watchdog = Watchdog::new(Arc::clone(&activity), limits);

    let served = Arc::clone(&activity);
    let watched = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
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

/// A socket that reports to the watchdog.
struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl Watched {
    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.activity.write(outcome.is_pending(), Instant::now());
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read(Instant::now());
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
