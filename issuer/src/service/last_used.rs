//! When each credential was last used, for those who want to know whether one can go. It is not worth a write to the
//! database for each token: it is collected in memory, and written once a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::domain::{CredentialId, UnixTime};
use crate::store::{Store, StoreError};

/// How often what was collected is written. A process that is killed loses this much; one that is asked to stop, none.
const FLUSH_INTERVAL: Duration = Duration::from_mins(1);
/// Most credentials that are collected between two writes, at some 60 bytes each: ten times the clients that this server
/// is measured with. While the database does not answer, those beyond go unnoted.
const MAX_COLLECTED: usize = 100_000;

/// The latest use of each credential since the last write.
#[derive(Debug, Default)]
pub struct LastUsed {
    collected: Mutex<HashMap<CredentialId, UnixTime>>,
}

impl LastUsed {
    /// Notes that `credential` proved its client.
    pub fn note(&self, credential: &CredentialId, now: UnixTime) {
        let mut collected = self.lock();
        if let Some(at) = collected.get_mut(credential) {
            *at = now.max(*at);
        } else if collected.len() < MAX_COLLECTED {
            collected.insert(credential.clone(), now);
        }
    }

    /// Writes what was collected. What is not written, because the store fails or nobody waits, stays collected.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let used: Vec<_> = self.lock().iter().map(|(credential, at)| (credential.clone(), *at)).collect();
        if used.is_empty() {
            return Ok(());
        }
        store.touch(&used).await?;
        let mut collected = self.lock();
        for (credential, at) in &used {
            // Unless it was used again meanwhile.
            if collected.get(credential) == Some(at) {
                collected.remove(credential);
            }
        }
        Ok(())
    }

    /// Writes what was collected once a minute, until dropped.
    pub async fn keep_flushing(&self, store: &dyn Store) {
        let mut ticks = interval(FLUSH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.flush(store).await {
                tracing::warn!(
                    error = tessera_fetch::chain(&error),
                    "cannot note when credentials were used"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CredentialId, UnixTime>> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
