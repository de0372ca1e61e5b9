//! Forgets what has no use any more.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Store;
use crate::domain::UnixTime;

/// How often what has expired is forgotten.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// Forgets what has expired once a minute, until dropped.
pub async fn keep_purging(store: &dyn Store, clock: fn() -> UnixTime) {
    let mut ticks = interval(PURGE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = store.purge(clock()).await {
            tracing::warn!(error = tessera_fetch::chain(&error), "cannot forget what has expired");
        }
    }
}
