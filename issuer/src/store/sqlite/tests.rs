mod keys;

use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::*;
use crate::domain::{
    Algorithm, Audience, ChangeError, ClientGrant, ClientSecret, ClientUpdate, Conditions, Credential,
    CredentialKind, Directory, Effect, Exchanges, KeyChange, Lifetime, MAX_SECRETS, StoredKey,
};
use crate::store::{Snapshots, follow};
use crate::testing::{
    NOW, actor, changes, credential, id, offering, pepper, registration, scopes, secret, secret_of, store,
    vault,
};

/// Only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Revision, time, actor, action, kind of subject, subject, detail and outcome.
type AuditRow = (i64, i64, String, String, String, String, String, String);

const PLATFORM: &str = "https://platform.example";

fn workload(client: &str, subject: &str) -> Credential {
    credential(client, CredentialKind::Workload(registration(PLATFORM, Conditions::subject(subject))))
}

fn grant(client: &str, audience: &str, granted: &str) -> Change {
    Change::AddGrant(ClientGrant::new(id(client), id(audience), scopes(granted)))
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
    let vault = vault();
    let first = store(&folder, &vault).await;
    let registration = workload("shop", "s");
    first.apply(&actor(), &Change::AddCredential(registration.clone()), NOW).await.unwrap();
    first.close().await;

    let again = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let state = again.load().await.unwrap();
    assert_eq!(state.revision, 8);
    let names: Vec<_> = state.directory.clients().iter().map(|client| client.id.to_string()).collect();
    assert_eq!(names, ["mail", "orders", "shop", "stock"]);
    let kinds = state.directory.client("shop").unwrap().credentials.iter().map(|it| it.kind.clone());
    let expected = [CredentialKind::Secret(pepper().hash(&secret())), registration.kind.clone()];
    assert!(kinds.clone().all(|kind| expected.contains(&kind)) && kinds.count() == 2);
    let audience = Audience::offering(&scopes("read write delete"));
    assert_eq!(state.directory.client("orders").unwrap().audience, audience);
    let granted = state.directory.grant("shop", "orders").unwrap();
    assert_eq!(
        (&granted.scopes, granted.lifetime),
        (&scopes("read write"), Lifetime::from_seconds(600).ok())
    );
    assert!(state.directory.grant("shop", "mail").unwrap().scopes.is_empty());
    let registrations = state.directory.workloads(PLATFORM, "s");
    assert_eq!(registrations.map(|it| (**it).clone()).collect::<Vec<_>>(), [registration]);
    assert_eq!(state.keys.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let before = store.revision().await.unwrap();
    let (client, audience) = (id("shop"), id("orders"));
    let unknown = || ChangeError::UnknownClient(id("nobody"));
    store.apply(&actor(), &Change::AddCredential(workload("orders", "taken")), NOW).await.unwrap();

    for (change, error) in [
        (
            Change::AddClient { id: client.clone(), settings: offering("x"), credential: None },
            ChangeError::ClientExists(client.clone()),
        ),
        (Change::RemoveClient { id: id("nobody") }, unknown()),
        (Change::SetClient { id: id("nobody"), settings: offering("x") }, unknown()),
        (Change::AddCredential(secret_of("nobody")), unknown()),
        (
            Change::SetClient {
                id: audience.clone(),
                settings: ClientUpdate { default_scopes: Some(scopes("fly")), ..ClientUpdate::default() },
            },
            ChangeError::ScopeNotOffered { audience: audience.clone(), scope: "fly".parse().unwrap() },
        ),
        (
            Change::SetClient {
                id: audience.clone(),
                settings: ClientUpdate { algorithm: Some(Some(Algorithm::Rs256)), ..ClientUpdate::default() },
            },
            ChangeError::NoKeyOf(Algorithm::Rs256),
        ),
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
            Change::AddCredential(workload("shop", "taken")),
            ChangeError::WorkloadTaken { issuer: PLATFORM.to_owned(), client: id("orders") },
        ),
        (
            Change::RemoveCredential { id: "0123456789abcdef".parse().unwrap() },
            ChangeError::UnknownCredential("0123456789abcdef".parse().unwrap()),
        ),
    ] {
        let shown = format!("{change:?}");
        assert_eq!(refusal(&store, change).await, error, "{shown}");
    }
    assert_eq!(store.revision().await.unwrap(), before + 1, "only the one change that was made counts");
    let state = store.load().await.unwrap();
    assert!(state.directory.client("shop").unwrap().audience.scopes.is_empty());
    assert_eq!(state.directory.grant("shop", "orders").unwrap().scopes, scopes("read write"));
}

