//! Private keys at rest.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::domain::{KeyChange, KeyState, PrivateKey, Resealed};

#[tokio::test]
async fn a_copy_of_the_database_without_the_key_encryption_key_signs_nothing_and_shows_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault();
    let store = store(&folder, &vault).await;
    // Of this algorithm it is known where in PKCS #8 the secret is (RFC 8410 §7).
    let key = vault.generate(Algorithm::EdDsa, KeyState::Active, NOW).unwrap();
    let pkcs8 = vault.pkcs8(&key);
    let secret = &pkcs8[16..48];
    store.apply(&actor(), &Change::Keys(KeyChange::Add(vec![key.clone()])), NOW).await.unwrap();
    store.close().await;
    let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let spellings = [
        secret.to_vec(),
        URL_SAFE_NO_PAD.encode(secret).into(),
        STANDARD.encode(secret).into(),
        // In the middle of the document its bytes fall on other characters.
        STANDARD.encode(&pkcs8[18..48]).into(),
        hex.clone().into(),
        hex.to_uppercase().into(),
    ];
    let copies: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).collect();
    for copy in &copies {
        let bytes = std::fs::read(copy).unwrap();
        for spelling in &spellings {
            assert!(!bytes.windows(spelling.len()).any(|it| it == spelling), "{}", copy.display());
        }
    }
    let bytes = std::fs::read(folder.path().join("tessera.db")).unwrap();
    let sealed = key.private.to_text();
    assert!(bytes.windows(sealed.len()).any(|it| it == sealed.as_bytes()), "the search finds what is there");

    let copy = SqliteStore::open(&folder.path().join("tessera.db")).await.unwrap();
    let refused = Snapshots::load(&copy, &crate::testing::vault()).await.unwrap_err();
    assert!(tessera_fetch::chain(&refused).contains("which is not the configured one"), "{refused}");
}

#[tokio::test]
async fn keys_that_changed_since_they_were_read_are_not_resealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &vault()).await;
    let before = store.load().await.unwrap();
    let sealed = |text: &str| PrivateKey::Sealed(text.to_owned());
    let [first, second] = [0, 1].map(|at| before.keys[at].clone());
    let reseal = |from: &PrivateKey| {
        Change::Keys(KeyChange::Reseal {
            keys: vec![
                Resealed { kid: first.kid.clone(), from: first.private.clone(), to: sealed("a") },
                Resealed { kid: second.kid.clone(), from: from.clone(), to: sealed("b") },
                Resealed { kid: "gone".to_owned(), from: sealed("x"), to: sealed("c") },
            ],
            key_encryption_key: "new".to_owned(),
        })
    };
    assert_eq!(refusal(&store, reseal(&sealed("other"))).await, ChangeError::KeyMovedOn(second.kid.clone()));
    assert_eq!(store.load().await.unwrap().keys[0].private, first.private, "nothing was done");
    store.apply(&actor(), &reseal(&second.private), NOW).await.unwrap();
    let after = store.load().await.unwrap();
    assert_eq!([&after.keys[0].private, &after.keys[1].private], [&sealed("a"), &sealed("b")]);
    assert_eq!(after.keys.len(), 2);
}
