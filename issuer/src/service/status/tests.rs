mod sizes;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::dangerous::insecure_decode;
use serde_json::Value;

use super::*;
use crate::domain::{
    Change, KeyChange, KeyState, LIST_RETENTION, ListId, MAX_BLOCK, REVOCATION_RETENTION, Revocation,
    RevocationRecord, RotationReason, WINDOW,
};
use crate::keys::Vault;
use crate::store::{Snapshots, SqliteStore};
use crate::testing::{NOW, actor, id, store, vault};

struct Stage {
    statuses: Statuses,
    snapshots: Snapshots,
    store: Arc<SqliteStore>,
    vault: Vault,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let (folder, vault) = (tempfile::tempdir().unwrap(), vault());
        let store = Arc::new(store(&folder, &vault).await);
        let snapshots = Snapshots::load(&*store, &vault).await.unwrap();
        let statuses = Statuses::new(Arc::clone(&store) as Arc<dyn Store>, StatusTtl::default(), || NOW);
        Self { statuses, snapshots, store, vault, folder }
    }

    async fn place(&self, token: NewToken<'_>) -> StatusIndex {
        let revocations = &self.snapshots.latest().revocations;
        self.statuses.place(token, revocations, NOW).await.unwrap()
    }

    async fn apply(&self, change: Change) {
        self.store.apply(&actor(), &change, NOW).await.unwrap();
        self.refresh().await;
    }

    async fn refresh(&self) {
        self.snapshots.refresh(&*self.store, &self.vault).await.unwrap();
    }

    async fn list(&self, id: ListId, now: UnixTime) -> Result<SignedList, ListError> {
        let issuer = "https://id.example".parse().unwrap();
        self.statuses.list(id, &self.snapshots, &issuer, &crate::http::endpoints(&issuer), now).await
    }

    async fn issued_at(&self, id: ListId, now: UnixTime) -> UnixTime {
        let list = self.list(id, now).await.unwrap();
        let claims = insecure_decode::<Value>(&*list.token).unwrap().claims;
        UnixTime::from_seconds(claims["iat"].as_u64().unwrap())
    }

    /// How many blocks were handed out, by their lengths.
    async fn blocks(&self) -> Vec<i64> {
        sqlx::query_scalar("SELECT length FROM status_block ORDER BY list_id, start")
            .fetch_all(&mut *self.store.acquire().await)
            .await
            .unwrap()
    }
}

fn token(client: &str) -> NewToken<'static> {
    let parties = TokenParties { client: id(client), subject: id(client), audience: id("orders") };
    NewToken { parties, kid: "k1", algorithm: Algorithm::Es256, expires_at: NOW.plus(600) }
}

#[tokio::test]
async fn no_two_tokens_have_one_place_on_any_replica() {
    let stage = Stage::start().await;
    let second = SqliteStore::open(&stage.folder.path().join("tessera.db")).await.unwrap();
    let second = Statuses::new(Arc::new(second), StatusTtl::default(), || NOW);
    let revocations = &stage.snapshots.latest().revocations;
    let all = (0..1000).map(|number| {
        let statuses = if number % 2 == 0 { &stage.statuses } else { &second };
        let client = ["shop", "stock", "mail"][number % 3];
        async move { statuses.place(token(client), revocations, NOW).await.unwrap() }
    });
    let places: HashSet<_> = join_all(all).await.into_iter().map(|it| (it.list, it.index)).collect();
    assert_eq!(places.len(), 1000);
}

/// Few writes for many tokens, and few positions for few.
#[tokio::test]
async fn blocks_grow_with_what_is_needed() {
    let stage = Stage::start().await;
    for _ in 0..60 {
        stage.place(token("shop")).await;
    }
    assert_eq!(stage.blocks().await, [4, 8, 16, 32]);
    let all = (0..u64::from(MAX_BLOCK) * 4).map(|_| stage.place(token("shop")));
    join_all(all).await;
    let blocks = stage.blocks().await;
    assert_eq!(blocks.iter().max(), Some(&i64::from(MAX_BLOCK)));
    assert!(blocks.len() < 15, "{blocks:?}");
}

/// The first block of a window is a quarter of what the last one came to.
#[tokio::test]
async fn a_window_begins_with_what_the_last_one_needed() {
    let stage = Stage::start().await;
    for _ in 0..60 {
        stage.place(token("shop")).await;
    }
    stage.place(NewToken { expires_at: NOW.plus(600 + WINDOW), ..token("shop") }).await;
    let mut blocks = stage.blocks().await;
    blocks.sort_unstable();
    assert_eq!(blocks, [4, 8, 16, 16, 32]);
}

