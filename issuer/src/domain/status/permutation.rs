//! A keyed permutation of the numbers of an even count of bits.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;

/// Rounds of the Feistel network, as many as FF1 has (NIST SP 800-38G §5.1): for domains this small, the four rounds of
/// the proof by Luby and Rackoff would leave a bias that enough indices show.
const ROUNDS: u32 = 10;

/// A balanced Feistel network whose round function is HMAC-SHA-256. `Debug` shows nothing of it.
#[derive(Clone)]
pub(super) struct Permutation {
    key: hmac::Key,
    /// Bits of each half.
    half: u32,
    /// All values of the round function, one round after the other. Halves are so small that it is computed as a whole,
    /// when it is first needed: some milliseconds once for each list, rather than microseconds for each token.
    rounds: Arc<OnceLock<Vec<u32>>>,
}

impl Permutation {
    /// Of the numbers of `bits` bits, an even count of at most 32.
    pub(super) fn new(key: &[u8; 32], bits: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), half: bits / 2, rounds: Arc::default() }
    }

    /// Where `number` goes.
    pub(super) fn forward(&self, number: u32) -> u32 {
        let rounds = self.rounds.get_or_init(|| self.compute());
        let (mut left, mut right) = self.split(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(rounds, round, right));
        }
        self.join(left, right)
    }

    /// Where it came from.
    pub(super) fn backward(&self, number: u32) -> u32 {
        let rounds = self.rounds.get_or_init(|| self.compute());
        let (mut left, mut right) = self.split(number);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(rounds, round, left), left);
        }
        self.join(left, right)
    }

    fn compute(&self) -> Vec<u32> {
        let all = (0..ROUNDS).flat_map(|round| (0..1 << self.half).map(move |half: u32| (round, half)));
        all.map(|(round, half)| {
            let message = [round.to_be_bytes(), half.to_be_bytes()].concat();
            let tag = hmac::sign(&self.key, &message);
            tag.as_ref().first_chunk().map_or(0, |word| u32::from_be_bytes(*word)) & self.mask()
        })
        .collect()
    }

    fn round(&self, rounds: &[u32], round: u32, half: u32) -> u32 {
        let place = (round << self.half) | half;
        // It is there: there are as many values as rounds and halves.
        rounds.get(place as usize).copied().unwrap_or_default()
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

impl fmt::Debug for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permutation(…)")
    }
}
