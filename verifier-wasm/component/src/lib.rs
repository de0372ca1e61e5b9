//! The verifier core as a WebAssembly component of the world `tessera:verifier/component`.
//!
//! An adapter and nothing else: it turns the types of `wit/verifier.wit` into those of
//! [`tessera_verifier`] and back. What anything means is written there, and decided in the core.

use std::cell::RefCell;

use generated::exports::tessera::verifier::verify::{
    self, Answer, Decision, Grant, Guest, GuestVerifier, Identity, Problem, Rejection, Request, Want,
};
use tessera_verifier::{self as core, DocumentId, Timestamp};

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    missing_docs,
    unsafe_code,
    reason = "generated from wit/verifier.wit; the ABI is made of raw pointers"
)]
mod generated {
    wit_bindgen::generate!({ path: "../../wit", world: "component" });

    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::Component;
}

/// The component's exports.
pub struct Component;

/// The resource `verifier`. The component is called by one thread, and never while it is being called.
pub struct Verifier(RefCell<core::Verifier>);

impl Guest for Component {
    type Verifier = Verifier;

    fn check(policy: String) -> Result<(), Vec<Problem>> {
        core::Verifier::load(&policy).map(drop).map_err(problems)
    }
}

impl GuestVerifier for Verifier {
    fn load(policy: String) -> Result<verify::Verifier, Vec<Problem>> {
        core::Verifier::load(&policy)
            .map(|verifier| verify::Verifier::new(Self(RefCell::new(verifier))))
            .map_err(problems)
    }

    fn reads(&self) -> Vec<String> {
        self.0.borrow().reads().to_vec()
    }

    fn wants(&self, now: u64) -> Vec<Want> {
        wants(self.0.borrow_mut().wants(Timestamp::from_seconds(now)))
    }

    fn supply(&self, id: u32, text: String, caching: String, now: u64) -> Result<Vec<String>, String> {
        let (id, now) = (DocumentId::from_number(id), Timestamp::from_seconds(now));
        match self.0.borrow_mut().supply(id, &text, &caching, now) {
            Ok(skipped) => Ok(skipped.iter().map(ToString::to_string).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fail(&self, id: u32, now: u64) {
        self.0.borrow_mut().fail(DocumentId::from_number(id), Timestamp::from_seconds(now));
    }

    fn authorize(&self, request: Request, now: u64) -> Decision {
        self.decide(&request, now, core::Verifier::authorize)
    }

    fn conclude(&self, request: Request, now: u64) -> Decision {
        self.decide(&request, now, core::Verifier::conclude)
    }
}

type Decide = fn(&mut core::Verifier, &core::Request<'_>, Timestamp) -> core::Decision;

impl Verifier {
    fn decide(&self, request: &Request, now: u64, decide: Decide) -> Decision {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request = core::Request {
            method: &request.method,
            host: &request.host,
            target: &request.target,
            headers: &headers,
        };
        match decide(&mut self.0.borrow_mut(), &request, Timestamp::from_seconds(now)) {
            core::Decision::Allow(grant) => Decision::Allow(self::grant(&grant)),
            core::Decision::Deny(rejection) => Decision::Deny(self::rejection(&rejection)),
            core::Decision::Answer(document) => Decision::Answer(answer(document)),
            core::Decision::Need(needed) => Decision::Need(wants(needed)),
        }
    }
}

fn problems(error: core::PolicyError) -> Vec<Problem> {
    error
        .into_problems()
        .into_iter()
        .map(|core::Problem { place, line, column, message, suggestion }| Problem {
            place,
            line,
            column,
            message,
            suggestion,
        })
        .collect()
}

fn wants(wants: Vec<core::Want>) -> Vec<Want> {
    wants
        .into_iter()
        .map(|core::Want { id, url, timeout, limit }| Want {
            id: id.number(),
            url,
            timeout: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        })
        .collect()
}

fn grant(grant: &core::Grant) -> Grant {
    Grant {
        identity: grant.token().map(identity),
        remove: grant.remove().to_vec(),
        set: grant.set().to_vec(),
        target: grant.target().map(ToOwned::to_owned),
        refusal: grant.refusal().map(rejection),
    }
}

fn answer(core::Document { status, headers, body }: core::Document) -> Answer {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Answer { status, headers: headers.into_iter().map(own).collect(), body }
}

fn identity(token: &core::VerifiedToken) -> Identity {
    Identity {
        issuer: token.issuer().to_owned(),
        subject: token.subject().to_owned(),
        client: token.client().map(ToOwned::to_owned),
        scopes: token.scopes().to_vec(),
        expiry: token.expiry().as_seconds(),
        claims: token.claims_json().to_owned(),
    }
}

fn rejection(rejection: &core::Rejection) -> Rejection {
    Rejection {
        status: rejection.status(),
        challenge: rejection.challenge().map(ToOwned::to_owned),
        error: rejection.error().name().to_owned(),
        reason: rejection.reason(),
    }
}
