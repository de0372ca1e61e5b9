use super::*;
use core::time::Duration;

use crate::keys::KeyFault;

const URL: &str = "https://issuer.example/jwks.json";

fn remote() -> Verifier {
    testing::load(&testing::policy(json!({ "jwks_uri": URL })))
}

/// Two remote issuers around one with inline keys.
fn three() -> Verifier {
    let policy = json!({
        "issuers": [
            { "issuer": "A", "jwks_uri": "https://a.example/jwks" },
            { "issuer": "I", "jwks": { "keys": [Signer::ed25519().jwk("i")] } },
            { "issuer": "B", "jwks_uri": "https://b.example/jwks" },
        ],
        "audiences": ["orders"],
    });
    testing::load(&policy.to_string())
}

fn fetch(issuer: usize, url: &str) -> FetchRequest {
    FetchRequest {
        id: DocumentId::new(DocumentKind::KeySet, issuer, url),
        url: url.into(),
        timeout: Duration::from_secs(5),
        limit: 512 * 1024,
    }
}

fn decide(verifier: &mut Verifier, token: &str, now: i64) -> Step<Decision> {
    let value = format!("Bearer {token}");
    let headers = [("authorization", value.as_str())];
    let request = Request { method: "GET", host: "h", target: "/", headers: &headers };
    verifier.authorize(&request, &mut Attempt::new(), at(now))
}

fn denies(step: Step<Decision>) -> (Error, u16, Option<String>) {
    let Step::Done(Decision::Deny(rejection)) = step else { panic!("{step:?}") };
    (rejection.error().clone(), rejection.status(), rejection.challenge().map(ToOwned::to_owned))
}

fn unavailable() -> (Error, u16, Option<String>) {
    (Error::KeysUnavailable { issuer: ISSUER.into() }, 503, None)
}

