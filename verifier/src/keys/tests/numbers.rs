//! The numbers that are no keys.

use super::*;

#[test]
fn v17_keeps_the_modulus_within_bounds() {
    for bits in [2048, 2049, 3072, 4096] {
        assert!(is_usable(&modulus(bits)), "{bits}");
    }
    for bits in [8, 512, 1024, 2047] {
        assert_eq!(fault(&modulus(bits)), KeyFault::ModulusTooSmall(bits));
    }
    for bits in [4097, 8192, 16384, 100_000] {
        assert_eq!(fault(&modulus(bits)), KeyFault::ModulusTooLarge(bits));
    }
    let member = |n: &str| fault(&with(modulus(2048), &json!({ "n": n })));
    assert_eq!(member(""), KeyFault::ModulusTooSmall(0));
    assert_eq!(member("AAAA"), KeyFault::ModulusTooSmall(0));
    assert_eq!(member("AQ=="), KeyFault::MemberMalformed("n"));
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    assert_eq!(member(&encode(even)), KeyFault::Invalid);
    // Leading zero octets do not make a modulus longer.
    let mut padded = vec![0; 128];
    padded.extend([0xff; 128]);
    assert_eq!(member(&encode(padded)), KeyFault::ModulusTooSmall(1024));
}

#[test]
fn v17_keeps_the_exponent_within_bounds() {
    let exponent = |bytes: &[u8]| with(modulus(2048), &json!({ "e": encode(bytes) }));
    for good in [&[3_u8][..], &[1, 0, 1], &[0, 0, 1, 0, 1], &[0xff; 4]] {
        assert!(is_usable(&exponent(good)), "{good:?}");
    }
    let mut huge = vec![0xff; 256];
    huge[0] = 0x7f;
    for bad in [&[][..], &[0], &[1], &[0, 1], &[2], &[4], &[1, 0, 0], &[1, 0, 0, 0, 1], &huge] {
        assert_eq!(fault(&exponent(bad)), KeyFault::ExponentUnusable, "{bad:?}");
    }
}

/// The product of two primes k·M + (65537^a mod M) of 1024 bits, where M is the product of the first 126
/// primes. Made for this test, with the structure that the weak keys have.
const ROCA: &str = "uuVA6G2VPuJoB0exO7hJo5ZIjmwHEmTbBmSAEQKVubA2SMRQmY4LHEsF5g6QcqpDH_UGeAnrVOHPx4FqwGCjLTaZ\
    xdl68RZ5QOfpuFEtjZhbbZV1pMe9AqHJGWfvtIwlCWHmg3ic24HzhdDakslBqdYpGasxP9oNShPIBiNFUhwf_yEl-33KCCs4DOH8pTwF\
    xddYq693fe8wZEDCVpLl5bMLeTtDetoctFsqAepuPWdxKJhZ_0zNwWpwiI_2mQKNgI55Y8LLlDDtMBNN-2GZv1TAaGQVoEdcurSl1Xhz\
    rCQrfvMws-3eSd-me3e4772ObJQ4C9PQp1PDHJph5DCcRw";

#[test]
fn v21_refuses_moduli_that_can_be_factored() {
    let weak = json!({ "kty": "RSA", "n": ROCA, "e": "AQAB" });
    assert_eq!(fault(&weak), KeyFault::ModulusWeak);
    // The structure is in the modulus alone, whatever the exponent.
    assert_eq!(fault(&with(weak, &json!({ "e": "Aw" }))), KeyFault::ModulusWeak);

    // One bit off, it is a modulus like any other.
    let mut bytes = crate::base64url::decode(ROCA).unwrap();
    let last = bytes.last_mut().unwrap();
    *last ^= 2;
    assert!(is_usable(&json!({ "kty": "RSA", "n": encode(bytes), "e": "AQAB" })));
    for bits in [2048, 3072, 4096] {
        assert!(is_usable(&Signer::rsa(Algorithm::Rs256, bits).jwk("k")), "{bits}");
    }
}

