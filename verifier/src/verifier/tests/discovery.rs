//! Issuers whose metadata say where their keys are.

use super::*;

const METADATA: &str = "https://issuer.example/.well-known/openid-configuration";
fn metadata_id() -> DocumentId {
    DocumentId::new(DocumentKind::Metadata, 0, METADATA)
}

fn metadata(jwks_uri: &str) -> String {
    json!({ "issuer": ISSUER, "jwks_uri": jwks_uri, "token_endpoint": "https://issuer.example/token" })
        .to_string()
}

fn discovering() -> Verifier {
    testing::load(&testing::policy(json!({ "discovery": true })))
}

fn urls(fetches: &[FetchRequest]) -> Vec<(DocumentId, &str)> {
    fetches.iter().map(|fetch| (fetch.id, fetch.url.as_str())).collect()
}

fn needs(verifier: &mut Verifier, token: &str, now: i64) -> Vec<FetchRequest> {
    fetches(authenticate(verifier, token, at(now)))
}

#[test]
fn metadata_then_keys_then_a_decision() {
    let signer = Signer::ed25519();
    let token = signer.access_token("k", &[]);
    let mut verifier = discovering();
    assert_eq!(urls(&needs(&mut verifier, &token, 0)), [(metadata_id(), METADATA)]);
    assert_eq!(verifier.supply(metadata_id(), &metadata("https://keys.example/jwks"), "", at(0)), Ok(vec![]));
    let due = needs(&mut verifier, &token, 0);
    let keys_id = keys_at("https://keys.example/jwks");
    assert_eq!(urls(&due), [(keys_id, "https://keys.example/jwks")]);
    assert_eq!(due[0].limit, limits::KEY_SET_BYTES);
    assert_eq!(verifier.supply(keys_id, &key_set(&[signer.jwk("k")]), "", at(0)), Ok(vec![]));
    assert!(verdict(&mut verifier, &token, at(0)).is_ok());
    assert_eq!(verifier.due_fetches(at(0)), []);
}

#[test]
fn the_regular_look_finds_both() {
    let mut verifier = discovering();
    assert_eq!(urls(&verifier.due_fetches(at(0))), [(metadata_id(), METADATA)]);
    assert_eq!(verifier.due_fetches(at(0)), []);
    verifier.supply(metadata_id(), &metadata("https://keys.example/jwks"), "", at(0)).unwrap();
    let url = "https://keys.example/jwks";
    assert_eq!(urls(&verifier.due_fetches(at(0))), [(keys_at(url), url)]);
}

#[test]
fn v43_bad_metadata_change_nothing() {
    let signer = Signer::ed25519();
    let mut verifier = discovering();
    let keys_id = keys_at("https://keys.example/jwks");
    assert_eq!(
        verifier.supply(keys_id, &key_set(&[signer.jwk("k")]), "", at(0)),
        Err(DocumentError::Unwanted),
        "nobody knows yet where keys are"
    );
    verifier.supply(metadata_id(), &metadata("https://keys.example/jwks"), "", at(0)).unwrap();
    verifier.supply(keys_id, &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    let evil =
        json!({ "issuer": "https://evil.example", "jwks_uri": "https://evil.example/jwks" }).to_string();
    assert_eq!(
        verifier.supply(metadata_id(), &evil, "", at(40)),
        Err(DocumentError::OtherIssuer(Excerpt::new("https://evil.example")))
    );
    let loopback = metadata("http://127.0.0.1/jwks");
    assert_eq!(
        verifier.supply(metadata_id(), &loopback, "", at(80)),
        Err(DocumentError::UrlRefused(Excerpt::new("http://127.0.0.1/jwks")))
    );
    assert!(verdict(&mut verifier, &signer.access_token("k", &[]), at(80)).is_ok());
    let due = verifier.due_fetches(at(481));
    assert!(urls(&due).contains(&(keys_id, "https://keys.example/jwks")), "{due:?}");
}

#[test]
fn keys_that_moved_serve_until_they_were_fetched_anew() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let (first, second) = (keys_at("https://keys.example/1"), keys_at("https://keys.example/2"));
    let mut verifier = discovering();
    verifier.supply(metadata_id(), &metadata("https://keys.example/1"), "", at(0)).unwrap();
    verifier.supply(first, &key_set(&[old.jwk("old")]), "", at(0)).unwrap();
    verifier.supply(metadata_id(), &metadata("https://keys.example/2"), "", at(10)).unwrap();
    assert!(verdict(&mut verifier, &old.access_token("old", &[]), at(10)).is_ok());
    assert_eq!(urls(&verifier.due_fetches(at(10))), [(second, "https://keys.example/2")]);
    // What comes late from the old place is not what is at the new one.
    let late = verifier.supply(first, &key_set(&[old.jwk("old")]), "", at(11));
    assert_eq!(late, Err(DocumentError::Unwanted));
    verifier.supply(second, &key_set(&[new.jwk("new")]), "", at(11)).unwrap();
    assert!(verdict(&mut verifier, &new.access_token("new", &[]), at(11)).is_ok());
    // The old one is gone; whether it came back is asked when the pause is over.
    let gone = Error::KeyUnknown { kid: Some(Excerpt::new("old")), algorithm: Algorithm::EdDsa };
    assert_eq!(verdict(&mut verifier, &old.access_token("old", &[]), at(12)).unwrap_err(), gone);
}

#[test]
fn a_discovery_url_can_be_said() {
    let other = "https://issuer.example/.well-known/oauth-authorization-server";
    let mut verifier = testing::load(&testing::policy(json!({ "discovery": other })));
    assert_eq!(
        urls(&verifier.due_fetches(at(0))),
        [(DocumentId::new(DocumentKind::Metadata, 0, other), other)]
    );
    let error = Verifier::load(
        &json!({ "issuers": [{ "issuer": "platform", "discovery": true }], "audiences": ["a"] }).to_string(),
        testing::BACKEND,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "1:44: /issuers/0/discovery: the issuer is no URL to find it by: expected a URL that starts with https:// \
         (write the URL of its metadata, or `jwks_uri`)"
    );
}

#[test]
fn keys_that_cannot_be_fetched_are_looked_for_elsewhere() {
    let mut verifier = discovering();
    verifier.supply(metadata_id(), &metadata("https://keys.example/1"), "max-age=86400", at(0)).unwrap();
    for now in [0, 10] {
        let due = verifier.due_fetches(at(now));
        assert_eq!(urls(&due), [(keys_at("https://keys.example/1"), "https://keys.example/1")]);
        verifier.fail(due[0].id, at(now));
    }
    assert!(urls(&verifier.due_fetches(at(40))).contains(&(metadata_id(), METADATA)));
}
