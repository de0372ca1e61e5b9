//! A verifier that threads share: what one of them checks, another may settle after the world has changed.

use super::*;

const URL: &str = "https://issuer.example/jwks.json";

fn remote() -> Verifier {
    testing::load(&testing::policy(json!({ "jwks_uri": URL })))
}

fn check(verifier: &Verifier, token: &str) -> Check<Result<Arc<VerifiedToken>, Error>> {
    verifier.check_token(token, AcceptedAudience::OfPolicy, at(0))
}

#[test]
fn a_token_that_was_seen_before_is_settled_by_the_check() {
    let (signer, mut verifier) = pair(&json!({}));
    let token = signer.access_token("k", &[]);
    let first = check(&verifier, &token).settled().unwrap_err();
    // Without being settled, it is not remembered.
    let again = check(&verifier, &token).settled().unwrap_err();
    assert_eq!(verifier.cache_hits(), 0);
    for check in [first, again] {
        assert!(matches!(verifier.settle(check, &mut Attempt::new(), at(0)), Step::Done(Ok(_))));
    }
    assert!(check(&verifier, &token).settled().unwrap().is_ok());
    assert_eq!((verifier.cache_hits(), verifier.authenticator.remembered()), (1, 1));
    // So is a refusal that nothing could change.
    assert!(check(&verifier, "a.b").settled().unwrap().is_err());
}

#[test]
fn threads_check_by_one_verifier() {
    let (signer, mut verifier) = pair(&json!({}));
    let tokens: Vec<String> =
        (0..8).map(|n| signer.access_token("k", &[("jti", &format!("\"{n}\""))])).collect();
    for token in &tokens[..4] {
        verdict(&mut verifier, token, at(0)).unwrap();
    }
    let verifier = &verifier;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (n, token) in tokens.iter().enumerate() {
                    match check(verifier, token).settled() {
                        Ok(verdict) => assert!(n < 4 && verdict.is_ok()),
                        Err(_) => assert!(n >= 4),
                    }
                }
            });
        }
    });
    assert_eq!(verifier.cache_hits(), 16);
}

#[test]
fn a_document_that_came_meanwhile_is_asked_for_by_nobody_and_the_check_is_made_again() {
    let signer = Signer::es256();
    let token = signer.access_token("k", &[]);
    let mut verifier = remote();
    verifier.supply(keys_at(URL), &key_set(&[Signer::es256().jwk("other")]), "", at(-40)).unwrap();
    let mut attempt = Attempt::new();
    let late = check(&verifier, &token).settled().unwrap_err();
    // Another thread has fetched the new key meanwhile: a refusal by the old set would be wrong.
    verifier.supply(keys_at(URL), &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    assert!(matches!(verifier.settle(late, &mut attempt, at(0)), Step::Wait { until } if until == at(0)));
    assert!(matches!(authenticate(&mut verifier, &token, at(0)), Step::Done(Ok(_))));
    // Who cannot wait is answered by what was there.
    let mut verifier = remote();
    let late = check(&verifier, &token).settled().unwrap_err();
    verifier.fail(keys_at(URL), at(0));
    let step = verifier.settle(late, &mut Attempt::last(), at(0));
    assert!(matches!(step, Step::Done(Err(Error::KeysUnavailable { .. }))));
}

#[test]
fn v41_a_token_whose_key_went_meanwhile_is_not_remembered() {
    let signer = Signer::es256();
    let token = signer.access_token("k", &[]);
    let mut verifier = remote();
    verifier.supply(keys_at(URL), &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    let late = check(&verifier, &token).settled().unwrap_err();
    verifier.supply(keys_at(URL), &key_set(&[Signer::es256().jwk("k")]), "", at(0)).unwrap();
    // It was good when it was checked, and is not when it comes again.
    assert!(matches!(verifier.settle(late, &mut Attempt::new(), at(0)), Step::Done(Ok(_))));
    assert_eq!(refusal(&mut verifier, &token), Some(Error::SignatureWrong));
}

#[test]
fn clones_go_their_own_ways() {
    let signer = Signer::es256();
    let token = signer.access_token("k", &[]);
    let mut verifier = remote();
    verifier.supply(keys_at(URL), &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    verdict(&mut verifier, &token, at(0)).unwrap();
    let mut clone = verifier.clone();
    clone.supply(keys_at(URL), &key_set(&[Signer::es256().jwk("k")]), "", at(0)).unwrap();
    assert_eq!(refusal(&mut clone, &token), Some(Error::SignatureWrong));
    assert!(check(&verifier, &token).settled().unwrap().is_ok());
}
