use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{sleep, timeout};

use super::*;
use crate::domain::{
    Algorithm, ChangeError, ClientSecret, Effect, Grant, KeySource, KeyState, Lifetime, Profile,
    RETIRED_KEY_RETENTION, Trust,
};
use crate::keys::generate;
use crate::store::{Snapshots, follow};
use crate::testing::{NOW, actor, id, kek, scopes, secret, store};

/// Only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn trust(client: &str, subject: &str) -> Trust {
    Trust {
        client: id(client),
        issuer: "https://platform.example".to_owned(),
        keys: KeySource::uri("https://platform.example/jwks").unwrap(),
        subject: subject.to_owned(),
        audience: None,
        profile: Profile::Jwt,
    }
}

fn grant(client: &str, audience: &str, granted: &str) -> Change {
    let (client, audience, lifetime) = (id(client), id(audience), Lifetime::default());
    Change::AddGrant(Grant { client, audience, scopes: scopes(granted), lifetime })
}

async fn refusal(store: &SqliteStore, change: Change) -> ChangeError {
    match store.apply(&actor(), &change, NOW).await {
        Err(StoreError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let kek = kek();
    let first = store(&folder, &kek).await;
    first.apply(&actor(), &Change::AddTrust(trust("shop", "s")), NOW).await.unwrap();
    first.close().await;

    let again = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let state = again.load().await.unwrap();
    assert_eq!(state.revision, 8);
    let names: Vec<_> = state.directory.clients().iter().map(|client| client.id.to_string()).collect();
    assert_eq!(names, ["mail", "orders", "shop", "stock"]);
    assert_eq!(state.directory.client("shop").unwrap().secret, Some(secret().hash()));
    assert_eq!(state.directory.client("orders").unwrap().scopes, scopes("read write delete"));
    let granted = state.directory.grant(&id("shop"), "orders").unwrap();
    assert_eq!((&granted.scopes, granted.lifetime.as_seconds()), (&scopes("read write"), 600));
    assert!(state.directory.grant(&id("shop"), "mail").unwrap().scopes.is_empty());
    let trusts = state.directory.trusts_for("https://platform.example", "s");
    assert_eq!(trusts.iter().map(|it| (**it).clone()).collect::<Vec<_>>(), [trust("shop", "s")]);
    assert_eq!(state.keys.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &kek()).await;
    let before = store.revision().await.unwrap();
    let (client, audience) = (id("shop"), id("orders"));
    let unknown = || ChangeError::UnknownClient(id("nobody"));
    store.apply(&actor(), &Change::AddTrust(trust("orders", "taken")), NOW).await.unwrap();

    for (change, error) in [
        (
            Change::AddClient { id: client.clone(), scopes: scopes("x"), secret: None },
            ChangeError::ClientExists(client.clone()),
        ),
        (Change::RemoveClient { id: id("nobody") }, unknown()),
        (Change::OfferScopes { id: id("nobody"), scopes: scopes("x") }, unknown()),
        (Change::SetSecret { id: id("nobody"), secret: secret().hash() }, unknown()),
        (Change::AddTrust(trust("nobody", "s")), unknown()),
        (grant("nobody", "orders", ""), unknown()),
        (grant("shop", "nobody", ""), unknown()),
        (
            grant("shop", "orders", "read fly"),
            ChangeError::ScopeNotOffered { audience, scope: "fly".parse().unwrap() },
        ),
        (
            Change::RemoveGrant { client: id("orders"), audience: client.clone() },
            ChangeError::UnknownGrant { client: id("orders"), audience: client.clone() },
        ),
        (
            Change::AddTrust(trust("shop", "taken")),
            ChangeError::TrustTaken {
                issuer: "https://platform.example".to_owned(),
                subject: "taken".to_owned(),
                client: id("orders"),
            },
        ),
        (
            Change::RemoveTrust {
                client: client.clone(),
                issuer: "https://x".to_owned(),
                subject: "s".to_owned(),
            },
            ChangeError::UnknownTrust { client, issuer: "https://x".to_owned(), subject: "s".to_owned() },
        ),
    ] {
        let shown = format!("{change:?}");
        assert_eq!(refusal(&store, change).await, error, "{shown}");
    }
    assert_eq!(store.revision().await.unwrap(), before + 1, "only the one change that was made counts");
    let state = store.load().await.unwrap();
    assert!(state.directory.client("shop").unwrap().scopes.is_empty());
    assert_eq!(state.directory.grant(&id("shop"), "orders").unwrap().scopes, scopes("read write"));
}

#[tokio::test]
async fn every_change_leaves_an_audit_record_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &kek()).await;
    let fresh = ClientSecret::generate().unwrap();
    let change = Change::SetSecret { id: id("shop"), secret: fresh.hash() };
    let applied = store.apply(&actor(), &change, NOW).await.unwrap();
    assert_eq!(applied.effect, Effect::Replaced);

    let rows: Vec<(i64, i64, String, String, String, String, String)> = sqlx::query_as(
        "SELECT revision, at, actor, action, subject, detail, outcome FROM audit ORDER BY revision",
    )
    .fetch_all(&store.pool)
    .await
    .unwrap();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let text = |text: &str| text.to_owned();
    let expected = (
        8,
        1_800_000_000,
        text("cli:tester"),
        text("client.secret"),
        text("shop"),
        text("{}"),
        text("replaced"),
    );
    assert_eq!(rows.last(), Some(&expected));
    let state = store.load().await.unwrap();
    let secrets = [fresh.hash().to_text(), secret().hash().to_text(), state.keys[0].sealed.clone()];
    let all = format!("{rows:?}");
    assert!(secrets.iter().all(|secret| !all.contains(secret)), "{all}");
}

