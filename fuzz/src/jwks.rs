//! Key sets as an issuer may publish them: whatever comes, the last good set stays, and no key gets in that the
//! text does not have.

use std::sync::LazyLock;

use serde_json::json;
use tessera_verifier::{Backend, Decision, DocumentId, Verifier};

use crate::scene::{self, AUDIENCE, ISSUER, NOW};

static GOOD: LazyLock<(String, String)> =
    LazyLock::new(|| (scene::good_token(), scene::key_set().to_string()));

/// A verifier that took the good key set, and the name of that document. Cloning it shares nothing that changes.
static SUPPLIED: LazyLock<[(Verifier, DocumentId); 2]> = LazyLock::new(|| {
    let policy = json!({
        "issuers": [{ "issuer": ISSUER, "jwks_uri": "https://id.example/jwks" }], "audiences": [AUDIENCE],
    });
    [Backend::Portable, Backend::AwsLc].map(|backend| {
        let verifier = Verifier::load(&policy.to_string(), backend);
        let mut verifier = verifier.expect("the target's policy is good");
        let id = verifier.due_fetches(NOW).pop().expect("the key set is due").id;
        verifier.supply(id, &GOOD.1, "", NOW).expect("the set is good");
        // Prepares the key, which the sets to come take over if they have it.
        let answer = scene::authenticate(&mut verifier, &GOOD.0);
        assert!(answer.is_ok(), "the good token is none: {answer:?}");
        (verifier, id)
    })
});

/// Supplies a text as a key set to both backends.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let outcomes = SUPPLIED.clone().map(|(mut verifier, id)| {
        let outcome = verifier.supply(id, text, "max-age=60", NOW);
        let headers = [("authorization", format!("Bearer {}", GOOD.0))];
        let headers = headers.each_ref().map(|(name, value)| (*name, &**value));
        let decision = scene::authorize(&mut verifier, &scene::get("/", &headers));
        let verified = scene::authenticate(&mut verifier, &GOOD.0).is_ok();
        assert_eq!(verified, matches!(decision, Decision::Allow(_)), "two verdicts on one token");
        match &outcome {
            Err(error) => {
                assert!(verified, "a bad set took the good one's place");
                assert!(!error.to_string().contains(char::is_control), "{error}");
            }
            Ok(skipped) => {
                assert!(!verified || has_good_key(text), "a key came from nowhere");
                for key in skipped {
                    assert!(!key.to_string().contains(char::is_control), "{key}");
                }
            }
        }
        (outcome, verified)
    });
    let [portable, aws_lc] = outcomes;
    assert_eq!(portable, aws_lc, "the backends disagree about a key set");
}

/// Whether another reader of JSON finds the key that signed the good token.
fn has_good_key(text: &str) -> bool {
    let set: serde_json::Value = serde_json::from_str(text).expect("a key set is JSON");
    let keys = set.get("keys").and_then(serde_json::Value::as_array).expect("it has keys");
    let own = scene::key_set();
    let own = own.pointer("/keys/0/x").expect("the first key has an x");
    keys.iter().any(|key| key.get("x") == Some(own) && key.get("kid") == Some(&"e1".into()))
}
