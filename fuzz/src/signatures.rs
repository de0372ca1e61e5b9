//! Signatures, differentially: our own arithmetic against aws-lc on the same key, message and signature, with and
//! without the tables of a prepared key.
//!
//! An input is a line of JSON, so that the corpus can seed it and a find can be read:
//! `{"alg", "x", "y", "message", "signature", "twist"}`, numbers and signature in hexadecimal (RSA: modulus and
//! exponent as `x` and `y`), with a number `twist` that says what is done to the signature first.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use serde::Deserialize;
use tessera_verifier::{
    Algorithm,
    fuzzing::{Backend, Key, Numbers, Tables},
};

/// An input, its numbers in hexadecimal.
#[derive(Deserialize)]
struct Input<'i> {
    alg: &'i str,
    /// The modulus of RSA, or x.
    x: &'i str,
    /// The exponent of RSA, or y, or empty.
    y: &'i str,
    message: &'i str,
    signature: &'i str,
    #[serde(default)]
    twist: u8,
}

/// One key three ways.
struct Keys {
    plain: Key,
    prepared: Key,
    aws_lc: Key,
}

/// How many keys are kept: an input's key is mostly one that was there before, and tables cost much to build.
const KEPT: usize = 32;

thread_local! {
    static KEYS: RefCell<HashMap<Numbers, Keys>> = RefCell::default();
}

/// A good signature (RFC 8032 §7.1, test 1): targets that only ever see bad ones compare nothing.
const GOOD: &str = r#"{"alg":"EdDSA","x":"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a","y":"",
    "message":"","signature":"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"}"#;

static JUDGED: LazyLock<Option<bool>> = LazyLock::new(|| verdict(GOOD.as_bytes()));

/// Compares the verdicts on one signature.
pub fn run(data: &[u8]) {
    assert_eq!(*JUDGED, Some(true), "a good signature is refused");
    let _ = verdict(data);
}

/// What all of them say about a signature; nothing, if the input is not one of a key.
fn verdict(data: &[u8]) -> Option<bool> {
    let input: Input<'_> = serde_json::from_slice(data).ok()?;
    let own = Algorithm::from_name(input.alg)?;
    let (numbers, mut signature) = (numbers(own, &input)?, hex(input.signature)?);
    let message = input.message.as_bytes();
    twist(input.twist, own, &numbers, &mut signature);
    KEYS.with_borrow_mut(|keys| {
        if keys.len() >= KEPT {
            keys.clear();
        }
        if !keys.contains_key(&numbers) {
            keys.insert(numbers.clone(), make(&numbers)?);
        }
        let Keys { plain, prepared, aws_lc } = keys.get(&numbers)?;
        // Every algorithm: one for another kind of key has no good signatures.
        let mut good = false;
        for algorithm in Algorithm::ALL {
            let verdicts = [plain, prepared, aws_lc].map(|key| key.verifies(algorithm, message, &signature));
            let [plain, prepared, aws_lc] = verdicts;
            assert!(plain == prepared && plain == aws_lc, "{algorithm}: {verdicts:?} on {signature:02x?}");
            assert!(!plain || !good, "{algorithm} and another verify {signature:02x?}");
            good |= plain;
        }
        Some(good)
    })
}

fn make(numbers: &Numbers) -> Option<Keys> {
    let plain = Key::new(Backend::Portable, numbers);
    let aws_lc = Key::new(Backend::AwsLc, numbers);
    assert_eq!(plain.is_some(), aws_lc.is_some(), "the backends disagree about {numbers:02x?}");
    let (plain, aws_lc) = (plain?, aws_lc?);
    let prepared = Key::new(Backend::Portable, numbers)?;
    prepared.prepare(&Tables::default());
    Some(Keys { plain, prepared, aws_lc })
}

/// The key's numbers, if a key set's reader would let them through.
fn numbers(algorithm: Algorithm, input: &Input<'_>) -> Option<Numbers> {
    let (x, y) = (hex(input.x)?, hex(input.y)?);
    match algorithm {
        Algorithm::Es256 => Some(Numbers::P256(x.try_into().ok()?, y.try_into().ok()?)),
        Algorithm::Es384 => Some(Numbers::P384(x.try_into().ok()?, y.try_into().ok()?)),
        Algorithm::EdDsa => Some(Numbers::Ed25519(x.try_into().ok()?)),
        _ => {
            let exponent = u32::from_be_bytes(y.try_into().ok()?);
            let odd = x.last().is_some_and(|last| last % 2 == 1) && exponent % 2 == 1 && exponent > 1;
            let sized = (256..=512).contains(&x.len()) && x.first().is_some_and(|first| *first >= 0x80);
            (odd && sized).then_some(Numbers::Rsa { modulus: x, exponent })
        }
    }
}

