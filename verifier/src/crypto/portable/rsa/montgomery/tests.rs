use super::*;
use alloc::vec::Vec;
use proptest::{collection::vec as bytes, prelude::*};
use rsa::{BoxedUint, PublicKey, hazmat::rsa_encrypt};

/// The power by both kinds of digits, which have to agree.
fn power(modulus: &[u8], base: &[u8], exponent: u32) -> Option<Vec<u8>> {
    let (short, long) = (Modulus::<u32>::new(modulus)?, Modulus::<u64>::new(modulus)?);
    assert_eq!(short.bits(), long.bits());
    let mut results = [vec![0; modulus.len()], vec![0; modulus.len()]];
    let below = [short.power(base, exponent, &mut results[0]), long.power(base, exponent, &mut results[1])];
    assert_eq!(below[0], below[1]);
    assert_eq!(results[0], results[1]);
    let [result, _] = results;
    below[0].then_some(result)
}

/// The power by the `rsa` crate.
fn expected(modulus: &[u8], base: &[u8], exponent: u32) -> Vec<u8> {
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    let base = BoxedUint::from_be_slice(base, modulus.bits_precision()).unwrap();
    let key = PublicKey::new_unchecked(modulus, u64::from(exponent).into());
    rsa_encrypt(&key, &base).unwrap().to_be_bytes().to_vec()
}

fn agrees(modulus: &[u8], base: &[u8], exponent: u32) {
    let expected = expected(modulus, base, exponent);
    let found = power(modulus, base, exponent).unwrap();
    let skipped = expected.len() - found.len();
    assert!(expected[..skipped].iter().all(|byte| *byte == 0));
    assert_eq!(found, expected[skipped..], "{base:x?} ^ {exponent} mod {modulus:x?}");
}

/// `number − 1`, for a number that is not zero.
fn before(number: &[u8]) -> Vec<u8> {
    let mut number = number.to_vec();
    for byte in number.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            break;
        }
    }
    number
}

/// An odd modulus of that many bits, its other bits as they come.
fn modulus(bits: usize, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bits.div_ceil(8));
    bytes[0] &= 0xff >> (bytes.len() * 8 - bits);
    bytes[0] |= 1 << ((bits - 1) % 8);
    *bytes.last_mut().unwrap() |= 1;
    bytes
}

#[test]
fn agrees_with_another_implementation_at_the_edges() {
    // Sizes on both sides of the digits' boundaries: 28·74 = 2072 and 60·36 = 2160, less two bits.
    for bits in [2048, 2049, 2055, 2056, 2057, 2070, 2071, 2072, 2158, 2159, 2160, 3072, 4095, 4096] {
        let ones = modulus(bits, vec![0xff; 512]);
        let zeros = modulus(bits, vec![0; 512]);
        let carries = modulus(bits, [0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0].repeat(64));
        for modulus in [&ones, &zeros, &carries] {
            let mut one = vec![0; modulus.len()];
            one[modulus.len() - 1] = 1;
            let mut high = vec![0; modulus.len()];
            high[0] = if modulus[0] == 1 { 0 } else { modulus[0] >> 1 };
            let mut full = vec![0xff; modulus.len()];
            full[0] = high[0];
            for base in [vec![0; modulus.len()], one, before(modulus), before(&before(modulus)), high, full] {
                for exponent in [3, 65_537] {
                    agrees(modulus, &base, exponent);
                }
            }
        }
    }
}

#[test]
fn agrees_with_another_implementation_about_exponents() {
    let modulus = modulus(2048, vec![0xcd; 512]);
    for exponent in [3, 5, 17, 0x0001_0001, 0x8000_0001, u32::MAX] {
        agrees(&modulus, &before(&modulus), exponent);
        agrees(&modulus, &before(&before(&modulus)), exponent);
    }
}

#[test]
fn knows_small_powers() {
    assert_eq!(power(&[35], &[2], 3), Some(vec![8]));
    assert_eq!(power(&[35], &[3], 5), Some(vec![33]));
    assert_eq!(power(&[0, 35], &[0, 3], 5), Some(vec![0, 33]));
}

#[test]
fn takes_numbers_below_the_modulus_only() {
    let modulus = modulus(2048, vec![0xab; 256]);
    let mut above = modulus.clone();
    above[255] = 0xff;
    for base in [&modulus, &above, &vec![0xff; 256]] {
        assert_eq!(power(&modulus, base, 65_537), None);
    }
    assert!(power(&modulus, &before(&modulus), 65_537).is_some());
}

#[test]
fn takes_odd_moduli_up_to_the_limit() {
    let is_one = |modulus: &[u8]| {
        assert_eq!(Modulus::<u32>::new(modulus).is_some(), Modulus::<u64>::new(modulus).is_some());
        Modulus::<u64>::new(modulus).is_some()
    };
    for good in [&[1][..], &[3], &[0, 0, 3], &[0xff; 512]] {
        assert!(is_one(good), "{good:x?}");
    }
    let mut long = vec![0xff; 513];
    long[0] = 1;
    for bad in [&[][..], &[0], &[0; 256], &[2], &[0xfe], &long] {
        assert!(!is_one(bad), "{bad:x?}");
    }
}

proptest! {
    #[test]
    fn agrees_with_another_implementation(
        bits in 2048_usize..=4096,
        number in bytes(any::<u8>(), 512),
        base in bytes(any::<u8>(), 512),
        exponent in prop_oneof![Just(65_537), Just(3), any::<u32>().prop_map(|e| e | 3)],
    ) {
        let modulus = modulus(bits, number);
        let mut base = base[..modulus.len()].to_vec();
        base[0] = modulus[0] >> 1;
        if modulus[0] == 1 {
            base[1] = modulus[1] >> 1;
        }
        agrees(&modulus, &base, exponent);
    }
}
