mod numbers;

use super::*;
use alloc::{format, string::ToString, vec};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{
    json::JsonError,
    testing::{BACKENDS, Signer, encode, hex, key_set},
};

/// Reads a set in every backend; they have to agree about what is a key.
fn parse(text: &str) -> Result<(KeySet, Vec<SkippedKey>), DocumentError> {
    let first = KeySet::parse(text, KeyUse::Signatures, Backend::Portable);
    for backend in BACKENDS {
        match (&first, KeySet::parse(text, KeyUse::Signatures, *backend)) {
            (Ok((_, one)), Ok((_, other))) => assert_eq!(*one, other, "{backend:?}"),
            (Err(one), Err(other)) => assert_eq!(*one, other, "{backend:?}"),
            (one, other) => panic!("{backend:?}: {one:?} and {other:?}"),
        }
    }
    first
}

/// The fault of a key in a set that also has a good one.
fn fault(jwk: &Json) -> KeyFault {
    let set = key_set(&[Signer::ed25519().jwk("good"), jwk.clone()]);
    let (keys, skipped) = parse(&set).unwrap();
    assert_eq!(keys.keys.len(), 1, "{jwk}");
    assert_eq!((skipped.len(), skipped[0].position), (1, 1), "{jwk}");
    skipped[0].fault.clone()
}

fn is_usable(jwk: &Json) -> bool {
    parse(&key_set(core::slice::from_ref(jwk))).is_ok_and(|(_, skipped)| skipped.is_empty())
}