#[test]
fn v18_refuses_points_that_are_none() {
    for (algorithm, size) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
        let good = Signer::new(algorithm).jwk("k");
        let coordinate =
            |name: &str, bytes: &[u8]| fault(&with(good.clone(), &json!({ name: encode(bytes) })));
        for name in ["x", "y"] {
            let malformed = KeyFault::MemberMalformed(if name == "x" { "x" } else { "y" });
            for length in [0, 1, 31, 32, 33, 47, 48, 49, 64, 1000] {
                // On the curve would be chance.
                let expected = if length == size { KeyFault::Invalid } else { malformed.clone() };
                assert_eq!(coordinate(name, &vec![1; length]), expected, "{name} of {length}");
            }
            // Above the field prime is nowhere.
            for byte in [0, 0xff] {
                assert_eq!(coordinate(name, &vec![byte; size]), KeyFault::Invalid, "{name} {byte}");
            }
            assert_eq!(
                fault(&without(good.clone(), name)),
                KeyFault::MemberMissing(if name == "x" { "x" } else { "y" })
            );
            assert_eq!(fault(&with(good.clone(), &json!({ name: 1 }))), malformed);
        }
        // The point at infinity has no coordinates; zeros are none either.
        let zero = encode(vec![0; size]);
        assert_eq!(fault(&with(good.clone(), &json!({ "x": zero, "y": zero }))), KeyFault::Invalid);
    }
    // A point of one curve on the other.
    let p384 = Signer::new(Algorithm::Es384).jwk("k");
    assert_eq!(fault(&with(p384, &json!({ "crv": "P-256" }))), KeyFault::MemberMalformed("x"));
    let p256 = Signer::es256().jwk("k");
    assert_eq!(fault(&with(p256, &json!({ "crv": "P-384" }))), KeyFault::MemberMalformed("x"));
}

#[test]
fn v18_refuses_coordinates_that_are_not_reduced() {
    // Both curves have a point with x = 0. With x = p, its other spelling, it is none.
    for (crv, y, p) in [
        (
            "P-256",
            "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q",
            "_____wAAAAEAAAAAAAAAAAAAAAD_______________8",
        ),
        (
            "P-384",
            "wwZhD7CuWhWc9FwGBp8ipsXrNkHGAtQt6ixLT3VVB5NAbYDSuRrVT5BIvUh68a3h",
            "__________________________________________7_____AAAAAAAAAAD_____",
        ),
    ] {
        let zero = "A".repeat(p.len());
        assert!(is_usable(&json!({ "kty": "EC", "crv": crv, "x": zero, "y": y })), "{crv}");
        assert_eq!(fault(&json!({ "kty": "EC", "crv": crv, "x": p, "y": y })), KeyFault::Invalid, "{crv}");
    }
}

#[test]
fn v18_refuses_ed25519_keys_of_wrong_length_order_or_spelling() {
    let good = Signer::ed25519().jwk("k");
    let x = |bytes: &[u8]| fault(&with(good.clone(), &json!({ "x": encode(bytes) })));
    for length in [0, 1, 31, 33, 57, 64] {
        assert_eq!(x(&vec![1; length]), KeyFault::MemberMalformed("x"), "{length}");
    }
    // The neutral element, the point of order 2, one of order 4, and two of order 8.
    let mut order_2 = [0xff; 32];
    (order_2[0], order_2[31]) = (0xec, 0x7f);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let order_8 = [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ]
    .map(hex);
    for point in [neutral, order_2, [0; 32], order_8[0], order_8[1]] {
        assert_eq!(x(&point), KeyFault::Invalid, "{point:?}");
    }
    // y = 2²⁵⁵ − 1 = p + 18 and y = p + 3: second spellings of the points with y = 18 and y = 3.
    let mut beyond = [0xff; 32];
    beyond[31] = 0x7f;
    let mut three = beyond;
    three[0] = 0xf0;
    for spelling in [beyond, three] {
        assert_eq!(x(&spelling), KeyFault::Invalid, "{spelling:?}");
    }
    let mut plain = [0; 32];
    plain[0] = 3;
    assert!(is_usable(&with(good.clone(), &json!({ "x": encode(plain) }))), "y = 3 is a point");
    let curve = KeyFault::CurveUnsupported(Excerpt::new("X25519"));
    assert_eq!(fault(&with(good.clone(), &json!({ "crv": "X25519" }))), curve);
    assert_eq!(fault(&without(good, "crv")), KeyFault::MemberMissing("crv"));
}
