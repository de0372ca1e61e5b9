use super::*;

/// Right about what it checks.
fn right(signed: &SignatureInput<'_>) -> Option<bool> {
    let answers = known_answers::all();
    let known = answers.iter().find(|known| known.algorithm == signed.algorithm)?;
    let good = known.good();
    Some((good.key, good.message, good.signature) == (signed.key, signed.message, signed.signature))
}

#[test]
fn only_what_is_right_about_good_and_bad_signatures_is_asked() {
    use Algorithm::{Es256, Rs256, Rs384, Rs512};
    assert_eq!(proven(right), [Rs256, Rs384, Rs512, Es256]);
    assert_eq!(proven(|_| None), []);
    assert_eq!(proven(|_| Some(true)), [], "calls everything good");
    assert_eq!(proven(|_| Some(false)), []);
    assert_eq!(proven(|signed| right(signed).filter(|_| signed.algorithm == Rs384)), [Rs384]);
    // It looks at the message alone.
    assert_eq!(proven(|signed| Some(signed.message == b"tessera")), []);
}

#[test]
fn the_sandbox_does_all_where_the_configuration_says_so() {
    assert_eq!(Crypto::Wasm.lent(right), Lent(&[]));
    assert_eq!(Lent(&[]).to_string(), "every signature is verified in the sandbox");
    assert_eq!(Lent(&[Algorithm::Es256]).to_string(), "Envoy lends its cryptography for ES256");
}
