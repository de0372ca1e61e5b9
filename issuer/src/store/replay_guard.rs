//! Uses up assertions, many in one transaction: each of them waits for the disk, and so all that came meanwhile go
//! together. Forgets them when they have expired by themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::{Store, StoreError, UsedAssertion};
use crate::domain::UnixTime;

/// Most assertions in one transaction: some milliseconds of work.
const MAX_BATCH: usize = 256;
/// Assertions that wait at most. Beyond that the database does not keep up, and an answer now beats one too late.
const MAX_WAITING: usize = 1024;
/// How often what has expired is forgotten.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// Where assertions that may be used once are used up.
#[derive(Clone, Debug)]
pub struct ReplayGuard {
    waiting: mpsc::Sender<Waiting>,
}

/// It is not known whether the assertion was used before, so it is not to be believed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayGuardError {
    /// More assertions wait than the store keeps up with.
    #[error("too many assertions are waiting to be recorded")]
    Busy,
    /// The store did not record it.
    #[error("the assertion could not be recorded")]
    Store(#[source] Arc<StoreError>),
    /// The server is stopping.
    #[error("assertions are no longer recorded")]
    Stopped,
}

#[derive(Debug)]
struct Waiting {
    assertion: UsedAssertion,
    answer: oneshot::Sender<Result<bool, ReplayGuardError>>,
}

impl ReplayGuard {
    /// Spends in `store`, on a task of its own that ends when the last clone of this is dropped.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: fn() -> UnixTime) -> Self {
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        tokio::spawn(work(store, queue, clock));
        Self { waiting }
    }

    /// Whether this is the assertion's first use, by any process on this database. If so, it was its only one.
    pub async fn mark_used(&self, assertion: UsedAssertion) -> Result<bool, ReplayGuardError> {
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { assertion, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ReplayGuardError::Busy,
            mpsc::error::TrySendError::Closed(_) => ReplayGuardError::Stopped,
        })?;
        answered.await.map_err(|_| ReplayGuardError::Stopped)?
    }
}

async fn work(store: Arc<dyn Store>, mut queue: mpsc::Receiver<Waiting>, clock: fn() -> UnixTime) {
    let mut purges = interval(PURGE_INTERVAL);
    purges.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    loop {
        tokio::select! {
            received = queue.recv_many(&mut batch, MAX_BATCH) => {
                if received == 0 {
                    return;
                }
                mark_used(&*store, &mut batch).await;
            }
            _ = purges.tick() => {
                if let Err(error) = store.purge(clock()).await {
                    tracing::warn!(error = tessera_fetch::chain(&error), "cannot forget spent assertions");
                }
            }
        }
    }
}

async fn mark_used(store: &dyn Store, batch: &mut Vec<Waiting>) {
    let (assertions, answers): (Vec<_>, Vec<_>) =
        batch.drain(..).map(|waiting| (waiting.assertion, waiting.answer)).unzip();
    // Nobody who hung up is missed.
    match store.mark_used(&assertions).await {
        Ok(fresh) => {
            for (answer, fresh) in answers.into_iter().zip(fresh) {
                let _ = answer.send(Ok(fresh));
            }
        }
        Err(error) => {
            let error = ReplayGuardError::Store(Arc::new(error));
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::store::SqliteStore;
    use crate::testing::{NOW, id, store, vault};

    fn assertion(jti: &str) -> UsedAssertion {
        UsedAssertion { client: id("shop"), jti: jti.to_owned(), expires_at: NOW.plus(60) }
    }

    #[tokio::test]
    async fn of_many_who_bring_the_same_one_gets_through_on_all_replicas() {
        let folder = tempfile::tempdir().unwrap();
        let first = Arc::new(store(&folder, &vault()).await);
        let second = Arc::new(SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap());
        let replicas = [ReplayGuard::new(first, || NOW), ReplayGuard::new(second, || NOW)];
        let all = (0..200).map(|number| {
            let guard = &replicas[number % 2];
            async move { guard.mark_used(assertion(&format!("{}", number / 4))).await.unwrap() }
        });
        let fresh = join_all(all).await;
        for four in fresh.chunks(4) {
            assert_eq!(four.iter().filter(|fresh| **fresh).count(), 1, "{fresh:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_recorded_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(store(&folder, &vault()).await);
        let guard = ReplayGuard::new(Arc::clone(&store) as Arc<dyn Store>, || NOW);
        store.close().await;
        let refused = guard.mark_used(assertion("a")).await.unwrap_err();
        assert!(matches!(refused, ReplayGuardError::Store(_)), "{refused:?}");
    }
}
