//! One fetch of a document at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as FetchMutex, OwnedMutexGuard};

/// The documents that are being fetched.
#[derive(Default)]
pub(crate) struct FetchLocks {
    under_way: Mutex<HashMap<String, Arc<FetchMutex<()>>>>,
}

impl FetchLocks {
    /// Waits until nobody else fetches the document, and keeps others from it.
    pub(crate) async fn lock(&self, id: &str) -> OwnedMutexGuard<()> {
        let lock = {
            // Nothing is changed by halves, so what a panic left behind is whole.
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // A lock that nobody else has is in nobody's way.
            under_way.retain(|known, lock| known == id || Arc::strong_count(lock) > 1);
            Arc::clone(under_way.entry(id.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
