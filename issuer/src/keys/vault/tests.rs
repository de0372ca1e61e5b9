use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tessera_verifier::{AcceptedAudience, Attempt, Backend, Step, Timestamp, Verifier};

use super::*;
use crate::keys::{sign_jwt, sign_token};
use crate::testing::vault;

const NOW: UnixTime = UnixTime::from_seconds(1_000_000);

fn kek(byte: u8) -> KeyEncryptionKey {
    KeyEncryptionKey::new(&[byte; 32]).unwrap()
}

/// The first seals, all open.
fn vault_of(keks: &[u8]) -> Vault {
    let (current, old) = keks.split_first().unwrap();
    let old = old.iter().copied().map(kek).collect();
    Vault(Arc::new(Inner { current: kek(*current), old, algorithm: Algorithm::Es256, module: None }))
}

#[tokio::test]
async fn another_library_accepts_what_is_signed() {
    let vault = vault();
    for (algorithm, theirs) in [
        (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
        (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
        (Algorithm::Ps256, jsonwebtoken::Algorithm::PS256),
        (Algorithm::Es384, jsonwebtoken::Algorithm::ES384),
        (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
    ] {
        let key = vault.generate(algorithm, KeyState::Active, NOW).unwrap();
        let signer = vault.open(&key).unwrap();
        let claims = json!({ "aud": "orders", "exp": 4_000_000_000_u64 });
        let mut validation = Validation::new(theirs);
        validation.set_audience(&["orders"]);
        let public = DecodingKey::from_jwk(&key.jwk).unwrap();
        for (typ, token) in [
            ("at+jwt", sign_token(&*signer, &claims).await.unwrap()),
            ("statuslist+jwt", sign_jwt(&*signer, "statuslist+jwt", &claims).await.unwrap()),
        ] {
            let decoded = decode::<Value>(&token, &public, &validation).unwrap();
            assert_eq!(decoded.header.typ.as_deref(), Some(typ));
            assert_eq!(decoded.header.kid.as_deref(), Some(&*key.kid));
            assert_eq!(decoded.claims, claims);
        }
    }
}

#[tokio::test]
async fn our_verifier_accepts_what_is_signed() {
    let vault = vault();
    for algorithm in Algorithm::ALL {
        let key = vault.generate(algorithm, KeyState::Active, NOW).unwrap();
        let policy = json!({
            "issuers": [{
                "issuer": "https://id.example",
                "profile": "jwt",
                "algorithms": [algorithm.as_str()],
                "jwks": { "keys": [key.jwk] },
            }],
            "audiences": ["orders"],
        });
        let now = NOW.as_seconds();
        let claims = json!({
            "iss": "https://id.example", "aud": "orders", "sub": "shop", "iat": now, "exp": now + 60,
        });
        let token = sign_jwt(&*vault.open(&key).unwrap(), "JWT", &claims).await.unwrap();
        // With the arithmetic that the guests have, too.
        for backend in [Backend::AwsLc, Backend::Portable] {
            let mut verifier = Verifier::load(&policy.to_string(), backend).unwrap();
            let (audience, now) = (AcceptedAudience::OfPolicy, Timestamp::from_seconds(now));
            let step = verifier.authenticate(&token, audience, &mut Attempt::new(), now);
            assert!(matches!(step, Step::Done(Ok(_))), "{algorithm} {backend:?}: {step:?}");
        }
    }
}

#[test]
fn the_key_id_is_the_thumbprint_and_the_jwk_is_public() {
    for (algorithm, expected) in [
        (Algorithm::Es256, &["alg", "crv", "kid", "kty", "use", "x", "y"][..]),
        (Algorithm::Es384, &["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (Algorithm::Ps256, &["alg", "e", "kid", "kty", "n", "use"]),
        (Algorithm::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"]),
    ] {
        let key = vault().generate(algorithm, KeyState::Next, NOW).unwrap();
        let jwk = serde_json::to_value(&key.jwk).unwrap();
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, expected);
        assert_eq!(jwk["alg"], algorithm.as_str());
        assert_eq!(jwk["kid"], json!(key.kid));
        assert_eq!(key.kid.len(), 43);
    }
}

#[test]
fn no_key_id_looks_like_an_option() {
    let vault = vault();
    // Without the check each has a chance of 1 in 64.
    for _ in 0..500 {
        let key = vault.generate(Algorithm::EdDsa, KeyState::Next, NOW).unwrap();
        assert!(!key.kid.starts_with('-'), "{}", key.kid);
    }
}

#[test]
fn a_key_opens_only_where_its_key_encryption_key_is_and_says_which_that_is() {
    let key = vault_of(&[1]).generate(Algorithm::Es256, KeyState::Next, NOW).unwrap();
    let refused = vault_of(&[2]).open(&key).unwrap_err();
    let missing = SealError::Missing { kek: kek(1).id().to_owned() };
    assert!(matches!(&refused, KeyError::Sealed { source, .. } if *source == missing), "{refused}");
    vault_of(&[2, 3, 1]).open(&key).unwrap();
}

#[test]
fn resealing_leaves_the_key_as_it_is_and_needs_both_key_encryption_keys() {
    let mut key = vault_of(&[1]).generate(Algorithm::EdDsa, KeyState::Active, NOW).unwrap();
    assert_eq!(vault_of(&[1]).reseal(&key).unwrap(), None);
    assert!(vault_of(&[2]).reseal(&key).is_err());

    let both = vault_of(&[2, 1]);
    key.private = both.reseal(&key).unwrap().unwrap();
    assert_eq!(both.reseal(&key).unwrap(), None);
    assert_eq!(vault_of(&[2]).open(&key).unwrap().key_id(), key.kid);
    assert!(vault_of(&[1]).open(&key).is_err());
}

#[test]
fn a_private_key_of_another_public_key_is_refused() {
    let vault = vault();
    let mut key = vault.generate(Algorithm::Es256, KeyState::Next, NOW).unwrap();
    let other = generate_pkcs8(Algorithm::Es256).unwrap();
    key.private = vault.seal(&key.kid, key.algorithm, &other).unwrap();
    assert!(matches!(vault.open(&key).unwrap_err(), KeyError::Malformed { .. }));
}

#[test]
fn debug_shows_no_key() {
    let vault = vault();
    let key = vault.generate(Algorithm::Es256, KeyState::Next, NOW).unwrap();
    let shown = format!("{key:?} {:?} {:?}", key.private, vault.open(&key).unwrap());
    assert!(!shown.contains(&key.private.to_text()), "{shown}");
    assert!(shown.ends_with(&format!("Sealed(…) MemorySigner {{ kid: {:?}, .. }}", key.kid)), "{shown}");
}