#[tokio::test]
async fn removing_a_client_removes_what_hangs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &kek()).await;
    store.apply(&actor(), &Change::AddTrust(trust("orders", "s")), NOW).await.unwrap();
    store.apply(&actor(), &Change::RemoveClient { id: id("orders") }, NOW).await.unwrap();
    let directory = store.load().await.unwrap().directory;
    assert!(directory.client("orders").is_none());
    assert!(directory.grant(&id("shop"), "orders").is_none());
    assert!(directory.grant(&id("shop"), "mail").is_some());
    assert_eq!(directory.trusts().count(), 0);
}

#[tokio::test]
async fn a_grant_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &kek()).await;
    let applied = store.apply(&actor(), &grant("shop", "orders", "delete"), NOW).await.unwrap();
    assert_eq!(applied.effect, Effect::Replaced);
    let directory = store.load().await.unwrap().directory;
    let granted = directory.grant(&id("shop"), "orders").unwrap();
    assert_eq!((granted.scopes.clone(), granted.lifetime), (scopes("delete"), Lifetime::default()));
}

#[tokio::test]
async fn keys_move_on_and_go_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let kek = kek();
    let store = store(&folder, &kek).await;
    let states = async || {
        let keys = store.load().await.unwrap().keys;
        keys.into_iter().map(|key| (key.kid, key.state)).collect::<std::collections::HashMap<_, _>>()
    };
    let start = store.load().await.unwrap().keys;
    let kid = |state| start.iter().find(|key| key.state == state).unwrap().kid.clone();
    let (active, next) = (kid(KeyState::Active), kid(KeyState::Next));

    let fresh = generate(Algorithm::Rs256, KeyState::Next, &kek, NOW).unwrap();
    store.apply(&actor(), &Change::RotateKeys(fresh.clone()), NOW).await.unwrap();
    let published_until = NOW.plus(RETIRED_KEY_RETENTION);
    let expected = [
        (active.clone(), KeyState::Retired { published_until }),
        (next.clone(), KeyState::Active),
        (fresh.kid, KeyState::Next),
    ];
    assert_eq!(states().await, expected.into());

    let another = generate(Algorithm::Es256, KeyState::Next, &kek, NOW).unwrap();
    store.apply(&actor(), &Change::RotateKeys(another), published_until).await.unwrap();
    let after = states().await;
    assert!(!after.contains_key(&active), "gone");
    assert!(matches!(after[&next], KeyState::Retired { .. }));
    assert_eq!(after.len(), 3);
}

#[tokio::test]
async fn there_is_nothing_to_rotate_without_keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&folder.path().join("t.db")).await.unwrap();
    let key = generate(Algorithm::Es256, KeyState::Next, &kek(), NOW).unwrap();
    assert_eq!(refusal(&store, Change::RotateKeys(key)).await, ChangeError::NoKeys);
    assert!(store.load().await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn a_server_sees_what_another_process_changes() {
    let folder = tempfile::tempdir().unwrap();
    let kek = kek();
    let server = Arc::new(store(&folder, &kek).await);
    let snapshots = Arc::new(Snapshots::load(&*server, &kek).await.unwrap());
    let following = tokio::spawn(follow(Arc::clone(&snapshots), server, kek));

    let operator = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let applied = operator.apply(&actor(), &Change::RemoveClient { id: id("mail") }, NOW).await.unwrap();
    let seen = async {
        while snapshots.latest().revision != applied.revision {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("the change must be seen");
    assert!(snapshots.current().unwrap().directory.client("mail").is_none());
    following.abort();
}

#[tokio::test]
async fn a_row_that_the_domain_does_not_allow_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &kek()).await;
    sqlx::query("UPDATE client SET id = 'a b' WHERE id = 'stock'").execute(&store.pool).await.unwrap();
    let error = store.load().await.unwrap_err();
    assert_eq!(error.to_string(), r#"the database holds a malformed client identifier: "a b""#);
}

#[test]
fn schemas_are_told_apart() {
    let all: Vec<AppliedMigration> = MIGRATIONS
        .iter()
        .map(|it| AppliedMigration { version: it.version, checksum: it.checksum.clone() })
        .collect();
    assert_eq!(compare(&all).unwrap(), Schema::Current);
    assert_eq!(compare(&all[1..]).unwrap(), Schema::Older);

    let newer = AppliedMigration { version: i64::MAX, checksum: vec![].into() };
    let newer = compare(&[&all[..], &[newer]].concat()).unwrap_err();
    assert!(matches!(newer, StoreError::Newer(MigrateError::VersionMissing(i64::MAX))), "{newer:?}");

    let edited = AppliedMigration { version: 1, checksum: vec![0].into() };
    let edited = compare(&[edited]).unwrap_err();
    assert!(matches!(edited, StoreError::Schema(MigrateError::VersionMismatch(1))), "{edited:?}");
}

#[tokio::test]
async fn a_bad_file_is_told_from_a_missing_and_from_a_locked_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tessera.db");
    assert!(matches!(SqliteStore::open(&path).await, Err(StoreError::Missing { .. })));

    std::fs::write(&path, "this is no database, but it is long enough to be mistaken for one".repeat(20))
        .unwrap();
    assert!(matches!(SqliteStore::open(&path).await, Err(StoreError::Damaged(_))));

    std::fs::remove_file(&path).unwrap();
    SqliteStore::create(&path).await.unwrap().close().await;
    assert!(matches!(SqliteStore::create(&path).await, Err(StoreError::Open { .. })), "never overwrites");
    let mut holder = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::raw_sql("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE revision SET value = 7; COMMIT;")
        .execute(&mut holder)
        .await
        .unwrap();
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)), "{refused:?}");
}