fn unknown(kid: &str) -> (Error, u16, Option<String>) {
    let error = Error::KeyUnknown { kid: Some(Excerpt::new(kid)), algorithm: Algorithm::Es256 };
    (error, 401, Some(r#"Bearer error="invalid_token""#.into()))
}

#[test]
fn needs_the_keys_once_then_allows() {
    let signer = Signer::es256();
    let token = signer.access_token("k", &[]);
    let mut verifier = remote();
    let id = keys_at(URL);
    assert_eq!(fetches(decide(&mut verifier, &token, 0)), [fetch(0, URL)]);
    // Whoever comes meanwhile waits for the first, and so does the regular look.
    assert_eq!(fetches(decide(&mut verifier, &token, 1)), []);
    assert_eq!(verifier.due_fetches(at(1)), []);
    assert_eq!(verifier.supply(id, &key_set(&[signer.jwk("k")]), "", at(2)), Ok(vec![]));
    assert!(matches!(decide(&mut verifier, &token, 2), Step::Done(Decision::Allow(_))));
    assert_eq!(verifier.due_fetches(at(2)), []);
}

#[test]
fn v44_without_keys_nobody_passes() {
    let token = Signer::es256().access_token("k", &[]);
    let mut verifier = remote();
    assert_eq!(fetches(decide(&mut verifier, &token, 0)), [fetch(0, URL)]);
    verifier.fail(keys_at(URL), at(0));
    assert_eq!(denies(decide(&mut verifier, &token, 0)), unavailable());
    // A second later it is tried again; then the pauses grow.
    assert_eq!(fetches(decide(&mut verifier, &token, 1)), [fetch(0, URL)]);
    verifier.fail(keys_at(URL), at(1));
    assert_eq!(denies(decide(&mut verifier, &token, 2)), unavailable());
    assert_eq!(fetches(decide(&mut verifier, &token, 3)), [fetch(0, URL)]);
    let mut authenticated = verifier.clone();
    assert!(
        matches!(authenticate(&mut authenticated, &token, at(3)), Step::Wait { until } if until == at(9))
    );
}

#[test]
fn asks_for_nothing_that_keys_cannot_cure() {
    let signer = Signer::es256();
    let mut verifier = remote();
    for token in [
        "a.b.c".to_owned(),
        signer.token(&header("none", "k"), &claims(&[])),
        signer.token(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, &claims(&[])),
        signer.access_token("k", &[("iss", r#""https://other.example""#)]),
    ] {
        assert!(matches!(decide(&mut verifier, &token, 0), Step::Done(Decision::Deny(_))), "{token}");
    }
    assert_eq!(verifier.due_fetches(at(0)), [fetch(0, URL)]);
    assert_eq!(verifier.supply(keys_at(URL), &key_set(&[signer.jwk("k")]), "", at(0)), Ok(vec![]));
    let forged = Signer::es256().access_token("k", &[]);
    let (error, status, _) = denies(decide(&mut verifier, &forged, 100));
    assert_eq!((error, status), (Error::SignatureWrong, 401));
    let (error, ..) = denies(decide(&mut verifier, &signer.access_token("k", &[("exp", "1")]), 100));
    assert_eq!(error, Error::Expired { expiry: Timestamp::from_seconds(1), now: at(100) });
}

#[test]
fn v42_a_new_key_is_fetched_for_and_an_invented_one_not_twice() {
    let (old, new) = (Signer::es256(), Signer::es256());
    let mut verifier = remote();
    let id = keys_at(URL);
    verifier.supply(id, &key_set(&[old.jwk("old")]), "", at(0)).unwrap();
    let token = new.access_token("new", &[]);
    // Within the pause after a fetch the answer stands.
    assert_eq!(denies(decide(&mut verifier, &token, 29)), unknown("new"));
    assert_eq!(fetches(decide(&mut verifier, &token, 30)), [fetch(0, URL)]);
    // Good tokens go on passing meanwhile.
    assert!(matches!(
        decide(&mut verifier, &old.access_token("old", &[]), 30),
        Step::Done(Decision::Allow(_))
    ));
    verifier.supply(id, &key_set(&[old.jwk("old"), new.jwk("new")]), "", at(31)).unwrap();
    assert!(matches!(decide(&mut verifier, &token, 31), Step::Done(Decision::Allow(_))));

    let mut fetched = 0;
    for flood in 0..1000 {
        let invented = Signer::es256().access_token(&format!("x{flood}"), &[]);
        match decide(&mut verifier, &invented, 31 + flood / 10) {
            Step::Fetch(_) => {
                fetched += 1;
                verifier.supply(id, &key_set(&[new.jwk("new")]), "", at(31 + flood / 10)).unwrap();
            }
            decision => assert_eq!(denies(decision), unknown(&format!("x{flood}"))),
        }
    }
    assert_eq!(fetched, 3, "100 seconds of flood, one fetch in 30");
}

#[test]
fn v43_a_bad_answer_keeps_the_last_good_copy() {
    let signer = Signer::es256();
    let token = signer.access_token("k", &[]);
    let mut verifier = remote();
    let id = keys_at(URL);
    verifier.supply(id, &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    let long = " ".repeat(limits::KEY_SET_BYTES + 1);
    let good = Signer::ed25519().jwk("k");
    let many = key_set(&vec![good; limits::KEY_SET_KEYS + 1]);
    for bad in ["", "{}", r#"{"keys":[]}"#, "<html></html>", "\u{feff}{\"keys\":[]}", &long, &many] {
        verifier.supply(id, bad, "max-age=86400", at(1)).unwrap_err();
        assert!(matches!(decide(&mut verifier, &token, 1), Step::Done(Decision::Allow(_))), "{bad:.20}");
    }
    let mac = json!({ "keys": [{ "kty": "oct", "kid": "k", "k": "c2VjcmV0" }] }).to_string();
    let skipped = SkippedKey { position: 0, id: Some(Excerpt::new("k")), fault: KeyFault::Symmetric };
    assert_eq!(verifier.supply(id, &mac, "", at(1)), Err(DocumentError::NoUsableKey(vec![skipped])));
    assert!(matches!(decide(&mut verifier, &token, 1), Step::Done(Decision::Allow(_))));
}

#[test]
fn v43_a_bad_answer_ends_its_fetch_as_a_failure() {
    let token = Signer::es256().access_token("k", &[]);
    let mut verifier = remote();
    assert_eq!(verifier.due_fetches(at(0)), [fetch(0, URL)]);
    verifier.supply(keys_at(URL), "<html></html>", "", at(0)).unwrap_err();
    assert_eq!(denies(decide(&mut verifier, &token, 0)), unavailable());
    assert_eq!(fetches(decide(&mut verifier, &token, 1)), [fetch(0, URL)]);
}

#[test]
fn v43_the_last_good_copy_ends_at_its_bound() {
    let signer = Signer::es256();
    let mut verifier = remote();
    let id = keys_at(URL);
    verifier.supply(id, &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    let bound = i64::try_from(limits::STALE_SECONDS).unwrap();
    let fresh = |now: i64| {
        signer.access_token("k", &[("iat", &at(now).to_string()), ("exp", &at(now + 60).to_string())])
    };
    assert!(matches!(decide(&mut verifier, &fresh(bound - 1), bound - 1), Step::Done(Decision::Allow(_))));
    assert_eq!(fetches(decide(&mut verifier, &fresh(bound), bound)), [fetch(0, URL)]);
    verifier.fail(id, at(bound));
    assert_eq!(denies(decide(&mut verifier, &fresh(bound), bound)), unavailable());
}

#[test]
fn v41_a_withdrawn_key_verifies_nothing_any_more() {
    let (old, new) = (Signer::es256(), Signer::es256());
    let mut verifier = remote();
    let id = keys_at(URL);
    let token = old.access_token("old", &[]);
    verifier.supply(id, &key_set(&[old.jwk("old")]), "", at(0)).unwrap();
    assert!(matches!(decide(&mut verifier, &token, 0), Step::Done(Decision::Allow(_))));
    verifier.supply(id, &key_set(&[new.jwk("new")]), "", at(1)).unwrap();
    assert_eq!(denies(decide(&mut verifier, &token, 1)), unknown("old"));
}

#[test]
fn names_every_remote_document_once_and_always_the_same_way() {
    let mut verifier = three();
    let both = [fetch(0, "https://a.example/jwks"), fetch(2, "https://b.example/jwks")];
    assert_eq!(verifier.due_fetches(at(0)), both);
    assert_eq!(verifier.due_fetches(at(0)), []);
    assert_eq!(three().due_fetches(at(0)), both);

    let signer = Signer::es256();
    let keys = key_set(&[signer.jwk("k")]);
    assert_eq!(verifier.supply(both[1].id, &keys, "", at(0)), Ok(vec![]));
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("iss", r#""B""#)])), None);
    // Inline keys are replaced by nobody, and there is no fourth issuer.
    for issuer in [1, 3, usize::MAX] {
        let id = DocumentId::new(DocumentKind::KeySet, issuer, "https://b.example/jwks");
        assert_eq!(verifier.supply(id, &keys, "", at(0)), Err(DocumentError::Unwanted));
        verifier.fail(id, at(0));
    }
    let expected = Error::KeyUnknown { kid: Some(Excerpt::new("k")), algorithm: Algorithm::Es256 };
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("iss", r#""I""#)])), Some(expected));
}

#[test]
fn fetches_a_newer_copy_before_the_old_one_ends() {
    let mut verifier = remote();
    let id = keys_at(URL);
    let keys = key_set(&[Signer::es256().jwk("k")]);
    assert_eq!(verifier.due_fetches(at(0)), [fetch(0, URL)]);
    verifier.supply(id, &keys, "max-age=1000", at(0)).unwrap();
    assert_eq!(verifier.due_fetches(at(799)), []);
    assert_eq!(verifier.due_fetches(at(800)), [fetch(0, URL)]);
    verifier.fail(id, at(801));
    assert_eq!(verifier.due_fetches(at(801)), []);
    assert_eq!(verifier.due_fetches(at(802)), [fetch(0, URL)]);
    // Nobody reported: after its time somebody else is told.
    assert_eq!(verifier.due_fetches(at(807)), []);
    assert_eq!(verifier.due_fetches(at(808)), [fetch(0, URL)]);
}

#[test]
fn reports_the_keys_of_a_set_that_are_of_no_use() {
    let mut verifier = remote();
    let keys =
        [json!({ "kty": "oct", "k": "AA" }), Signer::es256().jwk("k"), json!({ "kty": "AKP", "kid": "pq" })];
    let skipped = verifier.supply(keys_at(URL), &key_set(&keys), "", at(0)).unwrap();
    assert_eq!(
        skipped,
        [
            SkippedKey { position: 0, id: None, fault: KeyFault::Symmetric },
            SkippedKey {
                position: 2,
                id: Some(Excerpt::new("pq")),
                fault: KeyFault::TypeUnsupported(Excerpt::new("AKP"))
            },
        ]
    );
}
