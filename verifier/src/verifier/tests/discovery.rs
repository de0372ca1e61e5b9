//! Issuers whose metadata say where their keys are.

use super::*;

const METADATA: &str = "https://issuer.example/.well-known/openid-configuration";
const METADATA_ID: DocumentId = DocumentId(1);

/// The identifier of the issuer's key set at a URL: it has another one where the URL is another one.
fn keys_at(url: &str) -> DocumentId {
    let mut verifier = discovering();
    verifier.supply(METADATA_ID, &metadata(url), "", at(0)).unwrap();
    verifier.wants(at(0))[0].id
}

fn metadata(jwks_uri: &str) -> String {
    json!({ "issuer": ISSUER, "jwks_uri": jwks_uri, "token_endpoint": "https://issuer.example/token" })
        .to_string()
}

fn discovering() -> Verifier {
    Verifier::load(&testing::policy(json!({ "discovery": true }))).unwrap()
}

fn urls(wants: &[Want]) -> Vec<(DocumentId, &str)> {
    wants.iter().map(|want| (want.id, want.url.as_str())).collect()
}

fn needs(verifier: &mut Verifier, token: &str, now: i64) -> Vec<Want> {
    match verifier.authenticate(token, at(now)) {
        Authentication::Need(wants) => wants,
        other => panic!("{other:?}"),
    }
}

#[test]
fn metadata_then_keys_then_a_decision() {
    let signer = Signer::ed25519();
    let token = signer.access_token("k", &[]);
    let mut verifier = discovering();
    assert_eq!(urls(&needs(&mut verifier, &token, 0)), [(METADATA_ID, METADATA)]);
    assert_eq!(verifier.supply(METADATA_ID, &metadata("https://keys.example/jwks"), "", at(0)), Ok(vec![]));
    let wants = needs(&mut verifier, &token, 0);
    let keys_id = keys_at("https://keys.example/jwks");
    assert_eq!(urls(&wants), [(keys_id, "https://keys.example/jwks")]);
    assert_eq!(wants[0].limit, limits::KEY_SET_BYTES);
    assert_eq!(verifier.supply(keys_id, &key_set(&[signer.jwk("k")]), "", at(0)), Ok(vec![]));
    assert!(verdict(&mut verifier, &token, at(0)).is_ok());
    assert_eq!(verifier.wants(at(0)), []);
}

#[test]
fn the_regular_look_finds_both() {
    let mut verifier = discovering();
    assert_eq!(urls(&verifier.wants(at(0))), [(METADATA_ID, METADATA)]);
    assert_eq!(verifier.wants(at(0)), []);
    verifier.supply(METADATA_ID, &metadata("https://keys.example/jwks"), "", at(0)).unwrap();
    let url = "https://keys.example/jwks";
    assert_eq!(urls(&verifier.wants(at(0))), [(keys_at(url), url)]);
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
    verifier.supply(METADATA_ID, &metadata("https://keys.example/jwks"), "", at(0)).unwrap();
    verifier.supply(keys_id, &key_set(&[signer.jwk("k")]), "", at(0)).unwrap();
    let evil =
        json!({ "issuer": "https://evil.example", "jwks_uri": "https://evil.example/jwks" }).to_string();
    assert_eq!(
        verifier.supply(METADATA_ID, &evil, "", at(40)),
        Err(DocumentError::OtherIssuer(Excerpt::new("https://evil.example")))
    );
    let loopback = metadata("http://127.0.0.1/jwks");
    assert_eq!(
        verifier.supply(METADATA_ID, &loopback, "", at(80)),
        Err(DocumentError::UrlRefused(Excerpt::new("http://127.0.0.1/jwks")))
    );
    assert!(verdict(&mut verifier, &signer.access_token("k", &[]), at(80)).is_ok());
    let wants = verifier.wants(at(481));
    assert!(urls(&wants).contains(&(keys_id, "https://keys.example/jwks")), "{wants:?}");
}

#[test]
fn keys_that_moved_serve_until_they_were_fetched_anew() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let (first, second) = (keys_at("https://keys.example/1"), keys_at("https://keys.example/2"));
    let mut verifier = discovering();
    verifier.supply(METADATA_ID, &metadata("https://keys.example/1"), "", at(0)).unwrap();
    verifier.supply(first, &key_set(&[old.jwk("old")]), "", at(0)).unwrap();
    verifier.supply(METADATA_ID, &metadata("https://keys.example/2"), "", at(10)).unwrap();
    assert!(verdict(&mut verifier, &old.access_token("old", &[]), at(10)).is_ok());
    assert_eq!(urls(&verifier.wants(at(10))), [(second, "https://keys.example/2")]);
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
    let mut verifier = Verifier::load(&testing::policy(json!({ "discovery": other }))).unwrap();
    assert_eq!(urls(&verifier.wants(at(0))), [(METADATA_ID, other)]);
    let error = Verifier::load(
        &json!({ "issuers": [{ "issuer": "platform", "discovery": true }], "audiences": ["a"] }).to_string(),
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
    verifier.supply(METADATA_ID, &metadata("https://keys.example/1"), "max-age=86400", at(0)).unwrap();
    for now in [0, 10] {
        let wants = verifier.wants(at(now));
        assert_eq!(urls(&wants), [(keys_at("https://keys.example/1"), "https://keys.example/1")]);
        verifier.fail(wants[0].id, at(now));
    }
    assert!(urls(&verifier.wants(at(40))).contains(&(METADATA_ID, METADATA)));
}
