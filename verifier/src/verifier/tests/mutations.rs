//! What is not exactly a good token never verifies, and nothing makes the verifier panic.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

/// One signer of each quick algorithm, a verifier that knows both, and their good tokens.
static GOOD: LazyLock<(Verifier, [String; 2])> = LazyLock::new(|| {
    let (p256, ed25519) = (Signer::es256(), Signer::ed25519());
    let verifier = verifier(&[p256.jwk("p"), ed25519.jwk("e")], &json!({}));
    (verifier, [p256.access_token("p", &[]), ed25519.access_token("e", &[])])
});

#[test]
fn v24_no_other_character_anywhere_verifies() {
    let (verifier, tokens) = &*GOOD;
    let mut verifier = verifier.clone();
    for token in tokens {
        assert_eq!(refusal(&mut verifier, token), None);
        for (at, old) in token.char_indices() {
            // A neighbour in the alphabet, the other extreme of it, and what is not in it.
            for new in ['A', 'B', '_', '.', '='] {
                if new != old {
                    let mut mutated = token.clone();
                    mutated.replace_range(at..=at, new.encode_utf8(&mut [0; 4]));
                    assert!(refusal(&mut verifier, &mutated).is_some(), "{new} at {at} of {token}");
                }
            }
        }
    }
}

#[test]
fn v03_no_shorter_longer_or_padded_text_verifies() {
    let (verifier, tokens) = &*GOOD;
    let mut verifier = verifier.clone();
    for token in tokens {
        for end in 0..token.len() {
            assert!(refusal(&mut verifier, token.get(..end).unwrap()).is_some(), "{end}");
            assert!(refusal(&mut verifier, token.get(end + 1..).unwrap()).is_some(), "{end}");
        }
        for affix in ["=", "==", ".", " ", "\n", "\0", "A", "é"] {
            assert!(refusal(&mut verifier, &format!("{token}{affix}")).is_some(), "{affix:?} after");
            assert!(refusal(&mut verifier, &format!("{affix}{token}")).is_some(), "{affix:?} before");
        }
    }
}

#[test]
fn parts_of_two_good_tokens_make_no_third() {
    let (verifier, [a, b]) = &*GOOD;
    let mut verifier = verifier.clone();
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    for mixed in [[a[0], a[1], b[2]], [b[0], a[1], a[2]], [a[0], b[1], b[2]]] {
        let found = refusal(&mut verifier, &mixed.join("."));
        // Both have the same claims, so that a payload alone may be exchanged.
        assert_eq!(found, Some(Error::SignatureWrong), "{mixed:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut verifier = GOOD.0.clone();
        prop_assert!(refusal(&mut verifier, &String::from_utf8_lossy(&bytes)).is_some());
    }

    #[test]
    fn what_looks_like_a_token_is_refused(
        header in prop_oneof![Just(header("ES256", "p")), r#"\{("(alg|kid|typ|crit)":("ES256"|"p"|"at\+jwt"|1|\[\])?,?){0,4}\}"#],
        payload in prop_oneof![Just(claims(&[])), r#"\{("(iss|sub|exp|aud)":("orders"|[0-9]{1,12}|\[\])?,?){0,4}\}"#],
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut verifier = GOOD.0.clone();
        let token = format!("{}.{}.{}", encode(header), encode(payload), encode(signature));
        prop_assert!(refusal(&mut verifier, &token).is_some());
    }

    #[test]
    fn some_mutations_of_a_good_token_are_refused(
        which in 0..2_usize,
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let token = &GOOD.1[which];
        let mut bytes = token.clone().into_bytes();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let mutated = String::from_utf8_lossy(&bytes);
        let mut verifier = GOOD.0.clone();
        prop_assert_eq!(refusal(&mut verifier, &mutated).is_none(), mutated == token.as_str());
    }

    #[test]
    fn any_request_is_survived(
        method in ".{0,10}", target in ".{0,40}", name in "(?i)authorization|.{0,10}", value in "(Bearer )?.{0,40}",
        seconds in any::<u64>(),
    ) {
        let mut verifier = GOOD.0.clone();
        let headers = [(name.as_str(), value.as_str())];
        let request = Request { method: &method, host: &method, target: &target, headers: &headers };
        let decision = testing::authorize(&mut verifier, &request, Timestamp::from_seconds(seconds));
        prop_assert!(matches!(decision, Decision::Deny(_)), "{:?}", decision);
    }
}
