//! Status lists as an issuer may sign them, and as anybody may serve them: whatever comes, no token that the last good
//! list has as revoked passes because of a bad one, and what a good one says is what another reader finds in it.
//!
//! An input that begins with `{` is the claims of a list token, which the issuer signs; any other is the whole token.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tessera_verifier::{AcceptedAudience, Attempt, Backend, DocumentId, Error, Step, Verifier};

use crate::scene::{self, AUDIENCE, ISSUER, NOW};

/// Where the issuer's lists are, and the one of the target's token.
const LISTS: &str = "https://id.example/status/";
const LIST: &str = "https://id.example/status/1";

/// The place of the token in the list.
const INDEX: u64 = 9;

const HEADER: &str = r#"{"alg":"EdDSA","kid":"e1","typ":"statuslist+jwt"}"#;

/// A verifier that needs the list, the identifier of that, and a token that is in it.
static SCENE: LazyLock<(Verifier, DocumentId, String)> = LazyLock::new(|| {
    let policy = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": scene::key_set(), "status": { "lists": LISTS } }],
        "audiences": [AUDIENCE],
    });
    let verifier = Verifier::load(&policy.to_string(), Backend::Portable);
    let mut verifier = verifier.expect("the target's policy is good");
    let now = NOW.as_seconds();
    let payload = json!({
        "iss": ISSUER, "sub": "shop", "client_id": "shop", "aud": AUDIENCE, "jti": "1", "iat": now - 10,
        "exp": now + 300, "status": { "status_list": { "idx": INDEX, "uri": LIST } },
    });
    let token = scene::sign(r#"{"alg":"EdDSA","kid":"e1","typ":"at+jwt"}"#, &payload.to_string());
    let step = verifier.authenticate(&token, AcceptedAudience::OfPolicy, &mut Attempt::new(), NOW);
    let Step::Fetch(fetch) = step else { panic!("the token is decided about without its list") };
    (verifier, fetch.id, token)
});

/// Supplies a text as a status list.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (mut verifier, id, token) = SCENE.clone();
    let list = if text.starts_with('{') { scene::sign(HEADER, text) } else { text.to_owned() };
    let supplied = verifier.supply(id, &list, "", NOW);
    let answer = scene::authenticate(&mut verifier, &token);
    if let Err(error) = supplied {
        assert!(!error.to_string().contains(char::is_control), "{error}");
        let missing = matches!(answer, Err(Error::StatusUnavailable { .. }));
        assert!(missing, "a bad list decides: {answer:?}");
        return;
    }
    let claims = claims(&list).expect("a good list has claims");
    assert_eq!(claims.get("sub"), Some(&LIST.into()), "it is the list that was asked for");
    let bits = claims.pointer("/status_list/bits").and_then(Value::as_u64).expect("it has bits");
    assert!([1, 2, 4, 8].contains(&bits), "{bits} bits");
    match answer {
        Ok(_) | Err(Error::TokenRevoked { .. }) => {}
        Err(Error::StatusUnknown { entries, .. }) => {
            assert!(entries <= INDEX && entries % (8 / bits) == 0, "{entries} entries of {bits} bits");
        }
        other => panic!("a good list does not decide: {other:?}"),
    }
}

/// The claims of a token, by another reader of JSON.
fn claims(token: &str) -> Option<Value> {
    let payload = token.trim().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
