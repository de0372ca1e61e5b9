//! Arithmetic modulo p = 2²⁵⁶ − 2²²⁴ + 2¹⁹² + 2⁹⁶ − 1, the field of P-256, on public numbers.
//!
//! A number is nine signed limbs of 29 bits, least significant first, and stands for itself times
//! R = 2²⁶¹ (Montgomery's form). As the limbs are much smaller than the words that hold them, a whole
//! column of products is summed before anything is carried. As R is 32 times p, a product takes in what
//! sums and differences before it have let grow: nothing but products is reduced. And as the products
//! have no more than 64 bits, this is quick on machines that cannot multiply 64 bits into 128, among
//! them WebAssembly without its wide-arithmetic proposal, and little slower than the best elsewhere.

/// 256 bits, the least significant 64 first.
pub(super) type Words = [u64; 4];

type Limbs = [i64; LIMBS];

const LIMBS: usize = 9;

/// The bits of a limb.
const BITS: usize = 29;

const MASK: i64 = (1 << BITS) - 1;

/// The columns of a product.
const COLUMNS: usize = 2 * LIMBS - 1;

const P: Element = Element([
    0x1fff_ffff,
    0x1fff_ffff,
    0x1fff_ffff,
    0x0000_01ff,
    0x0000_0000,
    0x0000_0000,
    0x0004_0000,
    0x1fe0_0000,
    0x00ff_ffff,
]);

/// R² modulo p, which brings a number into Montgomery's form.
const R_SQUARED: Element = Element([
    0x0000_0c00,
    0x0000_0000,
    0x1fff_0000,
    0x1fdf_ffff,
    0x1fbf_ffff,
    0x1fff_ffff,
    0x1fff_ffff,
    0x1fff_fffe,
    0x0000_0013,
]);

/// p − 2, for Fermat's inversion.
const P_MINUS_2: Words = [0xffff_ffff_ffff_fffd, 0xffff_ffff, 0, 0xffff_ffff_0000_0001];

/// A number modulo p.
///
/// *Carried* means that all limbs but the last are in 0..2²⁹. Results are carried, except for that of
/// [`minus`](Self::minus), and their last limb holds the sign. Factors are carried, or are the difference
/// of two numbers that are, so that no limb is beyond ±2²⁹: two products of nine such limbs stay within
/// ±2⁶³. If the absolute values of the factors are below a p and b p, a product is within
/// (−ab / 32, 1 + ab / 32) p.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element(Limbs);

impl Element {
    pub(super) const ZERO: Self = Self([0; LIMBS]);

    /// R modulo p.
    pub(super) const ONE: Self = Self([
        0x0000_0020,
        0x0000_0000,
        0x0000_0000,
        0x1fff_c000,
        0x1fff_ffff,
        0x1fff_ffff,
        0x1f7f_ffff,
        0x03ff_ffff,
        0x0000_0000,
    ]);

    /// The number that is 32 bytes, big-endian.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        Self::from_stored(&words).times(&R_SQUARED)
    }

    /// What [`to_stored`](Self::to_stored) has made.
    #[inline]
    pub(super) fn from_stored(words: &Words) -> Self {
        let mut limbs = [0; LIMBS];
        for (i, limb) in limbs.iter_mut().enumerate() {
            let (word, shift) = (i * BITS / 64, i * BITS % 64);
            let low = words.get(word).map_or(0, |word| word >> shift);
            let high = words.get(word + 1).map_or(0, |word| word << 1 << (63 - shift));
            *limb = (low | high).cast_signed() & MASK;
        }
        Self(limbs)
    }

    /// Montgomery's form from 0 to p, without gaps between limbs. The number is carried.
    pub(super) fn to_stored(self) -> Words {
        let mut number = self;
        while number.is_negative() {
            number = number.minus(&Self::ZERO.minus(&P)).carried();
        }
        loop {
            let less = number.minus(&P).carried();
            if less.is_negative() {
                break;
            }
            number = less;
        }
        let mut words = [0; 4];
        for (i, limb) in number.0.iter().enumerate() {
            let (word, shift) = (i * BITS / 64, i * BITS % 64);
            let limb = limb.cast_unsigned();
            if let Some(low) = words.get_mut(word) {
                *low |= limb << shift;
            }
            if let Some(high) = words.get_mut(word + 1) {
                *high |= limb >> 1 >> (63 - shift);
            }
        }
        words
    }

    /// Whether p divides the number, which is carried.
    pub(super) fn is_zero(self) -> bool {
        self.to_stored() == [0; 4]
    }

    #[inline]
    pub(super) fn times(&self, other: &Self) -> Self {
        Self(reduced(&product(&self.0, &other.0)))
    }

    #[inline]
    pub(super) fn squared(&self) -> Self {
        Self(reduced(&square(&self.0)))
    }

    /// `a · b − c · d`, for little more than one product.
    #[inline]
    pub(super) fn cross(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut columns = product(&a.0, &b.0);
        for (column, less) in columns.iter_mut().zip(product(&c.0, &d.0)) {
            *column -= less;
        }
        Self(reduced(&columns))
    }

    /// The difference as it stands, not carried.
    #[inline]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(other.0) {
            *limb -= other;
        }
        Self(limbs)
    }

    /// The same number, carried.
    #[inline]
    pub(super) fn carried(mut self) -> Self {
        let mut carry = 0;
        let [limbs @ .., last] = &mut self.0;
        for limb in limbs {
            carry += *limb;
            *limb = carry & MASK;
            carry >>= BITS;
        }
        *last += carry;
        self
    }

    /// The multiplicative inverse, by Fermat; of zero, zero.
    pub(super) fn inverted(&self) -> Self {
        let mut power = Self::ONE;
        for word in P_MINUS_2.iter().rev() {
            for bit in (0..64).rev() {
                power = power.squared();
                if word >> bit & 1 == 1 {
                    power = power.times(self);
                }
            }
        }
        power
    }

    /// Of a carried number.
    fn is_negative(&self) -> bool {
        let [.., last] = self.0;
        last < 0
    }
}

