use super::*;
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec,
    vec::Vec,
};
use serde_json::{Value as Json, json};

use crate::{
    algorithm::Algorithm,
    decision::Permit,
    excerpt::Excerpt,
    fetch::DocumentKind,
    limits,
    testing::{self, ISSUER, Signer, at, claims, encode, header, key_set},
};

mod discovery;
mod fetching;
mod headers;
mod mutations;
mod profiles;
mod remembered;
mod requests;
mod routes;
mod shared;
mod simulation;
mod status;
mod token_claims;

/// A verifier of one issuer with these keys inline, and further members.
fn verifier(keys: &[Json], members: &Json) -> Verifier {
    let mut issuer = json!({ "jwks": { "keys": keys } });
    for (name, value) in members.as_object().unwrap() {
        issuer[name] = value.clone();
    }
    testing::load(&testing::policy(issuer))
}

/// A signer, and a verifier that knows its key as `k`.
fn pair(members: &Json) -> (Signer, Verifier) {
    let signer = Signer::es256();
    let verifier = verifier(&[signer.jwk("k")], members);
    (signer, verifier)
}

fn verdict(verifier: &mut Verifier, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Error> {
    match authenticate(verifier, token, now) {
        Step::Done(verdict) => verdict,
        step => panic!("{step:?}"),
    }
}

/// The first step of whoever asks about a token.
fn authenticate(
    verifier: &mut Verifier,
    token: &str,
    now: Timestamp,
) -> Step<Result<Arc<VerifiedToken>, Error>> {
    verifier.authenticate(token, AcceptedAudience::OfPolicy, &mut Attempt::new(), now)
}

/// The documents to fetch for an answer; none, if others fetch them.
fn fetches<T: core::fmt::Debug>(step: Step<T>) -> Vec<FetchRequest> {
    match step {
        Step::Fetch(request) => vec![request],
        Step::Wait { .. } => vec![],
        step @ Step::Done(_) => panic!("{step:?}"),
    }
}

/// The identifier of the first issuer's key set at a URL.
fn keys_at(url: &str) -> DocumentId {
    DocumentId::new(DocumentKind::KeySet, 0, url)
}

/// Why a token is refused; nothing, if it is not.
fn refusal(verifier: &mut Verifier, token: &str) -> Option<Error> {
    verdict(verifier, token, at(0)).err()
}
