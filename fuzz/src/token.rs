//! Tokens: any text at all, and good ones that were changed; and any header and claims, well signed.

use std::{cell::RefCell, sync::LazyLock};

use serde_json::{Value, json};
use tessera_verifier::{Verifier, limits};

use crate::scene::{self, AUDIENCE, ISSUER, NOW};

thread_local! {
    static VERIFIER: RefCell<Verifier> = RefCell::new(scene::verifier(&json!({
        "issuers": [{ "issuer": ISSUER, "jwks": scene::key_set() }],
        "audiences": [AUDIENCE],
        "token_cache": { "entries": 64 },
    })));
}

static GOOD: LazyLock<String> = LazyLock::new(scene::good_token);

/// Judges a text as a token; a text of two lines that starts with a brace is a header and claims to sign first.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.split_once('\n') {
        Some((header, payload)) if header.starts_with('{') => run_signed(header, payload),
        _ => run_text(text),
    }
}

/// Nobody gets in with what the issuer did not sign, byte for byte.
fn run_text(text: &str) {
    // The good token stands for `$`, so that its parts can be mixed with others.
    let token = text.replace('$', &GOOD);
    // Spaces around it belong to the field.
    let token = token.trim_matches([' ', '\t']);
    if authenticated(token) {
        let signed = token.rsplit_once('.').map(|(signed, _)| signed);
        let own = signed == GOOD.rsplit_once('.').map(|(signed, _)| signed);
        assert!(own || scene::holds_signed_part(token), "nobody signed {token}");
    }
}

/// What is well signed is still refused unless another reader of JSON agrees about the claims.
fn run_signed(header: &str, payload: &str) {
    if !authenticated(&scene::sign(header, payload)) {
        return;
    }
    let header: Value = serde_json::from_str(header).expect("a header is JSON");
    let claims: Value = serde_json::from_str(payload).expect("claims are JSON");
    let alg = header.get("alg").and_then(Value::as_str);
    assert!(matches!(alg, Some("EdDSA" | "Ed25519")), "{header}");
    assert!(header.get("crit").is_none() && header.get("b64").is_none(), "{header}");
    let typ = header.get("typ").and_then(Value::as_str).expect("a type is there").to_ascii_lowercase();
    assert!(matches!(&*typ, "at+jwt" | "application/at+jwt"), "{header}");
    assert_eq!(claims.get("iss"), Some(&ISSUER.into()));
    let named = match claims.get("aud") {
        Some(Value::Array(list)) => list.contains(&AUDIENCE.into()),
        one => one == Some(&AUDIENCE.into()),
    };
    assert!(named, "{claims}");
    for claim in ["sub", "client_id", "jti"] {
        assert!(
            claims.get(claim).is_some_and(|value| value.is_string() && *value != ""),
            "{claim}: {claims}"
        );
    }
    let date = |claim: &str| claims.get(claim).map(|date| date.as_f64().expect("a date is a number"));
    let (now, skew) = (seconds(NOW.as_seconds()), 30.0);
    let (expiry, issued) = (date("exp").expect("exp is there"), date("iat").expect("iat is there"));
    assert!(now < expiry + skew && issued < now + skew + 1.0 && expiry >= 0.0 && issued >= 0.0, "{claims}");
    assert!(date("nbf").is_none_or(|start| start <= now + skew), "{claims}");
    assert!(claims.get("cnf").is_none(), "{claims}");
}

fn authenticated(token: &str) -> bool {
    let answer = VERIFIER.with_borrow_mut(|verifier| {
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, &**value));
        let decision = scene::authorize(verifier, &scene::get("/orders/1", &headers));
        let allowed = matches!(decision, tessera_verifier::Decision::Allow(_));
        let answer = scene::authenticate(verifier, token);
        // A text with characters that no token in a header may have is refused before it is one.
        assert!(!allowed || answer.is_ok(), "two verdicts on {token}");
        answer
    });
    match answer {
        Ok(_) => {
            assert!(token.len() <= limits::TOKEN_BYTES);
            true
        }
        Err(error) => {
            // The log's text is made from what the caller sent.
            assert!(!error.to_string().contains(char::is_control), "{error}");
            false
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the time of the corpus is far below 2^53")]
fn seconds(whole: u64) -> f64 {
    whole as f64
}
