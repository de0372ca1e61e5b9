mod simulation;

use super::*;
use crate::domain::{DEFAULT_ROTATE_EVERY, PUBLICATION_LEAD, RETIRED_KEY_RETENTION};
use crate::store::SqliteStore;
use crate::testing::{NOW, actor, store, vault};

/// Only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two replicas on one database, with an active ES256 key and the next one.
struct Stage {
    first: Rotator,
    second: Rotator,
    store: Arc<SqliteStore>,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let (folder, vault) = (tempfile::tempdir().unwrap(), vault());
        let store = Arc::new(store(&folder, &vault).await);
        let first = replica(Arc::clone(&store), &vault).await;
        let other = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
        let second = replica(Arc::new(other), &vault).await;
        Self { first, second, store, _folder: folder }
    }

    async fn change(&self, change: KeyChange) {
        self.store.apply(&actor(), &Change::Keys(change), NOW).await.unwrap();
    }

    async fn key(&self, state: KeyState) -> StoredKey {
        let keys = self.store.load().await.unwrap().keys;
        keys.into_iter().find(|key| key.state == state).unwrap()
    }
}

async fn replica(store: Arc<SqliteStore>, vault: &Vault) -> Rotator {
    let snapshots = Arc::new(Snapshots::load(&*store, vault).await.unwrap());
    Rotator::new(store, snapshots, vault.clone(), RotateEvery::default())
}

async fn refresh(rotator: &Rotator) {
    rotator.snapshots.refresh(&*rotator.store, &rotator.vault).await.unwrap();
}

/// A moment in which all clocks agree.
fn after(seconds: u64) -> ClockReading {
    ClockReading { now: NOW.plus(seconds), running: seconds }
}

#[tokio::test]
async fn one_of_two_replicas_does_what_is_due() {
    let mut stage = Stage::new().await;
    let (active, next) = (stage.key(KeyState::Active).await, stage.key(KeyState::Next).await);
    for rotator in [&mut stage.first, &mut stage.second] {
        assert_eq!(rotator.pass(after(0)).await.unwrap(), RotationOutcome::Idle);
        assert_eq!(rotator.pass(after(DEFAULT_ROTATE_EVERY - 1)).await.unwrap(), RotationOutcome::Idle);
    }
    let due = after(DEFAULT_ROTATE_EVERY);
    let passes = tokio::join!(stage.first.pass(due), stage.second.pass(due));
    let (algorithm, active, next) = (Algorithm::Es256, Some(active.kid), next.kid);
    let step = Step::Rotate { algorithm, active: active.clone(), next: next.clone() };
    let (one, other) = (RotationOutcome::Done(step.clone()), RotationOutcome::Overtaken(step));
    let passes = (passes.0.unwrap(), passes.1.unwrap());
    assert!([(one.clone(), other.clone()), (other, one)].contains(&passes), "{passes:?}");
    for rotator in [&stage.first, &stage.second] {
        let snapshot = rotator.snapshots.latest();
        assert_eq!(snapshot.keyring.signer(None).unwrap().key_id(), next, "seen at once");
    }

    let gone = after(DEFAULT_ROTATE_EVERY + RETIRED_KEY_RETENTION);
    for rotator in [&mut stage.first, &mut stage.second] {
        assert_eq!(rotator.pass(due).await.unwrap(), RotationOutcome::Idle, "sees what there is now");
    }
    let kid = active.unwrap();
    assert_eq!(
        stage.second.pass(gone).await.unwrap(),
        RotationOutcome::Done(Step::Remove { kid: kid.clone() })
    );
    assert_eq!(stage.first.pass(gone).await.unwrap(), RotationOutcome::Overtaken(Step::Remove { kid }));
    assert_eq!(stage.store.load().await.unwrap().keys.len(), 2);
}

#[tokio::test]
async fn what_was_asked_of_nobody_in_particular_is_done() {
    let mut stage = Stage::new().await;
    let (active, next) = (stage.key(KeyState::Active).await, stage.key(KeyState::Next).await);
    assert_eq!(stage.first.pass(after(0)).await.unwrap(), RotationOutcome::Idle);
    stage.change(KeyChange::AskForRotation { active: active.kid.clone() }).await;
    refresh(&stage.first).await;
    assert_eq!(stage.first.pass(after(PUBLICATION_LEAD - 1)).await.unwrap(), RotationOutcome::Idle);
    let step = Step::Rotate { algorithm: Algorithm::Es256, active: Some(active.kid), next: next.kid };
    assert_eq!(stage.first.pass(after(PUBLICATION_LEAD)).await.unwrap(), RotationOutcome::Done(step));
}

/// The key is in the store with a time long past; it may have been put there just now.
#[tokio::test]
async fn a_replica_that_just_came_trusts_no_stored_time() {
    let mut stage = Stage::new().await;
    let later = |running| ClockReading { now: NOW.plus(2 * DEFAULT_ROTATE_EVERY), running };
    assert_eq!(stage.first.pass(later(50)).await.unwrap(), RotationOutcome::Idle);
    assert_eq!(stage.first.pass(later(49 + PUBLICATION_LEAD)).await.unwrap(), RotationOutcome::Idle);
    let done = stage.first.pass(later(50 + PUBLICATION_LEAD)).await.unwrap();
    assert!(matches!(done, RotationOutcome::Done(Step::Rotate { .. })), "{done:?}");
}

#[tokio::test]
async fn nothing_is_done_by_an_old_copy() {
    let mut stage = Stage::new().await;
    stage.first.snapshots.suspend(Duration::from_secs(11));
    let refused = stage.first.pass(after(DEFAULT_ROTATE_EVERY)).await;
    assert!(matches!(refused, Err(RotationError::Stale(Stale))), "{refused:?}");
}

/// The task itself, by the real clocks: a missing next key is due at once.
#[tokio::test]
async fn the_task_makes_a_next_key_where_there_is_none() {
    let stage = Stage::new().await;
    let next = stage.key(KeyState::Next).await;
    stage.change(KeyChange::Retire { kid: next.kid.clone(), state: KeyState::Next, replacement: None }).await;
    let Stage { first, second, store, _folder } = stage;
    refresh(&first).await;
    refresh(&second).await;
    let tasks = [first, second].map(|rotator| tokio::spawn(rotator.keep_rotating(|| NOW)));
    let made = async {
        loop {
            let keys = store.load().await.unwrap().keys;
            if let Some(key) = keys.into_iter().find(|key| key.state == KeyState::Next) {
                break key;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let made = timeout(PATIENCE, made).await.expect("a key must be made");
    assert_ne!(made.kid, next.kid);
    for task in tasks {
        task.abort();
    }
}
