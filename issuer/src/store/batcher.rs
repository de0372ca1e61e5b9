//! Takes requests to the store many at a time. Each write waits for the disk, so all requests that came while one write
//! was under way share the next.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Most requests in one transaction: some milliseconds of work.
const MAX_BATCH: usize = 256;
/// Most requests that wait. Beyond that the database does not keep up, and an answer now beats one too late.
const MAX_WAITING: usize = 1024;

/// A queue of requests `Q`, each answered by an `A`. Clones share the queue.
#[derive(Debug)]
pub(crate) struct Batcher<Q, A> {
    queue: mpsc::Sender<Waiting<Q, A>>,
}

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BatchError {
    /// The queue is full.
    #[error("{MAX_WAITING} requests wait for the store already")]
    Busy,
    /// The store failed; it failed everyone of the same batch.
    #[error("the store did not record it")]
    Store(#[source] Arc<StoreError>),
    /// The server is stopping.
    #[error("nothing is recorded any more: the server is stopping")]
    Stopped,
}

#[derive(Debug)]
struct Waiting<Q, A> {
    request: Q,
    answer: oneshot::Sender<Result<A, BatchError>>,
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// Hands batches to `write`, one after the other, on a task that ends when the last clone of this is dropped. The
    /// answers of `write` are in the order of the requests.
    ///
    /// Must be called within a tokio runtime.
    pub(crate) fn start<R>(write: impl Fn(Vec<Q>) -> R + Send + 'static) -> Self
    where
        R: Future<Output = Result<Vec<A>, StoreError>> + Send + 'static,
    {
        let (queue, requests) = mpsc::channel(MAX_WAITING);
        tokio::spawn(work(write, requests));
        Self { queue }
    }

    /// The answer to `request`, once it is written.
    pub(crate) async fn ask(&self, request: Q) -> Result<A, BatchError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { request, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => BatchError::Busy,
            mpsc::error::TrySendError::Closed(_) => BatchError::Stopped,
        })?;
        answered.await.map_err(|_| BatchError::Stopped)?
    }
}

async fn work<Q, A, R>(write: impl Fn(Vec<Q>) -> R, mut requests: mpsc::Receiver<Waiting<Q, A>>)
where
    R: Future<Output = Result<Vec<A>, StoreError>>,
{
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while requests.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (requests, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Waiting { request, answer }| (request, answer)).unzip();
        // An answer that nobody waits for any more is dropped.
        match write(requests).await {
            Ok(answers) => {
                for (waiting, answer) in waiting.into_iter().zip(answers) {
                    let _ = waiting.send(Ok(answer));
                }
            }
            Err(error) => {
                let error = BatchError::Store(Arc::new(error));
                for waiting in waiting {
                    let _ = waiting.send(Err(error.clone()));
                }
            }
        }
    }
}

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

#[cfg(test)]
mod tests;
