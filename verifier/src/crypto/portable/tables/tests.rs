use super::*;
use crate::crypto::portable::{ed25519::Ed25519Key, p256::P256Key};

const P256: usize = p256::Table::BYTES;
const ED25519: usize = ed25519::Table::BYTES;

/// The key that is the generator itself.
fn p256_key() -> P256Key {
    use ::p256::{AffinePoint, elliptic_curve::point::AffineCoordinates as _};
    P256Key::new(&AffinePoint::GENERATOR.x().into(), &AffinePoint::GENERATOR.y().into()).unwrap()
}

fn ed25519_key() -> Ed25519Key {
    Ed25519Key::new(curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED.as_bytes()).unwrap()
}

#[test]
fn generators_are_shared_and_keys_are_prepared_once() {
    let tables = Tables::with_budget(10 * P256);
    let (one, other) = (p256_key(), p256_key());
    one.prepare(&tables);
    assert_eq!(tables.free(), 8 * P256);
    other.prepare(&tables);
    other.prepare(&tables);
    assert_eq!(tables.free(), 7 * P256);
    ed25519_key().prepare(&tables);
    assert_eq!(tables.free(), 7 * P256 - ED25519);
    assert!(one.is_prepared() && other.is_prepared());
}

#[test]
fn memory_comes_back_with_the_last_copy_of_a_key() {
    let tables = Tables::with_budget(4 * P256);
    let key = Arc::new(p256_key());
    key.prepare(&tables);
    let copy = Arc::clone(&key);
    drop(key);
    assert_eq!(tables.free(), 2 * P256);
    assert!(copy.is_prepared());
    drop(copy);
    assert_eq!(tables.free(), 3 * P256);

    let key = ed25519_key();
    key.prepare(&tables);
    assert_eq!(tables.free(), 3 * P256 - 2 * ED25519);
    drop(key);
    assert_eq!(tables.free(), 3 * P256 - ED25519);
}

#[test]
fn keys_beyond_the_budget_are_not_prepared_until_there_is_room() {
    for short in [0, P256 - 1, 2 * P256 - 1] {
        let tables = Tables::with_budget(short);
        let key = p256_key();
        key.prepare(&tables);
        assert!(!key.is_prepared(), "{short}");
    }
    let tables = Tables::with_budget(2 * P256);
    let (one, other) = (p256_key(), p256_key());
    one.prepare(&tables);
    other.prepare(&tables);
    assert!(one.is_prepared() && !other.is_prepared());
    drop(one);
    other.prepare(&tables);
    assert!(other.is_prepared());

    let tables = Tables::with_budget(2 * ED25519 - 1);
    let key = ed25519_key();
    key.prepare(&tables);
    assert!(!key.is_prepared());
}

#[test]
fn tables_are_made_after_some_good_signatures_and_tried_again_after_as_many() {
    let tables = Tables::with_budget(2 * P256);
    let key = p256_key();
    for n in 1..limits::KEY_TABLE_SIGNATURES {
        key.verified(&tables);
        assert!(!key.is_prepared(), "after {n}");
    }
    key.verified(&tables);
    assert!(key.is_prepared());

    let tables = Tables::with_budget(0);
    let key = ed25519_key();
    for _ in 0..limits::KEY_TABLE_SIGNATURES {
        key.verified(&tables);
    }
    let tables = Tables::default();
    for _ in 1..limits::KEY_TABLE_SIGNATURES {
        key.verified(&tables);
        assert!(!key.is_prepared());
    }
    key.verified(&tables);
    assert!(key.is_prepared());
}

#[test]
fn threads_that_make_the_same_table_share_one() {
    let tables = Tables::default();
    let keys = [p256_key(), p256_key()];
    std::thread::scope(|scope| {
        for key in keys.iter().chain(&keys) {
            scope.spawn(|| key.prepare(&tables));
        }
    });
    assert_eq!(tables.free(), limits::KEY_TABLES_BYTES - 3 * P256);
}

#[test]
fn a_default_budget_has_room_for_the_generators_and_many_keys() {
    let tables = Tables::default();
    assert_eq!(tables.free(), limits::KEY_TABLES_BYTES);
    assert!(tables.free() / P256 > 90);
}
