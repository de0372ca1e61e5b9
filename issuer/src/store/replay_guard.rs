//! Assertions that may be used once, on all replicas of a store.

use std::sync::Arc;

use super::batcher::{BatchError, Batcher};
use super::{Store, UsedAssertion};

/// Records the use of assertions.
#[derive(Clone, Debug)]
pub struct ReplayGuard {
    uses: Batcher<UsedAssertion, bool>,
}

impl ReplayGuard {
    /// Records uses in `store`, on a task of its own that ends when the last clone of this is dropped.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let uses = Batcher::start(move |assertions: Vec<UsedAssertion>| {
            let store = Arc::clone(&store);
            async move { store.mark_used(&assertions).await }
        });
        Self { uses }
    }

    /// A guard whose store never answers.
    #[cfg(test)]
    pub(crate) fn unavailable() -> Self {
        Self { uses: Batcher::start(async |_| Err(sqlx::Error::PoolClosed.into())) }
    }

    /// Whether this is the assertion's first use, by any process on this database. If so, it was its only one. On an
    /// error that is not known, and the assertion is not to be believed.
    pub async fn mark_used(&self, assertion: UsedAssertion) -> Result<bool, BatchError> {
        self.uses.ask(assertion).await
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
        let replicas = [ReplayGuard::new(first), ReplayGuard::new(second)];
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
        let guard = ReplayGuard::new(Arc::clone(&store) as Arc<dyn Store>);
        store.close().await;
        let refused = guard.mark_used(assertion("a")).await.unwrap_err();
        assert!(matches!(refused, BatchError::Store(_)), "{refused:?}");
    }
}
