//! The verifier core as a WebAssembly component of the world `tessera:verifier/component`.
//!
//! An adapter and nothing else: it turns the types of `wit/verifier.wit` into those of
//! [`tessera_verifier`] and back. What anything means is written there, and decided in the core.

use std::cell::RefCell;

use generated::exports::tessera::verifier::verify::{
    self, Document, Fetch, Fields, Guest, GuestVerifier, Identity, Kind, Options, Permit, Problem, Rejection,
    Request, Response, Step, Wait,
};
use tessera_verifier::{self as core, Attempt, Backend, Decision, DocumentId, DocumentKind, Timestamp};

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
pub struct Verifier {
    core: RefCell<core::Verifier>,
    options: Options,
}

impl Guest for Component {
    type Verifier = Verifier;

    fn check(policy: String) -> Result<(), Vec<Problem>> {
        core::Verifier::check_policy(&policy).map_err(problems)
    }
}

impl GuestVerifier for Verifier {
    fn load(policy: String, options: Options) -> Result<verify::Verifier, Vec<Problem>> {
        let core = core::Verifier::load(&policy, Backend::Portable).map_err(problems)?;
        Ok(verify::Verifier::new(Self { core: RefCell::new(core), options }))
    }

    fn fields(&self) -> Fields {
        let core = self.core.borrow();
        Fields { pass: core.required_headers().to_vec(), remove: core.owned_fields().to_vec() }
    }

    fn due(&self, now: u64) -> Vec<Document> {
        self.core.borrow_mut().due_fetches(time(now)).into_iter().map(document).collect()
    }

    fn supply(&self, id: String, text: String, caching: String, now: u64) -> Result<Vec<String>, String> {
        let id = DocumentId::parse(&id).ok_or_else(|| core::DocumentError::Unwanted.to_string())?;
        match self.core.borrow_mut().supply(id, &text, &caching, time(now)) {
            Ok(skipped) => Ok(skipped.iter().map(ToString::to_string).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fail(&self, id: String, now: u64) {
        if let Some(id) = DocumentId::parse(&id) {
            self.core.borrow_mut().fail(id, time(now));
        }
    }

    fn authorize(&self, request: Request, attempt: u64, now: u64) -> Step {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request = core::Request {
            method: &request.method,
            host: &request.host,
            target: &request.target,
            headers: &headers,
        };
        let mut attempt = Attempt::from_number(attempt);
        match self.core.borrow_mut().authorize(&request, &mut attempt, time(now)) {
            core::Step::Done(Decision::Allow(permit)) => Step::Allow(self.permit(permit)),
            core::Step::Done(Decision::Deny(rejection)) => Step::Deny(self::rejection(&rejection)),
            core::Step::Done(Decision::Respond(response)) => Step::Respond(self::response(response)),
            core::Step::Fetch(request) => {
                Step::Fetch(Fetch { document: document(request), attempt: attempt.number() })
            }
            core::Step::Wait { until } => {
                Step::Wait(Wait { until: until.as_seconds(), attempt: attempt.number() })
            }
        }
    }
}

impl Verifier {
    fn permit(&self, permit: core::Permit) -> Permit {
        Permit {
            identity: permit.token().map(|token| self.identity(token)),
            remove: permit.token_field().map(ToOwned::to_owned),
            refusal: permit.refusal().map(rejection),
            target: permit.target().map(ToOwned::to_owned),
            set: permit.into_set(),
        }
    }

    fn identity(&self, token: &core::VerifiedToken) -> Identity {
        Identity {
            issuer: token.issuer().to_owned(),
            subject: token.subject().to_owned(),
            client: token.client().map(ToOwned::to_owned),
            scopes: token.scopes().to_vec(),
            expiry: token.expiry().as_seconds(),
            claims: self.options.claims.then(|| token.claims_json().to_owned()),
        }
    }
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn problems(error: core::PolicyError) -> Vec<Problem> {
    let problem = |core::Problem { pointer, line, column, message, suggestion }| Problem {
        pointer,
        line,
        column,
        message,
        suggestion,
    };
    error.into_problems().into_iter().map(problem).collect()
}

fn document(core::FetchRequest { id, url, timeout, limit }: core::FetchRequest) -> Document {
    Document {
        id: id.to_string(),
        kind: match id.kind() {
            DocumentKind::KeySet => Kind::Keys,
            DocumentKind::Metadata => Kind::Metadata,
            DocumentKind::StatusList => Kind::Statuses,
        },
        url,
        timeout: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    }
}

fn response(core::LocalResponse { status, headers, body }: core::LocalResponse) -> Response {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Response { status, headers: headers.into_iter().map(owned).collect(), body }
}

fn rejection(rejection: &core::Rejection) -> Rejection {
    Rejection {
        status: rejection.status(),
        challenge: rejection.challenge().map(ToOwned::to_owned),
        error: rejection.error().name().to_owned(),
        reason: rejection.reason(),
    }
}
