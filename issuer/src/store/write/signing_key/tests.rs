use std::collections::HashMap;

use crate::domain::KeyState::{Active, Next};
use crate::domain::{
    Algorithm, Change, ChangeError, ClientUpdate, KeyChange, KeyState, RETIRED_KEY_RETENTION, RotationReason,
    StoredKey, UnixTime,
};
use crate::keys::Vault;
use crate::store::{SqliteStore, Store as _, StoreError};
use crate::testing::{NOW, actor, id, store, vault};

struct Stage {
    vault: Vault,
    store: SqliteStore,
    /// The kid of each.
    active: String,
    next: String,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// An active ES256 key and the next one.
    async fn new() -> Self {
        let (folder, vault) = (tempfile::tempdir().unwrap(), vault());
        let store = store(&folder, &vault).await;
        let keys = store.load().await.unwrap().keys;
        let kid = |state| keys.iter().find(|key| key.state == state).unwrap().kid.clone();
        Self { active: kid(Active), next: kid(Next), vault, store, _folder: folder }
    }

    fn key(&self, algorithm: Algorithm, state: KeyState) -> StoredKey {
        self.vault.generate(algorithm, state, NOW).unwrap()
    }

    fn fresh(&self) -> StoredKey {
        self.key(Algorithm::Es256, Next)
    }

    fn rotation(&self) -> KeyChange {
        self.rotation_of(Some(&self.active), &self.next)
    }

    fn rotation_of(&self, active: Option<&str>, next: &str) -> KeyChange {
        let (active, next, reason) = (active.map(str::to_owned), next.to_owned(), RotationReason::Schedule);
        KeyChange::Rotate { active, next, fresh: self.fresh(), reason }
    }