/// Writes the body out for each number: loops that are unrolled for certain, with indices that are constants.
macro_rules! unrolled {
    ($k:ident in $($number:literal)* => $body:expr) => {
        $({
            const $k: usize = $number;
            $body;
        })*
    };
}

/// The columns of a product.
#[inline]
fn product(a: &Limbs, b: &Limbs) -> [i64; COLUMNS] {
    let mut columns = [0; COLUMNS];
    unrolled!(K in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 => columns[K] = product_column::<K>(a, b));
    columns
}

/// The columns of a square.
#[inline]
fn square(a: &Limbs) -> [i64; COLUMNS] {
    let doubled = a.map(|limb| limb << 1);
    let mut columns = [0; COLUMNS];
    unrolled!(K in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 => columns[K] = square_column::<K>(a, &doubled));
    columns
}

/// Column `K` of a product, by the school method.
#[inline]
fn product_column<const K: usize>(a: &Limbs, b: &Limbs) -> i64 {
    let mut sum = 0;
    for (i, a) in a.iter().enumerate() {
        if let Some(b) = K.checked_sub(i).and_then(|j| b.get(j)) {
            sum += a * b;
        }
    }
    sum
}

/// Column `K` of a square, where products of different limbs occur twice.
#[inline]
fn square_column<const K: usize>(a: &Limbs, doubled: &Limbs) -> i64 {
    let mut sum = 0;
    for (i, a) in a.iter().enumerate() {
        let other = K.checked_sub(i).filter(|j| i < *j);
        if let Some(b) = other.and_then(|j| doubled.get(j)) {
            sum += a * b;
        }
    }
    match a.get(K / 2) {
        Some(a) if K.is_multiple_of(2) => sum + a * a,
        _ => sum,
    }
}

/// The number that the columns are, divided by R modulo p.
///
/// From the lowest column on, that multiple of p is added which leaves zeros only. As p ends in 96 ones,
/// the multiple is the column's own limb; as p + 1 is four powers of two, it is added by four shifts.
#[inline]
fn reduced(columns: &[i64; COLUMNS]) -> Limbs {
    let (mut multiple, mut limbs) = ([0; LIMBS], [0; LIMBS]);
    let mut carry = 0;
    unrolled!(K in 0 1 2 3 4 5 6 7 8 => {
        carry += columns[K] + reduction_column::<K>(&multiple);
        multiple[K] = carry & MASK;
        carry >>= BITS;
    });
    unrolled!(K in 9 10 11 12 13 14 15 16 => {
        carry += columns[K] + reduction_column::<K>(&multiple);
        limbs[K - LIMBS] = carry & MASK;
        carry >>= BITS;
    });
    limbs[LIMBS - 1] = carry;
    limbs
}

/// Column `K` of a number times p + 1 = 2²⁵⁶ − 2²²⁴ + 2¹⁹² + 2⁹⁶.
#[inline]
fn reduction_column<const K: usize>(multiple: &Limbs) -> i64 {
    let shifted = |bits: usize| {
        let limb = K.checked_sub(bits / BITS).and_then(|i| multiple.get(i));
        limb.map_or(0, |limb| limb << (bits % BITS))
    };
    shifted(256) - shifted(224) + shifted(192) + shifted(96)
}

#[cfg(test)]
mod tests;
