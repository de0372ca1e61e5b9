//! The in-memory copy that answers requests, and the task that keeps it fresh.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::{Changes, State, Store, StoreError};
use crate::domain::{Directory, MAX_STALENESS, Revocations};
use crate::keys::{Keyring, KeyringError, Vault};

/// How often the store's revision is read. A change is seen within this time, plus the time to load it.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Age at which a copy that could not be compared with the store is no longer used: a client removed meanwhile
/// must not get tokens for as long as the store stays away. Twenty polls, enough for a restart of a database.
pub const MAX_AGE: Duration = Duration::from_secs(MAX_STALENESS);

/// Least time between two comparisons that are asked for: whoever asks for lists that there are not makes us ask the
/// database twenty times a second, and no more.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// How long someone waits for a comparison that it asked for. Twice what a statement waits for a lock.
const REFRESH_PATIENCE: Duration = Duration::from_secs(4);

/// The whole state as of one revision, its active key ready to sign.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts the changes.
    pub revision: i64,
    /// Clients with their credentials and grants.
    pub directory: Directory,
    /// The keys.
    pub keyring: Keyring,
    /// The status lists, and what is revoked.
    pub revocations: Arc<Revocations>,
}

/// Why a snapshot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store did not answer.
    #[error("the state cannot be read")]
    Store(#[from] StoreError),
    /// The keys it holds cannot be used.
    #[error("the signing keys cannot be used")]
    Keys(#[from] KeyringError),
}

/// The copy is older than [`MAX_AGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state could not be compared with the store for more than {} s", MAX_AGE.as_secs())]
pub struct Stale;

/// The current snapshot, shared by all requests.
#[derive(Debug)]
pub struct Snapshots {
    current: watch::Sender<Arc<Snapshot>>,
    /// When the copy was last known to be the store's.
    compared: watch::Sender<ClockReading>,
    /// Someone cannot wait for the next poll.
    wanted: Notify,
    /// Held by whoever refreshes, so that no older copy follows a newer one.
    refreshing: Mutex<()>,
}

/// A moment by two clocks: one stands still while the machine is suspended, and the other can be put back.
#[derive(Clone, Copy, Debug)]
struct ClockReading {
    running: Instant,
    wall: SystemTime,
}

impl Snapshot {
    async fn new(state: State, vault: &Vault, before: Option<Arc<Self>>) -> Result<Self, KeyringError> {
        let State { revision, directory, keys, revocations } = state;
        let vault = vault.clone();
        // Opening a key may wait for a hardware module, and the threads here are those that serve.
        let opened = spawn_blocking(move || {
            Keyring::new(keys, &vault, before.as_deref().map(|snapshot| &snapshot.keyring))
        });
        let keyring = opened.await.map_err(|_| KeyringError::Interrupted)??;
        Ok(Self { revision, directory, keyring, revocations })
    }

    /// The state that these changes make of this one.
    fn with(&self, changes: Changes) -> State {
        let mut directory = self.directory.clone();
        for (id, entry) in changes.clients {
            match entry {
                Some(entry) => directory.insert(entry),
                None => directory.remove(&id),
            }
        }
        let keys = changes.keys.unwrap_or_else(|| self.keyring.keys().to_vec());
        let revocations = match changes.revocations {
            Some(changes) => Arc::new(self.revocations.as_ref().clone().with(changes)),
            None => Arc::clone(&self.revocations),
        };
        State { revision: changes.revision, directory, keys, revocations }
    }
}

impl Snapshots {
    /// Loads the first snapshot.
    pub async fn load(store: &dyn Store, vault: &Vault) -> Result<Self, FollowError> {
        let compared = ClockReading::now();
        let snapshot = Snapshot::new(store.load().await?, vault, None).await?;
        let (current, _) = watch::channel(Arc::new(snapshot));
        let (compared, _) = watch::channel(compared);
        Ok(Self { current, compared, wanted: Notify::new(), refreshing: Mutex::default() })
    }

    /// The snapshot to decide from, unless it is too old to be trusted.
    pub fn current(&self) -> Result<Arc<Snapshot>, Stale> {
        self.current_within(MAX_AGE).ok_or(Stale)
    }

    /// The snapshot, if it was compared with the store within that time.
    #[must_use]
    pub fn current_within(&self, age: Duration) -> Option<Arc<Snapshot>> {
        (self.age() <= age).then(|| self.latest())
    }

    /// Waits until the snapshot holds what the store held when this was called, for those who know that something has
    /// just changed. It is [`follow`] that compares; if it cannot for a while, this returns nevertheless.
    pub async fn refreshed(&self) {
        let asked = Instant::now();
        let mut compared = self.compared.subscribe();
        self.wanted.notify_one();
        let _ = timeout(REFRESH_PATIENCE, compared.wait_for(|at| at.running >= asked)).await;
    }

    /// How long ago the copy was known to be the store's.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.compared.borrow().elapsed()
    }

    /// As if the copy had been compared with the store that much earlier, by the clock on the wall alone: as after the
    /// machine was suspended.
    #[cfg(test)]
    pub(crate) fn suspend(&self, time: Duration) {
        self.compared.send_modify(|compared| compared.wall = compared.wall.checked_sub(time).unwrap());
    }

    /// Tells of every new snapshot.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.current.subscribe()
    }

    /// The last snapshot, however old.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.borrow())
    }

    /// Compares with the store once, and takes over what is new.
    pub async fn refresh(&self, store: &dyn Store, vault: &Vault) -> Result<(), FollowError> {
        let _alone = self.refreshing.lock().await;
        let compared = ClockReading::now();
        let before = Arc::clone(&self.current.borrow());
        if store.revision().await? != before.revision {
            let state = match store.changes(before.revision).await? {
                Some(changes) => before.with(changes),
                None => store.load().await?,
            };
            let snapshot = Snapshot::new(state, vault, Some(before)).await?;
            tracing::info!(revision = snapshot.revision, "the state changed");
            self.current.send_replace(Arc::new(snapshot));
        }
        self.compared.send_replace(compared);
        Ok(())
    }
}

impl ClockReading {
    fn now() -> Self {
        Self { running: Instant::now(), wall: SystemTime::now() }
    }

    /// By the clock that says the longer time.
    fn elapsed(&self) -> Duration {
        self.running.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}

/// Follows the store until dropped. While it cannot be read the last snapshot stays, until [`MAX_AGE`].
pub async fn follow(snapshots: Arc<Snapshots>, store: Arc<dyn Store>, vault: Vault) {
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut failing, mut last) = (false, Instant::now());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = snapshots.wanted.notified() => sleep_until(last + MIN_INTERVAL).await,
        }
        last = Instant::now();
        match snapshots.refresh(&*store, &vault).await {
            Ok(()) => {
                if failing {
                    tracing::info!("the store can be read again");
                }
                failing = false;
            }
            // Said once, not twice a second.
            Err(error) => {
                if !failing {
                    tracing::error!(error = tessera_fetch::chain(&error), "cannot follow the store");
                }
                failing = true;
            }
        }
    }
}
