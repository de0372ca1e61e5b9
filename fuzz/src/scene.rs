//! The issuer, the keys and the tokens of all targets: those of the conformance corpus, whose private halves are
//! published there.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tessera_verifier::{
    AcceptedAudience, Attempt, Backend, Decision, Error, Request, Timestamp, VerifiedToken, Verifier,
};

/// The issuer of the corpus.
pub const ISSUER: &str = "https://id.example";

/// What the service is called in the corpus.
pub const AUDIENCE: &str = "orders";

/// The time of the corpus.
pub const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

const KEYS: &str = include_str!("../../tests/vectors/keys.json");

/// Where the corpus' generator signed tokens, good ones and bad ones.
const CASES: [&str; 14] = [
    include_str!("../../tests/vectors/cases/answers.jsonl"),
    include_str!("../../tests/vectors/cases/claims.jsonl"),
    include_str!("../../tests/vectors/cases/credentials.jsonl"),
    include_str!("../../tests/vectors/cases/fetching.jsonl"),
    include_str!("../../tests/vectors/cases/form.jsonl"),
    include_str!("../../tests/vectors/cases/header.jsonl"),
    include_str!("../../tests/vectors/cases/keysets.jsonl"),
    include_str!("../../tests/vectors/cases/modes.jsonl"),
    include_str!("../../tests/vectors/cases/paths.jsonl"),
    include_str!("../../tests/vectors/cases/requirements.jsonl"),
    include_str!("../../tests/vectors/cases/routes.jsonl"),
    include_str!("../../tests/vectors/cases/signatures.jsonl"),
    include_str!("../../tests/vectors/cases/status.jsonl"),
    include_str!("../../tests/vectors/cases/upstream.jsonl"),
];

/// The names of keys in the corpus' file, and the identifiers that its cases publish them with.
const PUBLISHED: [(&str, &str); 4] =
    [("ed25519-a", "e1"), ("p256-a", "p1"), ("p384-a", "q1"), ("rsa-2048-a", "r1")];

/// Header and payload, with the dot between them, of every token that a key of the corpus signed.
static SIGNED: LazyLock<HashSet<&str>> = LazyLock::new(|| CASES.into_iter().flat_map(signed_parts).collect());

static SIGNER: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    let seed = key("ed25519-a").get("d").and_then(Value::as_str).map(|d| URL_SAFE_NO_PAD.decode(d));
    let seed = seed.expect("the key is private").expect("it is base64url");
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("it is a seed")
});

/// Whether some text has in it what a key of the corpus signed.
#[must_use]
pub fn holds_signed_part(text: &str) -> bool {
    signed_parts(text).any(|part| SIGNED.contains(part))
}

/// The keys that the corpus' issuer publishes.
#[must_use]
pub fn key_set() -> Value {
    let keys: Vec<Value> = PUBLISHED
        .iter()
        .map(|(name, kid)| {
            let Value::Object(mut jwk) = key(name) else { panic!("a key is an object") };
            jwk.retain(|member, _| member != "d" && member != "name");
            jwk.insert("kid".to_owned(), (*kid).into());
            Value::Object(jwk)
        })
        .collect();
    json!({ "keys": keys })
}

/// A token of this header and payload, signed by the issuer's Ed25519 key.
#[must_use]
pub fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(SIGNER.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A token that the policies of the targets take.
#[must_use]
pub fn good_token() -> String {
    let now = NOW.as_seconds();
    let payload = json!({
        "iss": ISSUER, "sub": "shop", "client_id": "shop", "aud": AUDIENCE, "scope": "orders:read",
        "jti": "1", "iat": now - 10, "exp": now + 300, "tenant": "blue", "roles": ["a", "b"],
        "realm_access": { "roles": ["admin"] },
    });
    sign(r#"{"alg":"EdDSA","kid":"e1","typ":"at+jwt"}"#, &payload.to_string())
}

/// A verifier by this policy, which has to take the good token: else a target would look at refusals only.
#[must_use]
pub fn verifier(policy: &Value) -> Verifier {
    let verifier = Verifier::load(&policy.to_string(), Backend::Portable);
    let mut verifier = verifier.expect("the target's policy is good");
    let answer = authenticate(&mut verifier, &good_token());
    assert!(answer.is_ok(), "the good token is none: {answer:?}");
    verifier
}

/// The answer about a token by what there is.
pub fn authenticate(verifier: &mut Verifier, token: &str) -> Result<Arc<VerifiedToken>, Error> {
    let step = verifier.authenticate(token, AcceptedAudience::OfPolicy, &mut Attempt::last(), NOW);
    step.done().expect("the last attempt is decided")
}

/// The answer about a request by what there is.
pub fn authorize(verifier: &mut Verifier, request: &Request<'_>) -> Decision {
    verifier.authorize(request, &mut Attempt::last(), NOW).done().expect("the last attempt is decided")
}

/// A GET with these fields.
#[must_use]
pub fn get<'r>(target: &'r str, headers: &'r [(&'r str, &'r str)]) -> Request<'r> {
    Request { method: "GET", host: "orders.example", target, headers }
}

fn key(name: &str) -> Value {
    let file: Value = serde_json::from_str(KEYS).expect("the corpus' keys are JSON");
    let keys = file.get("keys").and_then(Value::as_array).expect("it has a list of keys");
    keys.iter().find(|key| key.get("name") == Some(&name.into())).expect("the key is there").clone()
}

/// Every text between other characters that is formed like a token, without its signature.
fn signed_parts(text: &str) -> impl Iterator<Item = &str> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split(move |c: char| !in_token(c))
        .filter(|word| word.matches('.').count() == 2)
        .filter_map(|word| word.rsplit_once('.'))
        .map(|(signed, _)| signed)
        .filter(|signed| !signed.starts_with('.') && !signed.ends_with('.'))
}