fn with(mut jwk: Json, changes: &Json) -> Json {
    for (name, value) in changes.as_object().unwrap() {
        jwk.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    jwk
}

fn without(mut jwk: Json, member: &str) -> Json {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

/// An RSA key whose modulus has this many bits, and is odd; nobody has the private key.
fn modulus(bits: usize) -> Json {
    let mut bytes = vec![0xab; bits.div_ceil(8)];
    bytes[0] = 1 << ((bits - 1) % 8);
    *bytes.last_mut().unwrap() = 0x97;
    json!({ "kty": "RSA", "n": encode(bytes), "e": "AQAB" })
}

#[test]
fn v10_binds_type_curve_and_algorithm() {
    let (rsa, p256, ed25519) = (modulus(2048), Signer::es256().jwk("k"), Signer::ed25519().jwk("k"));
    let p384 = Signer::new(Algorithm::Es384).jwk("k");
    for (jwk, alg) in [
        (&rsa, "RS256"),
        (&rsa, "RS384"),
        (&rsa, "RS512"),
        (&rsa, "PS256"),
        (&rsa, "PS384"),
        (&rsa, "PS512"),
        (&p256, "ES256"),
        (&p384, "ES384"),
        (&ed25519, "EdDSA"),
        (&ed25519, "Ed25519"),
    ] {
        assert!(is_usable(&with(jwk.clone(), &json!({ "alg": alg }))), "{alg}");
    }
    for (jwk, alg) in [
        (&rsa, "RS1"),
        (&rsa, "ES256"),
        (&rsa, "rs256"),
        (&rsa, "RSA-OAEP"),
        (&rsa, "HS256"),
        (&rsa, "none"),
        (&p256, "ES384"),
        (&p384, "ES256"),
        (&p384, "ES512"),
        (&p256, "RS256"),
        (&p256, "ES256K"),
        (&p256, "es256"),
        (&p256, "ECDH-ES"),
        (&ed25519, "ES256"),
        (&ed25519, "Ed448"),
    ] {
        let expected = KeyFault::AlgorithmUnsupported(Excerpt::new(alg));
        assert_eq!(fault(&with(jwk.clone(), &json!({ "alg": alg }))), expected, "{alg}");
    }
    assert_eq!(fault(&with(p256, &json!({ "alg": 1 }))), KeyFault::MemberMalformed("alg"));
}

#[test]
fn v16_takes_keys_for_verification_only() {
    let jwk = Signer::es256().jwk("k");
    let used = |members: &Json| fault(&with(jwk.clone(), members));
    assert!(is_usable(&with(jwk.clone(), &json!({ "use": "sig", "key_ops": ["sign", "verify"] }))));
    assert_eq!(used(&json!({ "use": "enc" })), KeyFault::NotForSignatures);
    assert_eq!(used(&json!({ "use": "SIG" })), KeyFault::NotForSignatures);
    assert_eq!(used(&json!({ "use": ["sig"] })), KeyFault::MemberMalformed("use"));
    for operations in
        [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"]), json!([1]), json!(["Verify"])]
    {
        assert_eq!(used(&json!({ "key_ops": operations })), KeyFault::NotForVerification);
    }
    assert_eq!(used(&json!({ "key_ops": "verify" })), KeyFault::MemberMalformed("key_ops"));
    // Both say what the key is for, and both have to agree (RFC 7517 §4.3).
    assert_eq!(used(&json!({ "use": "enc", "key_ops": ["verify"] })), KeyFault::NotForSignatures);
}

#[test]
fn of_a_bundle_only_the_keys_of_jwt_svids_are_used() {
    let jwk = Signer::es256().jwk("k");
    let key = |usage: &str| with(jwk.clone(), &json!({ "use": usage }));
    let parse = |jwks: &[Json]| KeySet::parse(&key_set(jwks), KeyUse::JwtSvids, Backend::Portable);
    let (keys, skipped) = parse(&[key("x509-svid"), key("jwt-svid"), key("sig"), jwk.clone()]).unwrap();
    let skipped: Vec<_> = skipped.into_iter().map(|key| (key.position, key.fault)).collect();
    assert_eq!(skipped, [0, 2, 3].map(|position| (position, KeyFault::NotForJwtSvids)));
    assert_eq!(keys.find(Some("k"), Algorithm::Es256), Ok(KeyIndex(0)));
    assert_eq!(fault(&key("jwt-svid")), KeyFault::NotForSignatures);
}

#[test]
fn v19_reports_secrets_that_were_published() {
    assert_eq!(fault(&json!({ "kty": "oct", "k": "c2VjcmV0" })), KeyFault::Symmetric);
    assert_eq!(fault(&json!({ "kty": "oct" })), KeyFault::Symmetric);
    for jwk in [modulus(2048), Signer::es256().jwk("k"), Signer::ed25519().jwk("k")] {
        assert_eq!(fault(&with(jwk.clone(), &json!({ "d": "AQ" }))), KeyFault::Private);
        // Whatever else is wrong with it, that is what somebody has to hear.
        assert_eq!(fault(&with(jwk, &json!({ "d": null, "use": "enc", "alg": "x" }))), KeyFault::Private);
    }
    for member in ["p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(fault(&with(modulus(2048), &json!({ member: "AQ" }))), KeyFault::Private, "{member}");
    }
    let (_, skipped) = parse(&key_set(&[
        Signer::es256().jwk("good"),
        json!({ "kty": "oct", "kid": "mac", "k": "c2VjcmV0" }),
    ]))
    .unwrap();
    assert_eq!(
        skipped[0].to_string(),
        r#"key 1 of the set ("mac") is not used: it is a shared secret, published: replace it"#
    );
}

#[test]
fn v20_skips_what_it_does_not_know() {
    for (jwk, expected) in [
        (
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
            KeyFault::TypeUnsupported(Excerpt::new("AKP")),
        ),
        (json!({ "kty": "rsa" }), KeyFault::TypeUnsupported(Excerpt::new("rsa"))),
        (
            json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
            KeyFault::CurveUnsupported(Excerpt::new("P-521")),
        ),
        (
            json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
            KeyFault::CurveUnsupported(Excerpt::new("secp256k1")),
        ),
        (
            json!({ "kty": "OKP", "crv": "Ed448", "x": "AA" }),
            KeyFault::CurveUnsupported(Excerpt::new("Ed448")),
        ),
        (json!({}), KeyFault::MemberMissing("kty")),
        (json!({ "kty": 1 }), KeyFault::MemberMalformed("kty")),
        (json!({ "kty": "RSA", "e": "AQAB" }), KeyFault::MemberMissing("n")),
        (json!({ "kty": "RSA", "kid": 7 }), KeyFault::MemberMalformed("kid")),
        (json!({ "kty": "RSA", "kid": "k".repeat(257) }), KeyFault::MemberMalformed("kid")),
        (json!([]), KeyFault::NotAnObject),
        (json!("RSA"), KeyFault::NotAnObject),
        (json!(null), KeyFault::NotAnObject),
    ] {
        assert_eq!(fault(&jwk), expected, "{jwk}");
    }
}

#[test]
fn v14_finds_the_one_key_that_answers() {
    let (a, b, c) = (Signer::es256().jwk("a"), Signer::es256().jwk("b"), Signer::ed25519().jwk("a"));
    let nameless = without(Signer::es256().jwk(""), "kid");
    let set = |keys: &[&Json]| {
        let keys: Vec<Json> = keys.iter().map(|key| (*key).clone()).collect();
        parse(&key_set(&keys)).unwrap().0
    };
    let find = |keys: &[&Json], kid: Option<&str>| set(keys).find(kid, Algorithm::Es256);
    let found = |index: usize| Ok(KeyIndex(index));
    let unknown = |kid: Option<&str>| {
        Err(Error::KeyUnknown { kid: kid.map(Excerpt::new), algorithm: Algorithm::Es256 })
    };

    assert_eq!(find(&[&a, &b], Some("b")), found(1));
    // The same identifier under another algorithm is another key (RFC 7517 §4.5).
    assert_eq!(find(&[&c, &a], Some("a")), found(1));
    assert_eq!(find(&[&a, &c], None), found(0));
    assert_eq!(find(&[&nameless], None), found(0));
    assert_eq!(find(&[&a, &b], Some("A")), unknown(Some("A")));
    assert_eq!(find(&[&nameless], Some("a")), unknown(Some("a")));
    assert_eq!(find(&[&c], None), unknown(None));
    assert_eq!(find(&[&a, &b], None), Err(Error::KeyAmbiguous { keys: 2 }));
    assert_eq!(find(&[&a, &b, &a], Some("a")), Err(Error::KeyAmbiguous { keys: 2 }));
}

#[test]
fn v10_lets_an_rsa_key_serve_all_its_algorithms_or_the_one_it_names() {
    let signer = Signer::rs256();
    let (good, tables) = (signer.sign(b"message"), Tables::default());
    let verifies = |jwk: Json, algorithm| {
        let (set, _) = parse(&key_set(&[jwk])).unwrap();
        let index = set.find(None, algorithm)?;
        Ok(set.verify(index, algorithm, b"message", &good, &tables))
    };
    for algorithm in Algorithm::ALL {
        let unknown = Err(Error::KeyUnknown { kid: None, algorithm });
        let wrong = Ok(Err(WrongSignature));
        let (free, pinned) = match algorithm {
            Algorithm::Rs256 => (Ok(Ok(())), Ok(Ok(()))),
            _ if algorithm.key_kind() == KeyKind::Rsa => (wrong, unknown),
            _ => (unknown.clone(), unknown),
        };
        assert_eq!(verifies(signer.jwk("k"), algorithm), free, "{algorithm}");
        let jwk = with(signer.jwk("k"), &json!({ "alg": "RS256" }));
        assert_eq!(verifies(jwk, algorithm), pinned, "{algorithm}");
    }
}

#[test]
fn v10_verifies_with_no_other_algorithm_than_the_key_s_own() {
    for signer in Algorithm::ALL.map(Signer::new) {
        for backend in BACKENDS {
            let text = key_set(&[with(signer.jwk("k"), &json!({ "alg": signer.alg() }))]);
            let (set, _) = KeySet::parse(&text, KeyUse::Signatures, *backend).unwrap();
            let index = set.find(Some("k"), signer.algorithm()).unwrap();
            let verdict = |algorithm, signature: &[u8]| {
                set.verify(index, algorithm, b"message", signature, &Tables::default())
            };
            let good = signer.sign(b"message");
            assert_eq!(verdict(signer.algorithm(), &good), Ok(()), "{backend:?} {}", signer.alg());
            for other in Algorithm::ALL.into_iter().filter(|other| *other != signer.algorithm()) {
                assert_eq!(verdict(other, &good), Err(WrongSignature), "{backend:?} {other}");
                // The RSA signers have one key: this is its signature, by an algorithm it is not for.
                let foreign = Signer::new(other).sign(b"message");
                assert_eq!(verdict(other, &foreign), Err(WrongSignature), "{backend:?} {other}");
            }
        }
    }
}

#[test]
fn v41_tells_keys_apart_by_all_that_decides_what_they_verify() {
    let set = |jwk: &Json| parse(&key_set(core::slice::from_ref(jwk))).unwrap().0;
    let rsa = Signer::rs256().jwk("k");
    let p256 = Signer::es256().jwk("k");
    let different = [
        rsa.clone(),
        without(rsa.clone(), "kid"),
        with(rsa.clone(), &json!({ "kid": "" })),
        with(rsa.clone(), &json!({ "alg": "RS256" })),
        with(rsa.clone(), &json!({ "alg": "PS256" })),
        with(rsa.clone(), &json!({ "e": "Aw" })),
        p256.clone(),
        Signer::es256().jwk("k"),
        Signer::new(Algorithm::Es384).jwk("k"),
        Signer::ed25519().jwk("k"),
    ];
    for (i, one) in different.iter().enumerate() {
        let fingerprint = set(one).fingerprint(KeyIndex(0));
        for (j, other) in different.iter().enumerate() {
            assert_eq!(set(other).contains(&fingerprint), i == j, "{one} {other}");
        }
    }
    // What does not matter to verification does not matter here.
    let same = with(p256.clone(), &json!({ "use": "sig", "x5t": "AA" }));
    assert!(set(&same).contains(&set(&p256).fingerprint(KeyIndex(0))));
    assert!(!set(&p256).contains(&set(&p256).fingerprint(KeyIndex(1))));
}

#[test]
fn adopts_what_an_older_set_prepared() {
    for backend in BACKENDS {
        for signer in [Signer::es256(), Signer::ed25519()] {
            let (tables, good) = (Tables::default(), signer.sign(b"message"));
            let set = |jwks: &[Json]| KeySet::parse(&key_set(jwks), KeyUse::Signatures, *backend).unwrap().0;
            let older = set(&[signer.jwk("k")]);
            let algorithm = signer.algorithm();
            assert_eq!(older.verify(KeyIndex(0), algorithm, b"message", &good, &tables), Ok(()));
            let mut newer = set(&[Signer::es256().jwk("other"), signer.jwk("k")]);
            newer.adopt(&older);
            let index = newer.find(Some("k"), algorithm).unwrap();
            assert_eq!(newer.verify(index, algorithm, b"message", &good, &tables), Ok(()));
            assert_eq!(newer.verify(index, algorithm, b"massage", &good, &tables), Err(WrongSignature));
            let other = newer.find(Some("other"), Algorithm::Es256).unwrap();
            let verdict = newer.verify(other, Algorithm::Es256, b"message", &good, &tables);
            assert_eq!(verdict, Err(WrongSignature));
        }
    }
}

#[test]
fn v43_refuses_documents_that_are_no_key_set() {
    for text in ["[]", "null", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#] {
        assert_eq!(parse(text).unwrap_err(), DocumentError::NotAKeySet, "{text}");
    }
    assert_eq!(parse(r#"{"keys":[]}"#).unwrap_err(), DocumentError::NoUsableKey(vec![]));
    let oct = SkippedKey { position: 0, id: Some(Excerpt::new("m")), fault: KeyFault::Symmetric };
    let found = parse(r#"{"keys":[{"kty":"oct","kid":"m"}]}"#).unwrap_err();
    assert_eq!(found, DocumentError::NoUsableKey(vec![oct]));
    assert_eq!(
        found.to_string(),
        r#"the key set has no usable key; key 0 of the set ("m") is not used: it is a shared secret, published: replace it"#
    );
    for (text, at, fault) in [
        ("", 0, json::JsonFault::UnexpectedEnd),
        ("<html>", 0, json::JsonFault::Unexpected),
        (r#"{"keys":[],"keys":[]}"#, 11, json::JsonFault::DuplicateMember),
        (r#"{"keys":[]"#, 10, json::JsonFault::UnexpectedEnd),
    ] {
        assert_eq!(parse(text).unwrap_err(), DocumentError::NotJson(JsonError { at, fault }), "{text}");
    }
}

#[test]
fn v43_bounds_the_set_in_keys_and_bytes() {
    let jwk = Signer::ed25519().jwk("k");
    let set = |keys: usize| key_set(&vec![jwk.clone(); keys]);
    assert_eq!(parse(&set(limits::KEY_SET_KEYS)).unwrap().0.keys.len(), limits::KEY_SET_KEYS);
    assert_eq!(parse(&set(101)).unwrap_err(), DocumentError::TooManyKeys(101));

    let padded = |bytes: usize| format!("{}{}", set(1), " ".repeat(bytes - set(1).len()));
    assert!(parse(&padded(limits::KEY_SET_BYTES)).is_ok());
    let at = limits::KEY_SET_BYTES;
    let too_long = DocumentError::NotJson(JsonError { at, fault: json::JsonFault::TooLong });
    assert_eq!(parse(&padded(at + 1)).unwrap_err(), too_long);
}

proptest! {
    #[test]
    fn survives_any_document(text in r#"[\[\]{}:,"a-z0-9 .-]{0,120}"#) {
        let _ = parse(&text);
    }

    /// Any bytes in the place of numbers: a key or a reason, and no panic; and what is a key verifies
    /// nothing by chance.
    #[test]
    fn v18_survives_any_numbers(
        kind in 0..4_usize,
        a in proptest::collection::vec(any::<u8>(), 0..300),
        b in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let (a, b) = (encode(a), encode(b));
        let jwk = match kind {
            0 => json!({ "kty": "RSA", "n": a, "e": b }),
            1 => json!({ "kty": "EC", "crv": "P-256", "x": b, "y": b }),
            2 => json!({ "kty": "EC", "crv": "P-384", "x": b, "y": b }),
            _ => json!({ "kty": "OKP", "crv": "Ed25519", "x": b }),
        };
        if let Ok((set, _)) = parse(&key_set(&[jwk])) {
            for length in [0, 1, 64, 96, 256] {
                for algorithm in Algorithm::ALL {
                    let verdict = set.keys[0].public.verify(algorithm, b"message", &vec![1; length], &Tables::default());
                    prop_assert_eq!(verdict, Err(WrongSignature));
                }
            }
        }
    }
}
