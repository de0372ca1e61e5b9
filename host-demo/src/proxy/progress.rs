//! Whether a body is still moving: what tells a long upload from an upstream that is stuck.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, sleep_until};

/// When something last happened.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

/// A body that notes when a part of it is taken.
pub(super) struct Watched {
    body: Incoming,
    progress: Progress,
}

impl Progress {
    /// Starts now.
    pub(super) fn of(body: Incoming) -> (Watched, Self) {
        let progress = Self(Arc::new(Mutex::new(Instant::now())));
        (Watched { body, progress: progress.clone() }, progress)
    }

    /// Resolves when nothing has happened for this long.
    pub(super) async fn stopped_for(self, patience: Duration) {
        loop {
            let deadline = self.last() + patience;
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Body for Watched {
    type Data = <Incoming as Body>::Data;
    type Error = <Incoming as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.progress.note();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