    async fn change(&self, change: KeyChange, now: UnixTime) -> Result<(), ChangeError> {
        match self.store.apply(&actor(), &Change::Keys(change), now).await {
            Ok(_) => Ok(()),
            Err(StoreError::Refused(error)) => Err(error),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn keys(&self) -> HashMap<String, StoredKey> {
        let keys = self.store.load().await.unwrap().keys;
        keys.into_iter().map(|key| (key.kid.clone(), key)).collect()
    }

    async fn states(&self) -> HashMap<String, (KeyState, UnixTime)> {
        self.keys().await.into_iter().map(|(kid, key)| (kid, (key.state, key.since))).collect()
    }
}

fn moved_on(kid: &str) -> ChangeError {
    ChangeError::KeyMovedOn(kid.to_owned())
}

#[tokio::test]
async fn keys_take_turns_and_go_when_their_time_is_over() {
    let stage = Stage::new().await;
    let asking = KeyChange::AskForRotation { active: stage.active.clone() };
    stage.change(asking, NOW.plus(5)).await.unwrap();
    assert_eq!(stage.keys().await[&stage.active].rotation_asked_at, Some(NOW.plus(5)));

    let then = NOW.plus(10);
    let rotation = stage.rotation();
    let KeyChange::Rotate { fresh, .. } = &rotation else { panic!("{rotation:?}") };
    let fresh = fresh.kid.clone();
    stage.change(rotation, then).await.unwrap();
    let published_until = then.plus(RETIRED_KEY_RETENTION);
    let expected = [
        (stage.active.clone(), (KeyState::Retired { published_until }, then)),
        (stage.next.clone(), (Active, then)),
        (fresh, (Next, NOW)),
    ];
    assert_eq!(stage.states().await, expected.into());
    assert!(stage.keys().await.values().all(|key| key.rotation_asked_at.is_none()));

    let removal = || KeyChange::Remove { kid: stage.active.clone() };
    let early = NOW.plus(9 + RETIRED_KEY_RETENTION);
    assert_eq!(stage.change(removal(), early).await, Err(moved_on(&stage.active)));
    assert_eq!(stage.change(removal(), published_until).await, Ok(()));
    assert_eq!(stage.change(removal(), published_until).await, Err(moved_on(&stage.active)), "only once");
    assert_eq!(stage.keys().await.len(), 2);
}

#[tokio::test]
async fn of_two_who_rotate_one_does_it() {
    let stage = Stage::new().await;
    let (one, other) = (stage.rotation(), stage.rotation());
    let (one, other) = tokio::join!(stage.change(one, NOW), stage.change(other, NOW));
    let refused = Err(moved_on(&stage.next));
    assert!([(Ok(()), refused.clone()), (refused, Ok(()))].contains(&(one, other)));
    let keys = stage.keys().await;
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[&stage.next].state, Active);
}

#[tokio::test]
async fn a_change_that_takes_a_key_for_something_else_is_refused() {
    let stage = Stage::new().await;
    let (active, next) = (&stage.active, &stage.next);
    let before = stage.states().await;
    let retire =
        |kid: &str, state, replacement| KeyChange::Retire { kid: kid.to_owned(), state, replacement };
    let publish = |active: &str| KeyChange::Publish { active: active.to_owned(), next: stage.fresh() };
    let other_algorithm = KeyChange::Rotate {
        active: Some(active.clone()),
        next: next.clone(),
        fresh: stage.key(Algorithm::Es384, Next),
        reason: RotationReason::AtOnce,
    };
    for (change, error) in [
        (stage.rotation_of(Some(next), next), moved_on(next)),
        (stage.rotation_of(Some(active), active), moved_on(active)),
        (stage.rotation_of(None, next), moved_on(active)),
        (stage.rotation_of(Some("x"), next), moved_on("x")),
        (other_algorithm, moved_on(next)),
        (publish(active), moved_on(next)),
        (publish(next), moved_on(next)),
        (KeyChange::AskForRotation { active: next.clone() }, moved_on(next)),
        (KeyChange::Remove { kid: active.clone() }, moved_on(active)),
        (retire(active, Next, None), moved_on(active)),
        (retire(next, Active, None), moved_on(next)),
        (retire(active, Active, Some(stage.key(Algorithm::Es256, Active))), moved_on(active)),
        (retire("x", Active, None), ChangeError::UnknownKey("x".to_owned())),
        (KeyChange::Add(vec![stage.fresh()]), ChangeError::KeysExist(Algorithm::Es256)),
        (KeyChange::Add(vec![stage.key(Algorithm::Es256, Active)]), ChangeError::KeysExist(Algorithm::Es256)),
    ] {
        let shown = format!("{change:?}");
        assert_eq!(stage.change(change, NOW).await, Err(error), "{shown}");
    }
    assert_eq!(stage.states().await, before);
}

#[tokio::test]
async fn a_key_that_is_taken_away_is_followed_at_once() {
    let stage = Stage::new().await;
    let (active, next) = (stage.active.clone(), stage.next.clone());
    let later = NOW.plus(7);
    let retire =
        |kid: &str, state, replacement| KeyChange::Retire { kid: kid.to_owned(), state, replacement };
    stage.change(retire(&active, Active, None), later).await.unwrap();
    assert_eq!(stage.states().await, [(next.clone(), (Active, later))].into());

    assert_eq!(
        stage.change(retire(&next, Active, None), later).await,
        Err(moved_on(&next)),
        "none to follow"
    );
    let replacement = stage.key(Algorithm::Es256, Active);
    let kid = replacement.kid.clone();
    stage.change(retire(&next, Active, Some(replacement)), later).await.unwrap();
    assert_eq!(stage.states().await, [(kid.clone(), (Active, NOW))].into());

    let follower = stage.fresh();
    let next = follower.kid.clone();
    stage.change(KeyChange::Publish { active: kid.clone(), next: follower }, later).await.unwrap();
    stage.change(retire(&next, Next, None), later).await.unwrap();
    assert_eq!(stage.states().await, [(kid, (Active, NOW))].into());
}

/// The next key became active by a clock that was ahead; what it has signed since lives by that.
#[tokio::test]
async fn a_clock_that_was_put_back_does_not_shorten_the_time_of_a_retired_key() {
    let stage = Stage::new().await;
    let ahead = NOW.plus(1_000_000);
    stage.change(stage.rotation(), ahead).await.unwrap();
    let (active, next) = {
        let keys = stage.keys().await;
        let kid = |state| keys.values().find(|key| key.state == state).unwrap().kid.clone();
        (kid(Active), kid(Next))
    };
    stage.change(stage.rotation_of(Some(&active), &next), NOW).await.unwrap();
    let published_until = ahead.plus(RETIRED_KEY_RETENTION);
    assert_eq!(stage.states().await[&active], (KeyState::Retired { published_until }, NOW));
}

#[tokio::test]
async fn a_first_key_is_published_before_an_audience_can_ask_for_it() {
    let stage = Stage::new().await;
    let access = ClientUpdate { algorithm: Some(Some(Algorithm::Es384)), ..ClientUpdate::default() };
    let access = Change::SetClient { id: id("orders"), settings: access };
    let refusal = async || match stage.store.apply(&actor(), &access, NOW).await {
        Err(StoreError::Refused(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal().await, ChangeError::NoKeyOf(Algorithm::Es384));
    let first = stage.key(Algorithm::Es384, Next);
    let kid = first.kid.clone();
    stage.change(KeyChange::Add(vec![first]), NOW).await.unwrap();
    assert_eq!(refusal().await, ChangeError::NotYetActive(Algorithm::Es384));
    let fresh = stage.key(Algorithm::Es384, Next);
    let rotation = KeyChange::Rotate { active: None, next: kid, fresh, reason: RotationReason::Schedule };
    stage.change(rotation, NOW).await.unwrap();
    stage.store.apply(&actor(), &access, NOW).await.unwrap();
}
