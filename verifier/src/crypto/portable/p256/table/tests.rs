use p256::{
    ProjectivePoint,
    elliptic_curve::{Group as _, ops::Reduce as _},
};
use proptest::prelude::*;

use super::*;

fn affine(point: &AffinePoint) -> Affine {
    Affine::from_bytes(&point.x().into(), &point.y().into())
}

fn tables() -> Tables {
    Tables::default()
}

/// Scalars at which digits carry, change their sign or are none at all.
fn edges() -> Vec<Scalar> {
    let half = Scalar::from(2_u64).invert().unwrap();
    let powers = (0..256_u64).map(|bits| Scalar::from(2_u64).pow_vartime(&p256::U256::from(bits)));
    [Scalar::ZERO, half, half - Scalar::ONE, half + Scalar::ONE]
        .into_iter()
        .chain(powers)
        .flat_map(|scalar| [scalar, scalar - Scalar::ONE, -scalar, -scalar + Scalar::ONE])
        .collect()
}

fn value(digits: &[i16]) -> Scalar {
    digits.iter().rev().fold(Scalar::ZERO, |value, digit| {
        let magnitude = Scalar::from(u64::from(digit.unsigned_abs()));
        value * Scalar::from(1_u64 << DIGIT) + if *digit < 0 { -magnitude } else { magnitude }
    })
}

fn check(table: &Table, base: &ProjectivePoint, scalar: &Scalar) {
    let low = if scalar.is_high().into() { -*scalar } else { *scalar };
    let digits = digits(&low);
    assert_eq!(value(&digits), low);
    assert!(digits.iter().all(|digit| (-31..=32).contains(digit)), "{digits:?}");
    let expected = (*base * *scalar).to_affine();
    match table.add_multiple(None, scalar) {
        Some(sum) => assert_eq!(Sum::to_affine(&[sum]), [affine(&expected)], "{scalar:?}"),
        None => assert_eq!(*scalar, Scalar::ZERO),
    }
}

#[test]
fn a_table_holds_all_multiples_in_their_order() {
    let base = ProjectivePoint::GENERATOR * Scalar::from(7_u64);
    let table = Table::new(&base.to_affine(), &tables()).unwrap();
    assert_eq!(table.points.len() * size_of::<Affine>(), Table::BYTES);
    let mut power = base;
    for multiples in table.points.chunks(LARGEST) {
        let mut multiple = power;
        for point in multiples {
            assert_eq!(*point, affine(&multiple.to_affine()));
            multiple += power;
        }
        // The next place is 64, twice the largest digit; `multiple` is 33.
        power = multiple - power;
        power = power.double();
    }
}

#[test]
fn multiples_are_right_at_all_edges() {
    let base = ProjectivePoint::GENERATOR;
    let table = Table::of_generator(&tables()).unwrap();
    for scalar in edges() {
        check(&table, &base, &scalar);
    }
}

proptest! {
    #[test]
    fn multiples_are_those_of_another_implementation(key in any::<u64>(), bytes in any::<[u8; 32]>()) {
        let base = ProjectivePoint::GENERATOR * Scalar::from(key | 1);
        let table = Table::new(&base.to_affine(), &tables()).unwrap();
        check(&table, &base, &Scalar::reduce(&p256::FieldBytes::from(bytes)));
    }
}
