//! Moduli whose factors can be computed: those of CVE-2017-15361, called ROCA.
//!
//! A library in smart cards and TPMs chose primes of the form k·M + (65537^a mod M), where M is the
//! product of the first primes. Modulo each of those the modulus is therefore a power of 65537, and that
//! is how it is known (Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", 2017, §2.2).

/// The primes below 360 modulo which not every number is a power of 65537. M has all of them from moduli
/// of 992 bits on. A good modulus looks weak in one case of 2^83.
const PRIMES: [u32; 40] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157, 181, 191, 193, 197, 199, 227,
    229, 233, 239, 241, 257, 263, 269, 277, 281, 283, 293, 307, 317, 331, 337, 349, 353,
];

/// The number of whose powers those primes are made.
const GENERATOR: u32 = 65_537;

/// Whether a modulus, in big-endian bytes, is one of the weak ones.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        is_power(remainder, *prime)
    })
}

fn is_power(number: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}
