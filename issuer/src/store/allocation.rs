//! Hands out positions of status lists, many blocks in one transaction: each of them waits for the disk, and so all that
//! are asked for meanwhile go together.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Store, StoreError};
use crate::domain::{Block, BlockRequest, UnixTime};

/// Most blocks in one transaction: some milliseconds of work.
const MAX_BATCH: usize = 256;
/// Requests that wait at most. Beyond that the database does not keep up, and an answer now beats one too late.
const MAX_WAITING: usize = 1024;

/// Where blocks of status lists are had.
#[derive(Clone, Debug)]
pub struct Allocation {
    waiting: mpsc::Sender<Waiting>,
}

/// There is no position, so that a token that needs one cannot be issued.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AllocationError {
    /// More requests wait than the store keeps up with.
    #[error("too many tokens are waiting for their place in a status list")]
    Busy,
    /// The store handed out none.
    #[error("the place in the status list could not be recorded")]
    Store(#[source] Arc<StoreError>),
    /// The server is stopping, or has no status lists.
    #[error("places in status lists are not handed out")]
    Stopped,
}

#[derive(Debug)]
struct Waiting {
    request: BlockRequest,
    answer: oneshot::Sender<Result<Block, AllocationError>>,
}

impl Allocation {
    /// Allocates in `store`, on a task of its own that ends when the last clone of this is dropped.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: fn() -> UnixTime) -> Self {
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        tokio::spawn(work(store, queue, clock));
        Self { waiting }
    }

    /// A block that is the caller's alone.
    pub async fn allocate(&self, request: BlockRequest) -> Result<Block, AllocationError> {
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { request, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AllocationError::Busy,
            mpsc::error::TrySendError::Closed(_) => AllocationError::Stopped,
        })?;
        answered.await.map_err(|_| AllocationError::Stopped)?
    }
}

async fn work(store: Arc<dyn Store>, mut queue: mpsc::Receiver<Waiting>, clock: fn() -> UnixTime) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (requests, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|waiting| (waiting.request, waiting.answer)).unzip();
        // The block of someone who hung up is lost, which costs a few positions.
        match store.allocate(&requests, clock()).await {
            Ok(blocks) => {
                for (answer, block) in answers.into_iter().zip(blocks) {
                    let _ = answer.send(Ok(block));
                }
            }
            Err(error) => {
                let error = AllocationError::Store(Arc::new(error));
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}
