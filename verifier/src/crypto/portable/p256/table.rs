//! Multiples of a point, made once, so that every other multiple is a few dozen additions.

use alloc::{boxed::Box, vec::Vec};

use p256::{
    AffinePoint, Scalar,
    elliptic_curve::{point::AffineCoordinates as _, scalar::IsHigh as _},
};

use super::{
    super::tables::{Reservation, Tables},
    point::{Affine, Sum},
};
use crate::limits;

/// The bits of a digit.
const DIGIT: usize = 6;

/// The largest digit. Digits have signs, as the opposite of a point costs nothing.
const LARGEST: usize = 1 << (DIGIT - 1);

/// The digits of a scalar.
const DIGITS: usize = 256_usize.div_ceil(DIGIT);

/// The multiples d · 2^(6 i) · P of a point P for the digits d in 1..=32 and the places i in 0..43.
pub(in super::super) struct Table {
    points: Box<[Affine]>,
    _memory: Reservation,
}

impl Table {
    /// The bytes of the points.
    pub(in super::super) const BYTES: usize = DIGITS * LARGEST * size_of::<Affine>();

    /// The table of a point that is not at infinity, unless the budget is used up.
    pub(super) fn new(point: &AffinePoint, tables: &Tables) -> Option<Self> {
        const { assert!(Self::BYTES <= limits::KEY_TABLE_BYTES) }
        let memory = tables.reserve(Self::BYTES)?;
        let point = Affine::from_bytes(&point.x().into(), &point.y().into());
        Some(Self { points: multiples(&point).into_boxed_slice(), _memory: memory })
    }

    pub(in super::super) fn of_generator(tables: &Tables) -> Option<Self> {
        Self::new(&AffinePoint::GENERATOR, tables)
    }

    /// Adds a multiple of the table's point. The sum of no points is none.
    pub(super) fn add_multiple(&self, mut sum: Option<Sum>, scalar: &Scalar) -> Option<Sum> {
        let high = bool::from(scalar.is_high());
        let digits = digits(&if high { -*scalar } else { *scalar });
        for (multiples, digit) in self.points.chunks_exact(LARGEST).zip(digits) {
            let index = usize::from(digit.unsigned_abs()).checked_sub(1);
            let Some(point) = index.and_then(|i| multiples.get(i)) else { continue };
            let opposite = digit.is_negative() != high;
            sum = Some(match sum {
                Some(sum) => sum.plus(point, opposite),
                None => Sum::of(point, opposite),
            });
        }
        sum
    }
}

/// The points of a table, place by place.
fn multiples(point: &Affine) -> Vec<Affine> {
    // The first two of each place: P and 2 P, which differ, and of which all further ones are sums of
    // points that are neither equal nor opposite, as the group's order is a large prime.
    let mut firsts = Vec::with_capacity(2 * DIGITS);
    let mut power = Sum::of(point, false);
    for _ in 0..DIGITS {
        let double = power.doubled();
        firsts.extend([power, double]);
        power = (1..DIGIT).fold(double, |power, _| power.doubled());
    }
    let mut sums = Vec::with_capacity(DIGITS * LARGEST);
    for pair in Sum::to_affine(&firsts).chunks_exact(2) {
        let [first, second] = pair else { continue };
        sums.push(Sum::of(first, false));
        let mut sum = Sum::of(second, false);
        for _ in 2..LARGEST {
            sums.push(sum);
            sum = sum.plus(first, false);
        }
        sums.push(sum);
    }
    Sum::to_affine(&sums)
}

/// The digits of a scalar below 2²⁵⁵, each in −31..=32, from the lowest place on.
fn digits(scalar: &Scalar) -> [i16; DIGITS] {
    let mut bytes = scalar.to_bytes().into_iter().rev();
    let (mut bits, mut held, mut carry) = (0_i16, 0, 0);
    let mut digits = [0; DIGITS];
    for digit in &mut digits {
        if held < DIGIT {
            bits |= i16::from(bytes.next().unwrap_or(0)) << held;
            held += 8;
        }
        *digit = (bits & ((1 << DIGIT) - 1)) + carry;
        bits >>= DIGIT;
        held -= DIGIT;
        // A digit in the upper half is the next one's carry, less the difference.
        carry = i16::from(usize::from(digit.unsigned_abs()) > LARGEST);
        *digit -= carry << DIGIT;
    }
    digits
}

#[cfg(test)]
mod tests;
