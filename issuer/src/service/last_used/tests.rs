use super::*;
use crate::store::SqliteStore;
use crate::testing::{store, vault};

fn name(number: usize) -> CredentialId {
    format!("{number:016x}").parse().unwrap()
}

async fn noted(store: &SqliteStore, credential: &CredentialId) -> Option<UnixTime> {
    store.last_used().await.unwrap().get(credential.as_str()).copied()
}

/// The name of a credential that is in the store.
async fn registered(store: &SqliteStore) -> CredentialId {
    let state = store.load().await.unwrap();
    state.directory.credentials().next().unwrap().id.clone()
}

#[tokio::test]
async fn the_latest_use_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let credential = registered(&store).await;
    let used = LastUsed::default();
    for seconds in [20, 30, 10] {
        used.note(&credential, UnixTime::from_seconds(seconds));
    }
    assert_eq!(noted(&store, &credential).await, None, "not before the flush");
    used.flush(&store).await.unwrap();
    assert_eq!(noted(&store, &credential).await, Some(UnixTime::from_seconds(30)));
    assert!(used.lock().is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let used = LastUsed::default();
    used.note(&name(1), UnixTime::from_seconds(1));
    store.close().await;
    used.flush(&store).await.unwrap_err();
    assert_eq!(used.lock().get(&name(1)), Some(&UnixTime::from_seconds(1)));
}

#[test]
fn there_is_an_end_to_what_is_collected() {
    let used = LastUsed::default();
    for number in 0..=MAX_COLLECTED {
        used.note(&name(number), UnixTime::from_seconds(1));
    }
    assert_eq!(used.lock().len(), MAX_COLLECTED);
    used.note(&name(0), UnixTime::from_seconds(2));
    assert_eq!(used.lock().get(&name(0)), Some(&UnixTime::from_seconds(2)), "the known are still noted");
}
