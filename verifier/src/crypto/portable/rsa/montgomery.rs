//! Powers modulo an odd number, by Montgomery's multiplication.
//!
//! Numbers are arrays of digits, the lowest first, all as long as that of the modulus. With R = 2^(bits of
//! that array), a Montgomery product of a and b is a·b/R modulo n. R exceeds 4·n, so products of numbers
//! below 2·n stay below 2·n, and only results have to be brought below n (C. D. Walter, "Montgomery
//! exponentiation needs no final subtractions", 1999).
//!
//! Time and memory accesses depend on the numbers. All of them are public.

use alloc::{boxed::Box, vec};

use super::limb::Limb;
use crate::limits::RSA_MODULUS_MAX_BITS;

/// An odd modulus, with what speeds up its arithmetic.
#[derive(Clone)]
pub(super) struct Modulus<L> {
    bits: usize,
    digits: Box<[Pair<L>]>,
    /// −n⁻¹ modulo one digit.
    inverse: L,
    /// R² modulo n: the Montgomery product with it is multiplication by R.
    square: Box<[Pair<L>]>,
}

/// Digits are taken two at a time: that halves the reads of memory and what goes with each column.
type Pair<L> = [L; 2];

/// The most pairs of digits in a number: 4096 bits and the two by which R exceeds n, in the shorter digits.
const PAIRS: usize = (RSA_MODULUS_MAX_BITS + 2).div_ceil(2 * <u32 as Limb>::BITS);

// A column of digits adds up a product for each digit of a number at most, and a digit, and what the
// column before it carries, which is less than a product. There is room for 2^8 products.
const _: () = assert!(2 * PAIRS + 2 <= 1 << 8);

impl<L: Limb> Modulus<L> {
    /// The modulus of these big-endian bytes; none if it is even, zero, or longer than
    /// [`RSA_MODULUS_MAX_BITS`].
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(bytes.iter().position(|byte| *byte != 0)?..)?;
        let bits = bytes.len() * 8 - bytes.first()?.leading_zeros() as usize;
        if bits > RSA_MODULUS_MAX_BITS {
            return None;
        }
        let digits = from_bytes::<L>(bytes, (bits + 2).div_ceil(2 * L::BITS));
        let inverse = negative_inverse(digits.first()?[0])?;
        let mut modulus = Self { bits, square: digits.clone(), digits, inverse };
        modulus.square = modulus.radix_squared();
        Some(modulus)
    }

    /// How many bits the modulus has.
    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// Writes the power of a number to an odd exponent above 1, modulo n; both are big-endian bytes. False
    /// if the number is not below n.
    pub(super) fn power(&self, base: &[u8], exponent: u32, result: &mut [u8]) -> bool {
        let base = from_bytes::<L>(base, self.digits.len());
        if !is_below(&base, &self.digits) {
            return false;
        }
        let mut work = Workspace::new(self);
        let mut power = base.clone();
        work.multiply(&mut power, &self.square);
        let factor = power.clone();
        // Bit by bit from the highest but one; the lowest is for the end.
        for bit in (1..exponent.checked_ilog2().unwrap_or_default()).rev() {
            work.square(&mut power);
            if exponent >> bit & 1 == 1 {
                work.multiply(&mut power, &factor);
            }
        }
        work.square(&mut power);
        // The base as it came, without its factor R, takes R out of the power again.
        work.multiply(&mut power, &base);
        self.reduce_once(&mut power);
        to_bytes(&power, result);
        true
    }

    /// R² modulo n.
    fn radix_squared(&self) -> Box<[Pair<L>]> {
        // 2^bits is less than 2·n. Doubled up to R, it is the Montgomery form of 1.
        let mut number = vec![[L::default(); 2]; self.digits.len()].into_boxed_slice();
        if let Some(digit) = number.as_flattened_mut().get_mut(self.bits / L::BITS) {
            *digit = L::from_bits(1 << (self.bits % L::BITS));
        }
        self.reduce_once(&mut number);
        let radix_bits = self.digits.len() * 2 * L::BITS;
        for _ in self.bits..radix_bits {
            self.double(&mut number);
        }
        // The Montgomery form of 2^(bits of R) is R².
        let mut work = Workspace::new(self);
        for bit in (0..=radix_bits.ilog2()).rev() {
            work.square(&mut number);
            self.reduce_once(&mut number);
            if radix_bits >> bit & 1 == 1 {
                self.double(&mut number);
            }
        }
        number
    }

    /// Doubles a number below n, modulo n.
    fn double(&self, number: &mut [Pair<L>]) {
        let mut carry = 0;
        for digit in number.as_flattened_mut() {
            let bits = digit.bits() << 1 | carry;
            carry = bits >> L::BITS;
            *digit = L::from_bits(bits);
        }
        self.reduce_once(number);
    }

    /// Brings a number below 2·n below n.
    fn reduce_once(&self, number: &mut [Pair<L>]) {
        if is_below(number, &self.digits) {
            return;
        }
        let mut borrow = 0;
        for (digit, subtrahend) in number.as_flattened_mut().iter_mut().zip(self.digits.as_flattened()) {
            let difference = digit.bits().wrapping_sub(subtrahend.bits()).wrapping_sub(borrow);
            borrow = difference >> 63;
            *digit = L::from_bits(difference);
        }
    }
}

