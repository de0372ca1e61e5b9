//! The digits of large numbers.
//!
//! A digit leaves some bits of its machine word empty, so that the products which meet in one column of a
//! multiplication can be added up without a look at carries between them. That costs a few digits more
//! and saves most of the additions.

use core::{
    iter::Sum,
    ops::{Add, AddAssign},
};

/// The digits of this build: 64-bit words pay where one multiplication gives 128 bits. The compiler does
/// not tell the code whether WebAssembly has that (`wide-arithmetic` is no stable target feature), so
/// whoever turns it on says so by `--cfg=tessera_wide_arithmetic`.
#[cfg(any(target_pointer_width = "64", tessera_wide_arithmetic))]
pub(super) type Word = u64;
/// The digits of this build: 32-bit words, where one multiplication gives 64 bits.
#[cfg(not(any(target_pointer_width = "64", tessera_wide_arithmetic)))]
pub(super) type Word = u32;

/// A digit.
pub(super) trait Limb: Copy + Default + Ord {
    /// The sum of a column: twice as wide as the digit's machine word.
    type Column: Copy + Default + Add<Output = Self::Column> + AddAssign + Sum;

    /// How many bits a digit has.
    const BITS: usize;

    /// A digit from a number that has no more bits.
    fn from_bits(bits: u64) -> Self;

    fn bits(self) -> u64;

    fn product(self, other: Self) -> Self::Column;

    /// The lowest digit of the product.
    fn low_product(self, other: Self) -> Self;

    fn column(self) -> Self::Column;

    /// A column's own digit, and what it carries into the next column.
    fn split(column: Self::Column) -> (Self, Self::Column);
}

macro_rules! limb {
    ($word:ident, $column:ident, $bits:literal) => {
        impl Limb for $word {
            type Column = $column;

            const BITS: usize = $bits;

            fn from_bits(bits: u64) -> Self {
                // A digit's bits fit: that is the caller's promise, and the mask keeps it in any case.
                Self::try_from(bits & ((1 << $bits) - 1)).unwrap_or_default()
            }

            fn bits(self) -> u64 {
                self.into()
            }

            #[inline]
            fn product(self, other: Self) -> $column {
                $column::from(self) * $column::from(other)
            }

            #[inline]
            fn low_product(self, other: Self) -> Self {
                self.wrapping_mul(other) & ((1 << $bits) - 1)
            }

            #[inline]
            fn column(self) -> $column {
                self.into()
            }

            #[inline]
            #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
            fn split(column: $column) -> (Self, $column) {
                (column as Self & ((1 << $bits) - 1), column >> $bits)
            }
        }
    };
}

// 2^8 products of two 28-bit digits add up in 64 bits, and as many of 60 bits in 128.
limb!(u32, u64, 28);
limb!(u64, u128, 60);
