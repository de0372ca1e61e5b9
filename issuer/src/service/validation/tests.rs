use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Algorithm, KeyState};
use crate::keys::{Keyring, sign_jwt, sign_token};
use crate::testing::{NOW, id, scopes, snapshot, vault};

const ISSUER: &str = "https://id.example";

fn validator() -> TokenValidator {
    TokenValidator::new(ISSUER.parse().unwrap())
}

fn claims() -> Value {
    let now = NOW.as_seconds();
    json!({
        "iss": ISSUER, "sub": "shop", "aud": "orders", "client_id": "shop",
        "iat": now, "exp": now + 600, "jti": "t", "scope": "read write", "tenant": "acme",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn signed(keyring: &Keyring, claims: &Value) -> String {
    // A key in memory signs at once.
    sign_token(keyring.signer(None).unwrap(), claims).now_or_never().unwrap().unwrap()
}

/// What a token with these claims is refused for, when it is signed by this server.
fn refusal(claims: &Value) -> String {
    let keyring = snapshot(1, vec![]).keyring;
    validator().read(&keyring, &signed(&keyring, claims), NOW).unwrap_err().to_string()
}

#[test]
fn a_token_is_read_back_as_it_was_written() {
    let keyring = snapshot(1, vec![]).keyring;
    let exchanged = json!({ "sub": "orders", "act": { "sub": "shop" } });
    for (act, actors) in [
        (None, ActorChain::default()),
        (Some(exchanged), ActorChain::default().joined_by(id("shop")).joined_by(id("orders"))),
    ] {
        let claims = act.map_or_else(claims, |act| with("act", act));
        let read = validator().read(&keyring, &signed(&keyring, &claims), NOW).unwrap();
        let expected = AccessToken {
            id: "t".to_owned(),
            kid: keyring.signer(None).unwrap().key_id().to_owned(),
            subject: id("shop"),
            client: id("shop"),
            audience: id("orders"),
            scopes: scopes("read write"),
            issued_at: NOW,
            expires_at: NOW.plus(600),
            actors,
        };
        assert_eq!(read.token, expected);
        assert_eq!(Value::Object(read.claims), claims);
    }
}

#[test]
fn a_token_without_scopes_has_none() {
    let keyring = snapshot(1, vec![]).keyring;
    let read = validator().read(&keyring, &signed(&keyring, &without("scope")), NOW).unwrap();
    assert_eq!(read.token.scopes, scopes(""));
}

#[test]
fn a_token_ends_to_the_second_and_may_be_a_little_ahead() {
    let keyring = snapshot(1, vec![]).keyring;
    let validator = validator();
    let token = signed(&keyring, &claims());
    let read = |now| validator.read(&keyring, &token, now).map(|it| it.token.id).map_err(|it| it.to_string());
    // Twice, since the second time it is remembered.
    for _ in 0..2 {
        assert_eq!(read(NOW.plus(599)), Ok("t".to_owned()));
        let expired = read(NOW.plus(600)).unwrap_err();
        assert!(expired.starts_with("the token does not verify: the token expired"), "{expired}");
    }
    let before = |seconds| UnixTime::from_seconds(NOW.as_seconds() - seconds);
    assert_eq!(read(before(CLOCK_SKEW)), Ok("t".to_owned()));
    let early = read(before(CLOCK_SKEW + 1)).unwrap_err();
    assert!(early.starts_with("the token does not verify: the token was issued"), "{early}");
}

#[test]
fn what_others_sign_or_damage_is_refused() {
    let (own, other) = (snapshot(1, vec![]).keyring, snapshot(1, vec![]).keyring);
    let validator = validator();
    let refused = |token: &str| validator.read(&own, token, NOW).unwrap_err();
    let unknown = refused(&signed(&other, &claims()));
    assert!(matches!(unknown, ValidationError::Refused(Error::KeyUnknown { .. })), "{unknown}");
    // With the identifier of our key.
    let token = signed(&own, &claims());
    let (header, _) = token.split_once('.').unwrap();
    let foreign = signed(&other, &claims());
    let forged = format!("{header}.{}", foreign.split_once('.').unwrap().1);
    let forged = refused(&forged);
    assert!(matches!(forged, ValidationError::Refused(Error::SignatureWrong)), "{forged}");
    let damaged = token.replacen(".eyJ", ".eyK", 1);
    assert_ne!(damaged, token);
    assert!(matches!(refused(&damaged), ValidationError::Refused(_)));
    for text in ["", "token", "a.b.c", &"x".repeat(100_000)] {
        assert!(matches!(refused(text), ValidationError::Refused(_)), "{text:.20}");
    }
}

#[test]
fn what_is_no_access_token_of_this_server_is_refused() {
    let other_issuer = refusal(&with("iss", json!("https://other.example")));
    assert!(other_issuer.contains("no trusted issuer"), "{other_issuer}");
    let refused = "the token's claims are not as this server writes them";
    for claims in [
        with("aud", json!(["orders", "stock"])),
        with("sub", json!("no client")),
        with("client_id", json!("no client")),
        with("scope", json!("")),
        with("act", json!("orders")),
        with("act", json!({ "sub": "orders", "act": {} })),
    ] {
        assert_eq!(refusal(&claims), refused, "{claims}");
    }
    for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"] {
        assert!(refusal(&without(name)).contains(&format!("`{name}`")), "{}", refusal(&without(name)));
    }
    let long = with("exp", json!(NOW.as_seconds() + MAX_LIFETIME + 1));
    assert!(refusal(&long).contains("lives 3601 s"), "{}", refusal(&long));
}

/// An introspection answer is signed by the same key, and must never pass for an access token.
#[test]
fn another_type_of_token_is_refused() {
    let keyring = snapshot(1, vec![]).keyring;
    let signer = keyring.signer(None).unwrap();
    let written = sign_jwt(signer, "token-introspection+jwt", &claims()).now_or_never();
    let token = written.unwrap().unwrap();
    let refused = validator().read(&keyring, &token, NOW).unwrap_err();
    assert!(matches!(refused, ValidationError::Refused(Error::TypeForbidden { .. })), "{refused}");
}

#[test]
fn the_keys_are_those_that_are_published_now() {
    let vault = vault();
    let key = |state| vault.generate(Algorithm::Es256, state, NOW).unwrap();
    let (old, new) = (key(KeyState::Active), key(KeyState::Next));
    let ring = |keys| Keyring::new(keys, &vault, None).unwrap();
    let before = ring(vec![old.clone(), new.clone()]);
    let validator = validator();
    let token = signed(&before, &claims());
    assert!(validator.read(&before, &token, NOW).is_ok());

    // Another server over the same database may have rotated already, and this one not know it yet.
    let active = StoredKey { state: KeyState::Active, ..new };
    let retired = KeyState::Retired { published_until: NOW.plus(60) };
    let after = ring(vec![StoredKey { state: retired, ..old }, active.clone()]);
    assert!(validator.read(&before, &signed(&after, &claims()), NOW).is_ok());
    assert!(validator.read(&after, &token, NOW).is_ok());

    // Also one that is remembered goes with its key.
    let gone = validator.read(&ring(vec![active]), &token, NOW).unwrap_err();
    assert!(matches!(gone, ValidationError::Refused(Error::KeyUnknown { .. })), "{gone}");
}

#[test]
fn debug_shows_no_claims() {
    let keyring = snapshot(1, vec![]).keyring;
    let validator = validator();
    let read = validator.read(&keyring, &signed(&keyring, &claims()), NOW).unwrap();
    assert_eq!(format!("{read:?}"), r#"ValidatedToken { token: "t", .. }"#);
    assert!(!format!("{validator:?}").contains("keys"), "{validator:?}");
}