/// Room for the Montgomery products of one modulus.
struct Workspace<'m, L> {
    modulus: &'m Modulus<L>,
    product: [Pair<L>; 2 * PAIRS],
    quotient: [Pair<L>; PAIRS],
}

impl<'m, L: Limb> Workspace<'m, L> {
    fn new(modulus: &'m Modulus<L>) -> Self {
        let zero = [L::default(); 2];
        Self { modulus, product: [zero; 2 * PAIRS], quotient: [zero; PAIRS] }
    }

    /// Turns a number into its Montgomery product with another.
    fn multiply(&mut self, number: &mut [Pair<L>], factor: &[Pair<L>]) {
        let last = number.len().saturating_sub(1);
        let mut carry = L::Column::default();
        for (column, digits) in self.product.iter_mut().take(2 * number.len()).enumerate() {
            let (from, to) = (column.saturating_sub(last), column.min(last));
            let sums = dot(range(number, from, to + 1), range(factor, from, to + 1));
            (*digits, carry) = carried(carry, sums);
        }
        self.reduce(number);
    }

    /// Turns a number into its Montgomery product with itself.
    fn square(&mut self, number: &mut [Pair<L>]) {
        let last = number.len().saturating_sub(1);
        let mut carry = L::Column::default();
        for (column, digits) in self.product.iter_mut().take(2 * number.len()).enumerate() {
            let (from, to) = (column.saturating_sub(last), column.min(last));
            // The product of two different pairs occurs twice, that of a pair with itself once.
            let half = (to + 1 - from) / 2;
            let mut sums = dot(range(number, from, from + half), range(number, to + 1 - half, to + 1));
            for sum in &mut sums {
                *sum += *sum;
            }
            if column % 2 == 0
                && let Some(own) = range(number, column / 2, column / 2 + 1).first()
            {
                add_product(&mut sums, own, own);
            }
            (*digits, carry) = carried(carry, sums);
        }
        self.reduce(number);
    }

    /// Divides the product by R, modulo n: adds the multiple of n (the quotient) that makes its lower half
    /// zero, and takes the upper half.
    fn reduce(&mut self, result: &mut [Pair<L>]) {
        let Self { modulus, product, quotient } = self;
        let size = modulus.digits.len();
        let Some([n0, n1]) = modulus.digits.first() else { return };
        let mut columns = product.iter();
        let mut carry = L::Column::default();
        for (column, digits) in columns.by_ref().take(size).enumerate() {
            let [low, middle, high] = dot(range(quotient, 0, column), range(&modulus.digits, 1, column + 1));
            let low = carry + low + digits[0].column();
            let q0 = L::split(low).0.low_product(modulus.inverse);
            let (_, overflow) = L::split(low + q0.product(*n0));
            let middle = overflow + middle + digits[1].column() + q0.product(*n1);
            let q1 = L::split(middle).0.low_product(modulus.inverse);
            let (_, overflow) = L::split(middle + q1.product(*n0));
            carry = overflow + high + q1.product(*n1);
            if let Some(entry) = quotient.get_mut(column) {
                *entry = [q0, q1];
            }
        }
        for (column, (digits, result)) in columns.zip(result).enumerate() {
            let [low, middle, high] =
                dot(range(quotient, column + 1, size), range(&modulus.digits, column + 1, size));
            let [d0, d1] = digits.map(L::column);
            (*result, carry) = carried(carry, [low + d0, middle + d1, high]);
        }
    }
}

