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
    decision::VerifiedToken,
    excerpt::Excerpt,
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
mod simulation;
mod status;
mod token_claims;

/// A verifier of one issuer with these keys inline, and further members.
fn verifier(keys: &[Json], members: &Json) -> Verifier {
    let mut issuer = json!({ "jwks": { "keys": keys } });
    for (name, value) in members.as_object().unwrap() {
        issuer[name] = value.clone();
    }
    Verifier::load(&testing::policy(issuer)).unwrap()
}

/// A signer, and a verifier that knows its key as `k`.
fn pair(members: &Json) -> (Signer, Verifier) {
    let signer = Signer::es256();
    let verifier = verifier(&[signer.jwk("k")], members);
    (signer, verifier)
}

fn verdict(verifier: &mut Verifier, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Error> {
    match verifier.authenticate(token, now) {
        Authentication::Verified(token) => Ok(token),
        Authentication::Refused(error) => Err(error),
        Authentication::Need(wants) => panic!("needs {wants:?}"),
    }
}

/// Why a token is refused; nothing, if it is not.
fn refusal(verifier: &mut Verifier, token: &str) -> Option<Error> {
    verdict(verifier, token, at(0)).err()
}
