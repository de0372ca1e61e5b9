use std::collections::HashSet;

use crate::domain::{
    Algorithm, Block, BlockRequest, Change, ChangeError, Effect, LIST_RETENTION, MAX_BLOCK,
    REVOCATION_RETENTION, Revocation, RevocationRecord, StatusIndex, TokenId, TokenParties, UnixTime, WINDOW,
};
use crate::store::{SqliteStore, Store as _, StoreError};
use crate::testing::{NOW, actor, id, store, vault};

const END: UnixTime = NOW.plus(WINDOW);

fn parties(client: &str, subject: &str, audience: &str) -> TokenParties {
    TokenParties { client: id(client), subject: id(subject), audience: id(audience) }
}

fn request(parties: TokenParties, length: u32) -> BlockRequest {
    BlockRequest { parties, kid: "k1".to_owned(), algorithm: Algorithm::Es256, expires_at: END, length }
}

async fn allocate(store: &SqliteStore, requests: &[BlockRequest]) -> Vec<Block> {
    store.allocate(requests, NOW).await.unwrap()
}

fn record(what: Revocation) -> RevocationRecord {
    RevocationRecord { what, at: NOW, expires_at: NOW.plus(REVOCATION_RETENTION) }
}

async fn revoke(store: &SqliteStore, what: Revocation) -> Result<u64, ChangeError> {
    match store.apply(&actor(), &Change::Revoke(record(what)), NOW).await {
        Ok(applied) => match applied.effect {
            Effect::Revoked { most } => Ok(most),
            other => panic!("{other:?}"),
        },
        Err(StoreError::Refused(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn token(block: &Block, position: u32) -> TokenId {
    TokenId::with_status(StatusIndex { list: block.list.id, index: block.list.index(position) }).unwrap()
}

async fn stage() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    (folder, store)
}

#[tokio::test]
async fn no_position_is_handed_out_twice_by_any_replica() {
    let (folder, first) = stage().await;
    let second = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let shop = request(parties("shop", "shop", "orders"), 4);
    let requests: Vec<_> = (0..20).map(|_| shop.clone()).collect();
    let (one, other) = tokio::join!(allocate(&first, &requests), allocate(&second, &requests));
    let all = one.iter().chain(&other);
    let positions: HashSet<u32> = all.clone().flat_map(|it| it.start..it.start + it.length).collect();
    assert_eq!(positions.len(), 160);
    let lists: HashSet<_> = all.map(|block| block.list.id).collect();
    assert_eq!(lists.len(), 1, "one window, one list");
}

#[tokio::test]
async fn a_window_gets_larger_lists_as_it_fills_and_each_algorithm_its_own() {
    let (_folder, store) = stage().await;
    let before = store.revision().await.unwrap();
    let full: Vec<_> = (0..64).map(|_| request(parties("shop", "shop", "orders"), MAX_BLOCK)).collect();
    let first = allocate(&store, &full).await;
    assert!(first.iter().all(|block| block.list.id == first[0].list.id));
    assert_eq!(first[0].list.capacity.positions(), 1 << 16);
    let second = allocate(&store, &[request(parties("shop", "shop", "orders"), 4)]).await;
    assert_eq!((second[0].list.capacity.positions(), second[0].start), (1 << 18, 0));
    let rs256 = BlockRequest { algorithm: Algorithm::Rs256, ..full[0].clone() };
    let later = BlockRequest { expires_at: END.plus(WINDOW), ..full[0].clone() };
    for block in allocate(&store, &[rs256, later]).await {
        assert_eq!((block.list.capacity.positions(), block.start), (1 << 16, 0));
    }
    // Each list is one revision, so that all replicas learn of it.
    assert_eq!(store.revision().await.unwrap(), before + 4);
    let changes = store.changes(before).await.unwrap().unwrap().revocations.unwrap();
    assert_eq!(changes.lists.len(), 4);
    let loaded = store.load().await.unwrap().revocations;
    assert_eq!(
        loaded.list(first[0].list.id).unwrap().indices_beyond(None).count(),
        0,
        "what is handed out is valid"
    );
}

#[tokio::test]
async fn all_positions_of_a_client_a_grant_or_a_key_are_revoked_and_no_others() {
    let holders = [
        parties("shop", "shop", "orders"),
        parties("shop", "shop", "mail"),
        parties("orders", "shop", "mail"),
        parties("stock", "stock", "mail"),
    ];
    let grant = |client, audience| Revocation::Grant { client: id(client), audience: id(audience) };
    for (what, expected) in [
        (Revocation::Client(id("shop")), [true, true, true, false]),
        (Revocation::Client(id("orders")), [false, false, true, false]),
        (Revocation::Client(id("mail")), [false; 4]),
        (grant("shop", "orders"), [true, false, false, false]),
        (grant("orders", "mail"), [false, false, true, false]),
        (Revocation::Key("k1".to_owned()), [true, true, true, false]),
    ] {
        let (_folder, store) = stage().await;
        let mut requests: Vec<_> = holders.iter().map(|it| request(it.clone(), 4)).collect();
        requests[3].kid = "k2".to_owned();
        let blocks = allocate(&store, &requests).await;
        let revision = store.revision().await.unwrap();
        let most = expected.iter().filter(|revoked| **revoked).count() as u64 * 4;
        assert_eq!(revoke(&store, what.clone()).await, Ok(most), "{what:?}");
        assert_eq!(revoke(&store, what.clone()).await, Ok(most), "again");
        let loaded = store.load().await.unwrap().revocations;
        let changes = store.changes(revision).await.unwrap().unwrap().revocations.unwrap();
        assert_eq!(changes.records, [record(what.clone())]);
        assert_eq!(changes.blocks.len() as u64 * 4, most, "a reader that follows sees the same");
        for (block, expected) in blocks.iter().zip(expected) {
            for position in block.start..block.start + block.length {
                assert_eq!(loaded.covers(block.list.id, position), expected, "{what:?} {position}");
            }
        }
        // What is handed out afterwards is good.
        let later = allocate(&store, &requests[..1]).await;
        assert!(!store.load().await.unwrap().revocations.covers(later[0].list.id, later[0].start));
    }
}

#[tokio::test]
async fn one_token_is_revoked_by_its_name() {
    let (_folder, store) = stage().await;
    let block = allocate(&store, &[request(parties("shop", "shop", "orders"), 4)]).await.remove(0);
    assert_eq!(revoke(&store, Revocation::Token(token(&block, 2))).await, Ok(1));
    let revocations = store.load().await.unwrap().revocations;
    for (position, expected) in [(1, false), (2, true), (3, false)] {
        assert_eq!(revocations.covers(block.list.id, position), expected, "{position}");
    }
    // Of one without a status nobody can say whether there is such a token.
    assert_eq!(revoke(&store, Revocation::Token(TokenId::generate().unwrap())).await, Ok(0));
}

#[tokio::test]
async fn what_is_not_there_is_not_revoked() {
    let (_folder, store) = stage().await;
    let block = allocate(&store, &[request(parties("shop", "shop", "orders"), 4)]).await.remove(0);
    let revision = store.revision().await.unwrap();
    let beyond = token(&block, 4);
    let elsewhere =
        TokenId::with_status(StatusIndex { list: "AAAAAAAA".parse().unwrap(), index: 0 }).unwrap();
    for id in [beyond, elsewhere] {
        let refused = Err(ChangeError::UnknownToken(id.clone()));
        assert_eq!(revoke(&store, Revocation::Token(id)).await, refused);
    }
    let client = Revocation::Client(id("shpo"));
    assert_eq!(revoke(&store, client).await, Err(ChangeError::UnknownClient(id("shpo"))));
    let grant = Revocation::Grant { client: id("shop"), audience: id("ordres") };
    let refused = ChangeError::UnknownGrant { client: id("shop"), audience: id("ordres") };
    assert_eq!(revoke(&store, grant).await, Err(refused));
    let key = Revocation::Key("k9".to_owned());
    assert_eq!(revoke(&store, key).await, Err(ChangeError::UnknownKey("k9".to_owned())));
    assert_eq!(store.revision().await.unwrap(), revision);
}

/// The tokens of a client that was removed live on; they can still be revoked.
#[tokio::test]
async fn what_is_gone_can_be_revoked_while_its_tokens_live() {
    let (_folder, store) = stage().await;
    allocate(&store, &[request(parties("shop", "shop", "orders"), 4)]).await;
    store.apply(&actor(), &Change::RemoveClient { id: id("shop") }, NOW).await.unwrap();
    assert_eq!(revoke(&store, Revocation::Client(id("shop"))).await, Ok(4));
}

#[tokio::test]
async fn lists_and_revocations_are_forgotten_when_their_tokens_have_expired() {
    let (_folder, store) = stage().await;
    allocate(&store, &[request(parties("shop", "shop", "orders"), 4)]).await;
    revoke(&store, Revocation::Client(id("shop"))).await.unwrap();
    let lists = async || {
        let changes = store.changes(0).await.unwrap().unwrap().revocations.unwrap();
        (changes.lists.len(), changes.blocks.len(), changes.records.len())
    };
    for (at, expected) in [
        (END.plus(LIST_RETENTION - 1), (1, 1, 1)),
        (END.plus(LIST_RETENTION), (0, 0, 1)),
        (NOW.plus(REVOCATION_RETENTION - 1), (0, 0, 1)),
        (NOW.plus(REVOCATION_RETENTION), (0, 0, 0)),
    ] {
        store.purge(at).await.unwrap();
        assert_eq!(lists().await, expected, "{at:?}");
    }
}
