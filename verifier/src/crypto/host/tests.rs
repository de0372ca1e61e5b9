use super::*;
use crate::{
    crypto::{Backend, Tables},
    keys::{KeySet, KeyUse},
    limits,
    testing::{Signer, key_set},
};

const NEVER: HostCrypto = HostCrypto { algorithms: &[Algorithm::Rs256], verify: |_| Some(false) };
const AT_A_LOSS: HostCrypto = HostCrypto { algorithms: &[Algorithm::Es256], verify: |_| None };

/// What a key set of that one key says of a message with the right signature and of another.
fn verdicts(signer: &Signer, host: HostCrypto) -> [Result<(), WrongSignature>; 2] {
    let text = key_set(&[signer.jwk("k")]);
    let (keys, _) = KeySet::parse(&text, KeyUse::Signatures, Backend::Host(host)).unwrap();
    let key = keys.find(None, signer.algorithm()).unwrap();
    let signature = signer.sign(b"message");
    [b"message", b"another"]
        .map(|message| keys.verify(key, signer.algorithm(), message, &signature, &Tables::default()))
}

#[test]
fn the_host_has_the_word_on_what_it_can_do() {
    assert_eq!(verdicts(&Signer::rs256(), NEVER), [Err(WrongSignature); 2]);
}

#[test]
fn what_the_host_cannot_do_is_done_here() {
    assert_eq!(verdicts(&Signer::rs256(), AT_A_LOSS), [Ok(()), Err(WrongSignature)]);
    assert_eq!(verdicts(&Signer::es256(), AT_A_LOSS), [Ok(()), Err(WrongSignature)]);
}

#[test]
fn a_prepared_key_asks_nobody() {
    let signer = Signer::es256();
    let once =
        HostCrypto { algorithms: &[Algorithm::Es256], verify: |signed| Some(signed.message == b"first") };
    let (keys, _) =
        KeySet::parse(&key_set(&[signer.jwk("k")]), KeyUse::Signatures, Backend::Host(once)).unwrap();
    let key = keys.find(None, Algorithm::Es256).unwrap();
    let tables = Tables::default();
    let verify = |message: &[u8]| keys.verify(key, Algorithm::Es256, message, &signer.sign(message), &tables);
    for _ in 0..limits::KEY_TABLE_SIGNATURES {
        // Bad signatures, by whoever's word, prepare nothing.
        assert_eq!(verify(b"another"), Err(WrongSignature));
        assert_eq!(verify(b"first"), Ok(()));
    }
    assert_eq!(verify(b"another"), Ok(()));
}

#[test]
fn der_has_the_shortest_lengths_and_positive_numbers() {
    assert_eq!(element(SEQUENCE, &[]), [0x30, 0]);
    assert_eq!(element(SEQUENCE, &[7; 127])[..3], [0x30, 127, 7]);
    assert_eq!(element(SEQUENCE, &[7; 128])[..4], [0x30, 0x81, 128, 7]);
    assert_eq!(element(SEQUENCE, &[7; 256])[..5], [0x30, 0x82, 1, 0, 7]);
    assert_eq!(integer(&[0, 0, 1]), [2, 1, 1]);
    assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    assert_eq!(integer(&[0]), [2, 1, 0]);
}
