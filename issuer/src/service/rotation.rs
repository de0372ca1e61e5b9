//! The task that lets signing keys take turns, by the [`Plan`].
//!
//! Every replica runs it. A step names the keys that it takes for active and next, and the store refuses it to whoever
//! comes second, so that each step is done once and nobody is harmed by having tried.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::Clock;
use crate::domain::{
    Actor, Algorithm, Change, ChangeError, FirstSeen, KeyChange, KeyState, Plan, RandomError, RotateEvery,
    RotationReason, Step, StoredKey, UnixTime, random,
};
use crate::keys::{KeyError, Vault};
use crate::store::{FollowError, Snapshots, Stale, Store, StoreError};

/// The longest time between two looks at the plan: the clock may have been set meanwhile.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// After a step failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A step that is due is put off by up to this many milliseconds, so that of several replicas one is first and the
/// others see that it is done, rather than all make a key.
const JITTER_MILLIS: u32 = 2000;

/// Does what the plan says is due.
pub struct Rotator {
    store: Arc<dyn Store>,
    snapshots: Arc<Snapshots>,
    vault: Vault,
    every: RotateEvery,
    first_seen: FirstSeen,
}

/// A moment by the two clocks that a plan needs.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    /// By the clock on the wall.
    pub now: UnixTime,
    /// Seconds of a clock that is never put back.
    pub running: u64,
}

/// A step as a change.
struct KeyChangePlan {
    change: KeyChange,
    /// The key that nobody needs if the change is refused.
    made: Option<StoredKey>,
    /// The key that nobody needs once it is done.
    gone: Option<StoredKey>,
}

/// What came of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// Nothing is due.
    Idle,
    /// This was done.
    Done(Step),
    /// Somebody else did something in the meantime.
    Overtaken(Step),
}

/// Why nothing could be done.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The state is too old to be acted upon.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// No key could be made, or given up.
    #[error("cannot make a signing key or give one up")]
    Key(#[from] KeyError),
    /// That was broken off.
    #[error("the work on a signing key was broken off")]
    Broken(#[from] JoinError),
    /// The store did not take the change.
    #[error("cannot change the signing keys")]
    Store(#[source] StoreError),
    /// The change cannot be seen.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

impl Rotator {
    /// Lets the keys of `store` take turns every so often. `snapshots` follow that store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, snapshots: Arc<Snapshots>, vault: Vault, every: RotateEvery) -> Self {
        Self { store, snapshots, vault, every, first_seen: FirstSeen::default() }
    }

    /// Does what is due, when it is due, until dropped.
    pub async fn keep_rotating(mut self, clock: Clock) {
        let started = Instant::now();
        let moment = || ClockReading { now: clock(), running: started.elapsed().as_secs() };
        let mut changes = self.snapshots.subscribe();
        let mut failing = false;
        loop {
            let at = moment();
            let plan = self.look(at);
            if plan.due.is_empty() {
                let until = plan.next_at().map_or(u64::MAX, |next| next.seconds_since(at.now));
                let wait = LOOK_EVERY.min(Duration::from_secs(until));
                // It ends by a change or by the time; the sender lives as long as the snapshots do.
                let _ = timeout(wait, changes.changed()).await;
                continue;
            }
            sleep(jitter().unwrap_or_default()).await;
            match self.pass(moment()).await {
                Ok(pass) => {
                    failing = false;
                    pass.log();
                }
                Err(error) => {
                    // Said once, and again when it is another matter of another day.
                    if !failing {
                        tracing::error!(
                            error = tessera_fetch::chain(&error),
                            "cannot rotate the signing keys"
                        );
                    }
                    failing = true;
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Does one step, if one is due.
    pub async fn pass(&mut self, at: ClockReading) -> Result<RotationOutcome, RotationError> {
        self.snapshots.current()?;
        let Some(step) = self.look(at).due.into_iter().next() else { return Ok(RotationOutcome::Idle) };
        let KeyChangePlan { change, made, gone } = self.plan_change(&step, at.now).await?;
        let applied = self.store.apply(&Actor::issuer(), &Change::Keys(change), at.now).await;
        let (pass, unused) = match applied {
            Ok(_) => (RotationOutcome::Done(step), gone),
            Err(StoreError::Refused(ChangeError::KeyMovedOn(_))) => (RotationOutcome::Overtaken(step), made),
            // Whether it was done is not known, so no key is given up.
            Err(error) => return Err(RotationError::Store(error)),
        };
        self.snapshots.refresh(&*self.store, &self.vault).await?;
        if let Some(key) = unused {
            let vault = self.vault.clone();
            spawn_blocking(move || vault.discard(&key)).await??;
        }
        Ok(pass)
    }

    /// The plan for what is in the store as far as it is known.
    fn look(&mut self, at: ClockReading) -> Plan {
        let snapshot = self.snapshots.latest();
        let keys = snapshot.keyring.keys();
        self.first_seen.note(keys, at.running);
        Plan::new(keys, self.every, at.now, |key| self.first_seen.seconds(key, at.running))
    }

    async fn plan_change(&self, step: &Step, now: UnixTime) -> Result<KeyChangePlan, RotationError> {
        Ok(match step {
            Step::Publish { algorithm, active } => {
                let next = self.fresh(*algorithm, now).await?;
                let made = Some(next.clone());
                KeyChangePlan {
                    change: KeyChange::Publish { active: active.clone(), next },
                    made,
                    gone: None,
                }
            }
            Step::Rotate { algorithm, active, next } => {
                let fresh = self.fresh(*algorithm, now).await?;
                let made = Some(fresh.clone());
                let reason = self.reason(active.as_deref());
                let (active, next) = (active.clone(), next.clone());
                KeyChangePlan { change: KeyChange::Rotate { active, next, fresh, reason }, made, gone: None }
            }
            Step::Remove { kid } => {
                let snapshot = self.snapshots.latest();
                let gone = snapshot.keyring.keys().iter().find(|key| key.kid == *kid).cloned();
                KeyChangePlan { change: KeyChange::Remove { kid: kid.clone() }, made: None, gone }
            }
        })
    }

    fn reason(&self, active: Option<&str>) -> RotationReason {
        let snapshot = self.snapshots.latest();
        let asked = snapshot.keyring.keys().iter().filter(|key| key.rotation_asked_at.is_some());
        if asked.map(|key| &*key.kid).any(|kid| Some(kid) == active) {
            RotationReason::Asked
        } else {
            RotationReason::Schedule
        }
    }

    /// A new *next* key. Some take long to make, and no request should wait for that.
    async fn fresh(&self, algorithm: Algorithm, now: UnixTime) -> Result<StoredKey, RotationError> {
        let vault = self.vault.clone();
        Ok(spawn_blocking(move || vault.generate(algorithm, KeyState::Next, now)).await??)
    }
}

impl RotationOutcome {
    fn log(&self) {
        match self {
            Self::Idle => {}
            Self::Done(Step::Publish { algorithm, .. }) => {
                tracing::info!(%algorithm, "published a next signing key");
            }
            Self::Done(Step::Rotate { algorithm, active, next }) => {
                tracing::info!(%algorithm, active = next, retired = active, "rotated the signing keys");
            }
            Self::Done(Step::Remove { kid }) => tracing::info!(kid, "removed a retired signing key"),
            Self::Overtaken(_) => tracing::info!("another process saw to the signing keys first"),
        }
    }
}

fn jitter() -> Result<Duration, RandomError> {
    let millis = u32::from_le_bytes(random::<4>()?) % JITTER_MILLIS;
    Ok(Duration::from_millis(millis.into()))
}

#[cfg(test)]
mod tests;