#[tokio::test]
async fn every_change_leaves_an_audit_record_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let fresh = ClientSecret::generate().unwrap();
    let hash = pepper().hash(&fresh);
    let added = credential("shop", CredentialKind::Secret(hash.clone()));
    let change = Change::AddCredential(added.clone());
    let applied = store.apply(&actor(), &change, NOW).await.unwrap();
    assert_eq!(applied.effect, Effect::Created);

    let rows: Vec<AuditRow> = sqlx::query_as(
        "SELECT revision, at, actor, action, subject_kind, subject, detail, outcome FROM audit ORDER BY revision",
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
        text("credential.add"),
        text("client"),
        text("shop"),
        format!(r#"{{"expires_at":null,"id":"{}","kind":"secret"}}"#, added.id),
        text("created"),
    );
    assert_eq!(rows.last(), Some(&expected));
    let state = store.load().await.unwrap();
    let secrets = [hash.into(), pepper().hash(&secret()).into(), state.keys[0].private.to_text()];
    let all = format!("{rows:?}");
    assert!(secrets.iter().all(|secret| !all.contains(secret)), "{all}");
}

#[tokio::test]
async fn removing_a_client_removes_what_hangs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    store.apply(&actor(), &Change::AddCredential(workload("orders", "s")), NOW).await.unwrap();
    store.apply(&actor(), &Change::RemoveClient { id: id("orders") }, NOW).await.unwrap();
    let directory = store.load().await.unwrap().directory;
    assert!(directory.client("orders").is_none());
    assert!(directory.grant("shop", "orders").is_none());
    assert!(directory.grant("shop", "mail").is_some());
    assert_eq!(directory.workloads_of_issuer(PLATFORM).count(), 0);
}

#[tokio::test]
async fn a_grant_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let applied = store.apply(&actor(), &grant("shop", "orders", "delete"), NOW).await.unwrap();
    assert_eq!(applied.effect, Effect::Replaced);
    let directory = store.load().await.unwrap().directory;
    let granted = directory.grant("shop", "orders").unwrap();
    assert_eq!((granted.scopes.clone(), granted.lifetime), (scopes("delete"), None));
}

#[tokio::test]
async fn exchanges_go_with_the_scopes_on_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let stock = Change::SetClient { id: id("stock"), settings: offering("list reserve") };
    store.apply(&actor(), &stock, NOW).await.unwrap();
    let exchanges = |text: &str| {
        let exchanges = text.split(' ').filter(|it| !it.is_empty()).map(|it| it.parse().unwrap());
        Exchanges::new(exchanges).unwrap()
    };
    let trading = |granted: &str, exchanged: &str| {
        let grant = ClientGrant::new(id("orders"), id("stock"), scopes(granted));
        Change::AddGrant(ClientGrant { exchanges: exchanges(exchanged), ..grant })
    };
    let refused = refusal(&store, trading("list", "send=list")).await;
    let scope = |text: &str| text.parse().unwrap();
    assert_eq!(refused, ChangeError::ScopeNotOffered { audience: id("orders"), scope: scope("send") });
    let refused = refusal(&store, trading("list", "read=reserve")).await;
    assert_eq!(refused, ChangeError::ExchangeNotGranted { scope: scope("reserve") });

    let (all, before) = ("read=list read=reserve write=reserve", store.revision().await.unwrap());
    store.apply(&actor(), &trading("list reserve", all), NOW).await.unwrap();
    let stored = async || {
        let grant = store.load().await.unwrap().directory.grant("orders", "stock").unwrap().clone();
        // Whoever follows the store reads the same.
        let changes = store.changes(before).await.unwrap().unwrap();
        let (_, entry) = changes.clients.into_iter().find(|(client, _)| *client == id("orders")).unwrap();
        let followed = Directory::new(entry);
        assert_eq!(followed.grant("orders", "stock"), Some(&grant));
        grant.exchanges
    };
    assert_eq!(stored().await, exchanges(all));
    let withdraw = async |client: &str, withdrawn: &str| {
        let settings = ClientUpdate { withdraw: vec![withdrawn.parse().unwrap()], ..ClientUpdate::default() };
        store.apply(&actor(), &Change::SetClient { id: id(client), settings }, NOW).await.unwrap();
    };
    withdraw("orders", "read").await;
    assert_eq!(stored().await, exchanges("write=reserve"));
    withdraw("stock", "reserve").await;
    assert_eq!(stored().await, exchanges(""));
    store.apply(&actor(), &trading("list", "write=list"), NOW).await.unwrap();
    store.apply(&actor(), &trading("list", ""), NOW).await.unwrap();
    assert_eq!(stored().await, exchanges(""), "a grant is replaced as a whole");
}