/// Numbers at which implementations part: 0, 1, the order and the prime with their neighbours, the largest.
#[rustfmt::skip]
const EDGES_256: [&str; 10] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
    "ffffffff00000001000000000000000000000000fffffffffffffffffffffffe",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[rustfmt::skip]
const EDGES_384: [&str; 5] = [
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52972",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// Encodings of RFC 8032: 0, 1, −1 and their non-canonical twins, points of order 8, and L with its neighbours.
#[rustfmt::skip]
const EDGES_EDWARDS: [&str; 10] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
];

/// Does to a signature what an attacker would: half of it an edge value, the other s, a multiple more, a byte less.
fn twist(twist: u8, algorithm: Algorithm, numbers: &Numbers, signature: &mut Vec<u8>) {
    let (kind, choice) = (twist % 8, usize::from(twist / 8));
    match kind {
        0 => {}
        1 => drop(signature.pop()),
        2 => signature.push(0),
        3 => signature.insert(0, 0),
        4 => drop(signature.first().copied().filter(|first| *first == 0).map(|_| signature.remove(0))),
        5 => *signature = complement(algorithm, numbers, signature),
        _ => {
            let edges: &[&str] = match algorithm {
                Algorithm::Es256 => &EDGES_256,
                Algorithm::Es384 => &EDGES_384,
                Algorithm::EdDsa => &EDGES_EDWARDS,
                _ => return rsa_edge(choice, numbers, signature),
            };
            let edge = edges.get(choice % edges.len()).and_then(|text| hex(text)).unwrap_or_default();
            let half = signature.len() / 2;
            let at = if kind == 6 { 0 } else { half };
            if let Some(part) = signature.get_mut(at..at + half).filter(|part| part.len() == edge.len()) {
                part.copy_from_slice(&edge);
            }
        }
    }
}

/// 0, 1, n − 1, n, or the largest number, as long as the modulus.
fn rsa_edge(choice: usize, numbers: &Numbers, signature: &mut Vec<u8>) {
    let Numbers::Rsa { modulus, .. } = numbers else { return };
    let mut number = match choice % 5 {
        0 | 1 => vec![0; modulus.len()],
        2 | 3 => modulus.clone(),
        _ => vec![0xff; modulus.len()],
    };
    if let (Some(last), 1 | 2) = (number.last_mut(), choice % 5) {
        // The modulus is odd.
        *last ^= 1;
    }
    *signature = number;
}

/// The other signature that the bare equation has: n − s of ECDSA, S + L of Ed25519, n − s of RSA.
fn complement(algorithm: Algorithm, numbers: &Numbers, signature: &[u8]) -> Vec<u8> {
    let half = signature.len() / 2;
    let (r, s) = signature.split_at_checked(half).unwrap_or_default();
    match (algorithm, numbers) {
        (Algorithm::Es256, _) => [r, &subtract(&hex(EDGES_256[3]).unwrap_or_default(), s)].concat(),
        (Algorithm::Es384, _) => [r, &subtract(&hex(EDGES_384[3]).unwrap_or_default(), s)].concat(),
        (Algorithm::EdDsa, _) => {
            let order = hex(EDGES_EDWARDS[9]).unwrap_or_default();
            let mut carry = 0;
            let sum = s.iter().zip(order).map(|(a, b)| {
                let sum = u16::from(*a) + u16::from(b) + carry;
                carry = sum >> 8;
                sum.to_le_bytes()[0]
            });
            [r, &sum.collect::<Vec<u8>>()].concat()
        }
        (_, Numbers::Rsa { modulus, .. }) => subtract(modulus, signature),
        _ => signature.to_vec(),
    }
}

/// The difference of two big-endian numbers of one length, modulo that length.
fn subtract(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = from
        .iter()
        .zip(number)
        .rev()
        .map(|(a, b)| {
            let (first, one) = a.overflowing_sub(*b);
            let (second, two) = first.overflowing_sub(borrow);
            borrow = u8::from(one || two);
            second
        })
        .collect();
    difference.reverse();
    difference
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