#[tokio::test]
async fn a_block_is_for_one_key_one_holder_and_one_window() {
    let stage = Stage::start().await;
    let first = stage.place(token("shop")).await;
    for other in [
        token("stock"),
        NewToken { kid: "k2", ..token("shop") },
        NewToken { expires_at: NOW.plus(600 + WINDOW), ..token("shop") },
        NewToken { parties: TokenParties { subject: id("mail"), ..token("shop").parties }, ..token("shop") },
        NewToken { parties: TokenParties { audience: id("mail"), ..token("shop").parties }, ..token("shop") },
    ] {
        let before = stage.blocks().await.len();
        let place = stage.place(other).await;
        assert_eq!(stage.blocks().await.len(), before + 1);
        assert_ne!((place.list, place.index), (first.list, first.index));
    }
}

#[tokio::test]
async fn a_block_that_is_revoked_is_not_used_up() {
    let stage = Stage::start().await;
    let first = stage.place(token("shop")).await;
    let what = Revocation::Client(id("shop"));
    let record = RevocationRecord { what, at: NOW, expires_at: NOW.plus(REVOCATION_RETENTION) };
    stage.apply(Change::Revoke(record)).await;
    let second = stage.place(token("shop")).await;
    let revocations = &stage.snapshots.latest().revocations;
    for (place, expected) in [(first, true), (second, false)] {
        let position = revocations.list(place.list).unwrap().list.position(place.index).unwrap();
        assert_eq!(revocations.covers(place.list, position), expected);
    }
}

/// As old as half of the `ttl` at most, and not signed anew for each reader.
#[tokio::test]
async fn a_list_is_signed_when_it_ages_or_changes() {
    let stage = Stage::start().await;
    let place = stage.place(token("shop")).await;
    stage.refresh().await;
    for (at, issued_at) in [(0, 0), (4, 0), (5, 5), (9, 5), (2, 2)] {
        let found = stage.issued_at(place.list, NOW.plus(at)).await;
        assert_eq!(found, NOW.plus(issued_at), "at {at}");
    }
    let before = stage.list(place.list, NOW.plus(3)).await.unwrap().token;
    let what = Revocation::Token(crate::domain::TokenId::with_status(place).unwrap());
    let record = RevocationRecord { what, at: NOW, expires_at: NOW.plus(REVOCATION_RETENTION) };
    stage.apply(Change::Revoke(record)).await;
    assert_ne!(stage.list(place.list, NOW.plus(3)).await.unwrap().token, before);
    assert_eq!(stage.issued_at(place.list, NOW.plus(3)).await, NOW.plus(3));
}

/// A list that a retired key signed would be refused once that key is published no more.
#[tokio::test]
async fn a_list_is_signed_by_the_key_that_is_active() {
    let stage = Stage::start().await;
    let place = stage.place(token("shop")).await;
    stage.refresh().await;
    let signer = |token: &[u8]| jsonwebtoken::decode_header(token).unwrap().kid;
    let before = signer(&stage.list(place.list, NOW).await.unwrap().token);
    let fresh = stage.vault.generate(Algorithm::Es256, KeyState::Next, NOW).unwrap();
    let keys = stage.snapshots.latest().keyring.keys().to_vec();
    let kid = |state| keys.iter().find(|key| key.state == state).unwrap().kid.clone();
    let (active, next, reason) = (Some(kid(KeyState::Active)), kid(KeyState::Next), RotationReason::AtOnce);
    stage.apply(Change::Keys(KeyChange::Rotate { active, next, fresh, reason })).await;
    let after = signer(&stage.list(place.list, NOW).await.unwrap().token);
    assert_ne!(before, after);
    let active = stage.snapshots.latest();
    assert_eq!(after.as_deref(), active.keyring.signer(None).map(crate::keys::Signer::key_id));
}

#[tokio::test]
async fn a_list_dies_with_its_tokens() {
    let stage = Stage::start().await;
    let place = stage.place(token("shop")).await;
    stage.refresh().await;
    let end = window_end(NOW.plus(600)).plus(LIST_RETENTION);
    assert!(stage.list(place.list, end.minus(1)).await.is_ok());
    let gone = stage.list(place.list, end).await.unwrap_err();
    assert!(matches!(gone, ListError::Unknown), "{gone}");
}

/// It would say of now what was so some time ago.
#[tokio::test]
async fn no_list_is_signed_from_an_old_state() {
    let stage = Stage::start().await;
    let place = stage.place(token("shop")).await;
    stage.refresh().await;
    stage.list(place.list, NOW).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(2_001)).await;
    let refused = stage.list(place.list, NOW).await.unwrap_err();
    assert!(matches!(refused, ListError::Stale), "{refused}");
}