/// Adds up the products of one column of pairs: the first of one number with the last of the other, the
/// second with the last but one, and so on. Both have the same length. The product of two pairs spans
/// three digits.
#[inline]
fn dot<L: Limb>(rising: &[Pair<L>], falling: &[Pair<L>]) -> [L::Column; 3] {
    let mut sums = [L::Column::default(); 3];
    let (rising, rest) = rising.as_chunks::<2>();
    let (falling_rest, falling) = falling.as_rchunks::<2>();
    for ([a, b], [c, d]) in rising.iter().zip(falling.iter().rev()) {
        add_product(&mut sums, a, d);
        add_product(&mut sums, b, c);
    }
    for (a, b) in rest.iter().zip(falling_rest) {
        add_product(&mut sums, a, b);
    }
    sums
}

#[inline]
fn add_product<L: Limb>([low, middle, high]: &mut [L::Column; 3], [a0, a1]: &Pair<L>, [b0, b1]: &Pair<L>) {
    *low += a0.product(*b0);
    *middle += a0.product(*b1);
    *middle += a1.product(*b0);
    *high += a1.product(*b1);
}

/// The digits of a column of pairs, and what goes into the next one.
#[inline]
fn carried<L: Limb>(carry: L::Column, [low, middle, high]: [L::Column; 3]) -> (Pair<L>, L::Column) {
    let (first, overflow) = L::split(carry + low);
    let (second, overflow) = L::split(overflow + middle);
    ([first, second], overflow + high)
}

/// What is in a range, which lies within the number.
#[inline]
fn range<L>(number: &[Pair<L>], from: usize, to: usize) -> &[Pair<L>] {
    number.get(from..to).unwrap_or_default()
}

/// −1/x modulo 2^BITS, for an odd x.
fn negative_inverse<L: Limb>(digit: L) -> Option<L> {
    let odd = digit.bits();
    if odd & 1 == 0 {
        return None;
    }
    // Newton: x is its own inverse modulo 2³, and each step doubles the bits that are right.
    let mut inverse = odd;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
    }
    Some(L::from_bits(inverse.wrapping_neg()))
}

fn is_below<L: Limb>(number: &[Pair<L>], bound: &[Pair<L>]) -> bool {
    number.as_flattened().iter().rev().lt(bound.as_flattened().iter().rev())
}

/// The digits of a big-endian number, as far as there is room for them.
fn from_bytes<L: Limb>(bytes: &[u8], pairs: usize) -> Box<[Pair<L>]> {
    // A digit's bits are whole half bytes, so eight bytes have them all wherever they start.
    const { assert!(L::BITS.is_multiple_of(4) && L::BITS <= 60) };
    let digit = |index: usize| {
        let end = bytes.len().saturating_sub(index * L::BITS / 8);
        let bytes = bytes.get(end.saturating_sub(8)..end).unwrap_or_default();
        let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        L::from_bits(bits >> (index * L::BITS % 8))
    };
    (0..pairs).map(|pair| [digit(2 * pair), digit(2 * pair + 1)]).collect()
}

/// The low bytes of a number, big-endian.
fn to_bytes<L: Limb>(number: &[Pair<L>], bytes: &mut [u8]) {
    let digits = number.as_flattened();
    let bits = |index: usize| digits.get(index).map_or(0, |digit| digit.bits());
    for (position, byte) in bytes.iter_mut().rev().enumerate() {
        let (index, shift) = (8 * position / L::BITS, 8 * position % L::BITS);
        [*byte, ..] = (bits(index) >> shift | bits(index + 1) << (L::BITS - shift)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests;