#[tokio::test]
async fn a_server_sees_what_another_process_changes() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let server = Arc::new(store(&folder, &vault).await);
    let snapshots = Arc::new(Snapshots::load(&*server, &vault).await.unwrap());
    let following = tokio::spawn(follow(Arc::clone(&snapshots), server, vault));

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
async fn what_changed_is_read_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let store = store(&folder, &vault).await;
    let start = store.revision().await.unwrap();
    let settings = ClientUpdate { withdraw: vec!["write".parse().unwrap()], ..ClientUpdate::default() };
    let registration = workload("stock", "s");
    for change in [
        Change::SetClient { id: id("orders"), settings },
        Change::RemoveClient { id: id("mail") },
        Change::AddCredential(registration.clone()),
    ] {
        store.apply(&actor(), &change, NOW).await.unwrap();
    }
    let changes = store.changes(start).await.unwrap().unwrap();
    let mut names: Vec<_> =
        changes.clients.iter().map(|(id, entry)| (id.as_str(), entry.is_some())).collect();
    names.sort_unstable();
    // `shop` may call both, so what it may do is different now.
    assert_eq!(names, [("mail", false), ("orders", true), ("shop", true), ("stock", true)]);
    assert!(changes.keys.is_none());
    assert_eq!(changes.revision, start + 3);

    let keys = crate::testing::signing_keys(&vault);
    let keys = keys.into_iter().map(|key| StoredKey { algorithm: Algorithm::Es384, ..key }).collect();
    store.apply(&actor(), &Change::Keys(KeyChange::Add(keys)), NOW).await.unwrap();
    let changes = store.changes(start + 3).await.unwrap().unwrap();
    assert_eq!((changes.clients.len(), changes.keys.map(|keys| keys.len())), (0, Some(4)));

    sqlx::query("DELETE FROM changed WHERE revision <= $1")
        .bind(start + 1)
        .execute(&store.pool)
        .await
        .unwrap();
    assert!(store.changes(start).await.unwrap().is_none(), "what is forgotten cannot be told");
    assert!(store.changes(start + 1).await.unwrap().is_some());
}

#[tokio::test]
async fn following_step_by_step_leads_to_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let store = SqliteStore::create(&folder.path().join("t.db")).await.unwrap();
    let keys = Change::Keys(KeyChange::Add(crate::testing::signing_keys(&vault)));
    store.apply(&actor(), &keys, NOW).await.unwrap();
    let snapshots = Snapshots::load(&store, &vault).await.unwrap();
    let more = [
        Change::AddCredential(workload("stock", "s")),
        grant("stock", "orders", "read delete"),
        Change::SetClient {
            id: id("orders"),
            settings: ClientUpdate { withdraw: vec!["delete".parse().unwrap()], ..ClientUpdate::default() },
        },
        Change::RemoveGrant { client: id("shop"), audience: id("mail") },
        Change::RemoveClient { id: id("shop") },
        Change::AddClient { id: id("shop"), settings: offering("a"), credential: None },
    ];
    for change in changes().into_iter().chain(more) {
        store.apply(&actor(), &change, NOW).await.unwrap();
        snapshots.refresh(&store, &vault).await.unwrap();
        let (followed, stored) = (snapshots.latest(), store.load().await.unwrap());
        assert_eq!(followed.revision, stored.revision);
        let shown = |directory: &Directory| format!("{:?} {:?}", directory.clients(), directory.grants());
        assert_eq!(shown(&followed.directory), shown(&stored.directory), "{change:?}");
    }
}

