use alloc::vec::Vec;

use p256::{
    U256,
    elliptic_curve::bigint::{ArrayEncoding as _, NonZero},
};
use proptest::prelude::*;

use super::*;

/// The same arithmetic by another implementation.
struct Modulo(NonZero<U256>);

impl Modulo {
    fn p() -> Self {
        let p = U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
        Self(NonZero::new(p).unwrap())
    }

    fn times(&self, a: &U256, b: &U256) -> U256 {
        a.mul_mod(b, &self.0)
    }

    fn plus(&self, a: &U256, b: &U256) -> U256 {
        a.add_mod(b, &self.0)
    }

    fn minus(&self, a: &U256, b: &U256) -> U256 {
        a.sub_mod(b, &self.0)
    }

    fn reduced(&self, a: &U256) -> U256 {
        a.rem_vartime(&self.0)
    }

    /// 2²⁶¹
    fn r(&self) -> U256 {
        (0..261).fold(U256::ONE, |power, _| self.plus(&power, &power))
    }

    /// What limbs stand for as they are.
    fn value(&self, limbs: &Limbs) -> U256 {
        limbs.iter().rev().fold(U256::ZERO, |value, limb| {
            let shifted = self.times(&value, &U256::from(1_u64 << BITS));
            let magnitude = U256::from(limb.unsigned_abs());
            if *limb < 0 { self.minus(&shifted, &magnitude) } else { self.plus(&shifted, &magnitude) }
        })
    }
}

fn element(number: &U256) -> Element {
    Element::from_bytes(&number.to_be_byte_array().into())
}

fn is_carried(element: Element) -> bool {
    element.0.iter().take(LIMBS - 1).all(|limb| (0..=MASK).contains(limb))
}

fn stored(number: &U256) -> Words {
    let words = number.to_be_byte_array();
    core::array::from_fn(|i| u64::from_be_bytes(words[24 - 8 * i..32 - 8 * i].try_into().unwrap()))
}

fn edges() -> Vec<U256> {
    let p = *Modulo::p().0;
    let powers = [1, 28, 29, 30, 96, 192, 224, 232, 255].map(|bits| U256::ONE << bits);
    let near = |n: U256| [n.wrapping_sub(&U256::ONE), n, n.wrapping_add(&U256::ONE)];
    [U256::ZERO, p].into_iter().chain(powers).flat_map(near).collect()
}

fn any_number() -> impl Strategy<Value = U256> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(|bytes| U256::from_be_slice(&bytes)),
        proptest::sample::select(edges()),
    ]
}

/// Factors as large as they may be: limbs of a difference of two carried numbers, the number within ±6 p.
fn any_difference() -> impl Strategy<Value = Limbs> {
    let limb = || prop_oneof![Just(-MASK), Just(MASK), Just(0), -MASK..=MASK];
    let last = -6 * (1_i64 << 24)..6 * (1_i64 << 24);
    (proptest::collection::vec(limb(), LIMBS - 1), last).prop_map(|(mut limbs, last)| {
        limbs.push(last);
        limbs.try_into().unwrap()
    })
}

#[test]
fn the_constants_are_what_they_are_called() {
    let modulo = Modulo::p();
    assert_eq!(modulo.value(&P.0), U256::ZERO);
    assert_eq!(modulo.value(&Element::ONE.0), modulo.r());
    assert_eq!(modulo.value(&R_SQUARED.0), modulo.times(&modulo.r(), &modulo.r()));
    let two = U256::from(2_u64);
    assert_eq!(P_MINUS_2, stored(&modulo.0.wrapping_sub(&two)));
}

#[test]
fn the_largest_factors_do_not_overflow() {
    let modulo = Modulo::p();
    let mut largest = [MASK; LIMBS];
    largest[LIMBS - 1] = 6 * (1 << 24);
    let (a, b) = (Element(largest), Element(largest.map(|limb| -limb)));
    let square = modulo.times(&modulo.value(&largest), &modulo.value(&largest));
    let twice = modulo.plus(&square, &square);
    for (result, expected) in [
        (a.squared(), square),
        (b.squared(), square),
        (a.times(&a), square),
        (a.times(&b), modulo.minus(&U256::ZERO, &square)),
        (Element::cross(&a, &a, &a, &b), twice),
        (Element::cross(&a, &b, &a, &a), modulo.minus(&U256::ZERO, &twice)),
    ] {
        assert!(is_carried(result));
        assert_eq!(modulo.times(&modulo.value(&result.0), &modulo.r()), expected);
    }
}

#[test]
fn zero_is_recognized_in_every_disguise() {
    for times in -16..16_i64 {
        let multiple = Element(P.0.map(|limb| limb * times)).carried();
        assert!(multiple.is_zero(), "{times} p");
        assert!(!multiple.minus(&Element::ONE).carried().is_zero(), "{times} p − 1");
    }
}

proptest! {
    #[test]
    fn arithmetic_is_that_of_another_implementation(
        a in any_number(), b in any_number(), c in any_number(), d in any_number()
    ) {
        let modulo = Modulo::p();
        let montgomery = |number: &U256| stored(&modulo.times(number, &modulo.r()));
        let [ea, eb, ec, ed] = [&a, &b, &c, &d].map(element);
        let [a, b, c, d] = [&a, &b, &c, &d].map(|number| modulo.reduced(number));
        prop_assert_eq!(ea.to_stored(), montgomery(&a));
        prop_assert_eq!(Element::from_stored(&ea.to_stored()).to_stored(), ea.to_stored());
        prop_assert_eq!(ea.times(&eb).to_stored(), montgomery(&modulo.times(&a, &b)));
        prop_assert_eq!(ea.squared().to_stored(), montgomery(&modulo.times(&a, &a)));
        prop_assert_eq!(ea.minus(&eb).carried().to_stored(), montgomery(&modulo.minus(&a, &b)));
        let cross = modulo.minus(&modulo.times(&a, &b), &modulo.times(&c, &d));
        prop_assert_eq!(Element::cross(&ea, &eb, &ec, &ed).to_stored(), montgomery(&cross));
        prop_assert_eq!(ea.is_zero(), a == U256::ZERO);
        let product = ea.inverted().times(&ea).to_stored();
        prop_assert_eq!(product, if a == U256::ZERO { [0; 4] } else { montgomery(&U256::ONE) });
    }

    #[test]
    fn differences_are_factors_as_they_stand(
        a in any_difference(), b in any_difference(), c in any_difference(), d in any_difference()
    ) {
        let modulo = Modulo::p();
        let [va, vb, vc, vd] = [&a, &b, &c, &d].map(|limbs| modulo.value(limbs));
        let [a, b, c, d] = [a, b, c, d].map(Element);
        for (result, expected) in [
            (a.times(&b), modulo.times(&va, &vb)),
            (a.squared(), modulo.times(&va, &va)),
            (
                Element::cross(&a, &b, &c, &d),
                modulo.minus(&modulo.times(&va, &vb), &modulo.times(&vc, &vd)),
            ),
        ] {
            prop_assert!(is_carried(result));
            prop_assert_eq!(modulo.times(&modulo.value(&result.0), &modulo.r()), expected);
        }
        prop_assert!(is_carried(a.carried()));
        prop_assert_eq!(modulo.value(&a.carried().0), va);
    }
}
