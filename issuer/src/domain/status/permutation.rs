//! A keyed permutation of the numbers of an even count of bits.

use aws_lc_rs::hmac;

/// Rounds of the Feistel network, as many as FF1 has (NIST SP 800-38G §5.1): for domains this small, four rounds of the
/// proof by Luby and Rackoff would leave a bias that enough indices show.
const ROUNDS: u8 = 10;

/// A balanced Feistel network whose round function is HMAC-SHA-256.
#[derive(Clone, Debug)]
pub(super) struct Permutation {
    key: hmac::Key,
    /// Bits of each half.
    half: u32,
}

impl Permutation {
    /// Of the numbers of `bits` bits, an even count of at most 32.
    pub(super) fn new(key: &[u8; 32], bits: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), half: bits / 2 }
    }

    /// Where `number` goes.
    pub(super) fn forward(&self, number: u32) -> u32 {
        let (mut left, mut right) = self.split(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        self.join(left, right)
    }

    /// Where it came from.
    pub(super) fn backward(&self, number: u32) -> u32 {
        let (mut left, mut right) = self.split(number);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        self.join(left, right)
    }

    fn round(&self, round: u8, half: u32) -> u32 {
        let [_, _, high, low] = half.to_be_bytes();
        let tag = hmac::sign(&self.key, &[round, high, low]);
        let word = tag.as_ref().first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
        word & self.mask()
    }

    const fn mask(&self) -> u32 {
        (1 << self.half) - 1
    }

    const fn split(&self, number: u32) -> (u32, u32) {
        ((number >> self.half) & self.mask(), number & self.mask())
    }

    const fn join(&self, left: u32, right: u32) -> u32 {
        (left << self.half) | right
    }
}