#[tokio::test]
async fn an_assertion_is_spent_once_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let replica = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let before = store.revision().await.unwrap();
    let one = |client: &str, jti: &str| UsedAssertion {
        client: id(client),
        jti: jti.to_owned(),
        expires_at: NOW.plus(60),
    };
    let spent = store.mark_used(&[one("shop", "a"), one("shop", "b"), one("shop", "a")]).await.unwrap();
    assert_eq!(spent, [true, true, false]);
    let spent = replica.mark_used(&[one("shop", "a"), one("mail", "a"), one("shop", "A")]).await.unwrap();
    assert_eq!(spent, [false, true, true]);

    store.purge(NOW.plus(60)).await.unwrap();
    assert_eq!(store.mark_used(&[one("shop", "a")]).await.unwrap(), [false], "good until then");
    store.purge(NOW.plus(61)).await.unwrap();
    assert_eq!(store.mark_used(&[one("shop", "a")]).await.unwrap(), [true]);
    assert_eq!(store.revision().await.unwrap(), before, "this is no change");
}

#[tokio::test]
async fn the_last_use_is_the_latest_that_anyone_saw() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let state = store.load().await.unwrap();
    let credential = state.directory.client("shop").unwrap().credentials[0].id.clone();
    assert!(store.last_used().await.unwrap().is_empty());
    for (at, expected) in [(NOW.plus(5), 5), (NOW.plus(3), 5), (NOW.plus(9), 9)] {
        store.touch(&[(credential.clone(), at)]).await.unwrap();
        let used = store.last_used().await.unwrap();
        assert_eq!(used, [(credential.to_string(), NOW.plus(expected))].into());
    }
    assert_eq!(store.revision().await.unwrap(), state.revision, "this is no change");
}

#[tokio::test]
async fn secrets_are_few() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    for _ in 1..MAX_SECRETS {
        store.apply(&actor(), &Change::AddCredential(secret_of("shop")), NOW).await.unwrap();
    }
    let one_more = Change::AddCredential(secret_of("shop"));
    assert_eq!(refusal(&store, one_more).await, ChangeError::TooManyCredentials);
    store.apply(&actor(), &Change::AddCredential(workload("shop", "s")), NOW).await.unwrap();
}

#[tokio::test]
async fn a_row_that_the_domain_does_not_allow_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
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

/// `SQLITE_FULL` ends the transaction without sqlx's knowledge.
#[tokio::test]
async fn a_disk_that_was_full_for_a_moment_is_not_full_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let before = store.revision().await.unwrap();
    let mut held = [store.acquire().await, store.acquire().await];
    for connection in &mut held {
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut **connection).await.unwrap();
    }
    drop(held);
    // More than the pages that there are have room for.
    let description = "x".repeat(200).parse().unwrap();
    let settings = ClientUpdate { description: Some(description), ..ClientUpdate::default() };
    let mut failures = 0;
    for number in 0..200 {
        let change =
            Change::AddClient { id: id(&format!("c{number}")), settings: settings.clone(), credential: None };
        match store.apply(&actor(), &change, NOW).await {
            Ok(_) => {}
            Err(StoreError::Database(_)) => failures += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(failures > 0, "nothing was full");
    let mut held = [store.acquire().await, store.acquire().await];
    for connection in &mut held {
        sqlx::query("PRAGMA max_page_count = 1000000").execute(&mut **connection).await.unwrap();
    }
    drop(held);
    for number in 0..4 {
        let change =
            Change::AddClient { id: id(&format!("d{number}")), settings: settings.clone(), credential: None };
        store.apply(&actor(), &change, NOW).await.unwrap();
    }
    let state = store.load().await.unwrap();
    assert!(state.revision > before && state.directory.client("d3").is_some());
}
