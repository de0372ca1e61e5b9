use p256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{Group as _, point::AffineCoordinates as _},
};
use proptest::prelude::*;

use super::*;

fn multiple(factor: u64) -> AffinePoint {
    (ProjectivePoint::GENERATOR * Scalar::from(factor)).to_affine()
}

fn affine(point: &AffinePoint) -> Affine {
    Affine::from_bytes(&point.x().into(), &point.y().into())
}

/// Adds multiples of the generator, or takes them away.
fn sum(factors: &[i64]) -> Sum {
    let mut points = factors.iter().map(|f| (affine(&multiple(f.unsigned_abs())), *f < 0));
    let (first, opposite) = points.next().unwrap();
    points.fold(Sum::of(&first, opposite), |sum, (point, opposite)| sum.plus(&point, opposite))
}

#[test]
fn equal_and_opposite_points_give_no_result_whatever_follows() {
    for factors in [&[5, 5][..], &[-5, -5], &[5, -5], &[-5, 5], &[2, 3, 5], &[2, 3, -5], &[5, 5, 7]] {
        assert!(sum(factors).is_no_result(), "{factors:?}");
        let followed = [factors, &[1, -2, 3, 100, -1000, 1, 1]].concat();
        assert!(sum(&followed).is_no_result(), "{followed:?}");
    }
}

#[test]
fn doubles_are_those_of_another_implementation() {
    // Long chains, from sums as well as from single points.
    for factors in [&[1][..], &[-7], &[3, 5, -1]] {
        let total: i64 = factors.iter().sum();
        let mut expected = ProjectivePoint::GENERATOR * Scalar::from(total.unsigned_abs());
        if total < 0 {
            expected = -expected;
        }
        let mut sum = sum(factors);
        for _ in 0..300 {
            sum = sum.doubled();
            expected = expected.double();
            assert_eq!(Sum::to_affine(&[sum]), [affine(&expected.to_affine())]);
        }
    }
}

#[test]
fn coordinates_of_a_batch_are_those_of_each() {
    let sums = [sum(&[1]), sum(&[-3]), sum(&[1, 2]), sum(&[9, -4])];
    let opposite_of_3 = -multiple(3);
    let expected = [multiple(1), opposite_of_3, multiple(3), multiple(5)].map(|point| affine(&point));
    assert_eq!(Sum::to_affine(&sums), expected);
    assert_eq!(Sum::to_affine(&[]), []);
}

proptest! {
    #[test]
    fn sums_are_those_of_another_implementation(
        factors in proptest::collection::vec(1..1_000_000_000_i64, 1..50),
        signs in any::<u64>()
    ) {
        let signed: Vec<i64> = factors
            .iter()
            .enumerate()
            .map(|(i, factor)| if signs >> (i % 64) & 1 == 1 { -factor } else { *factor })
            .collect();
        let total: i64 = signed.iter().sum();
        let sum = sum(&signed);
        prop_assume!(!sum.is_no_result());
        let expected = multiple(total.unsigned_abs());
        let expected = affine(&if total < 0 { -expected } else { expected });
        prop_assert_eq!(Sum::to_affine(&[sum]), [expected]);
        prop_assert!(sum.has_x(&Element::from_stored(&expected.x)));
        prop_assert!(!sum.has_x(&Element::from_stored(&expected.y)));
    }
}
