//! The types of `wit/`, turned into those of this library. No other file knows them.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode, uri::PathAndQuery};
use wasmtime::{
    Result, Store, StoreLimits,
    component::{Component, Linker, ResourceAny},
};

use crate::{
    decision::{Decision, Identity, LocalResponse, Permit, Rejection},
    documents::{DocumentKind, Examination, FetchRequest},
    problem::PolicyProblem,
    request::PlainRequest,
};
use generated::exports::tessera::verifier::verify;

use super::Step;

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/verifier.wit"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "component",
        ownership: Borrowing { duplicate_if_necessary: false },
    });
}

/// The exports of an instance, and the verifier that it made. Errors are wasmtime's: the instance is lost.
pub(super) struct Exports {
    component: generated::Component,
    verifier: ResourceAny,
    required_headers: Vec<String>,
    owned_fields: Arc<[String]>,
}

impl Exports {
    /// Makes an instance with a policy loaded. The inner error is every problem in the policy.
    pub(super) fn load(
        store: &mut Store<StoreLimits>,
        component: &Component,
        linker: &Linker<StoreLimits>,
        policy: &str,
        claims: bool,
    ) -> Result<Result<Self, Vec<PolicyProblem>>> {
        let component = generated::Component::instantiate(&mut *store, component, linker)?;
        let exported = component.tessera_verifier_verify().verifier();
        let verifier = match exported.call_load(&mut *store, policy, verify::Options { claims })? {
            Ok(verifier) => verifier,
            Err(problems) => return Ok(Err(problems.into_iter().map(problem).collect())),
        };
        let verify::Fields { pass, remove } = exported.call_fields(&mut *store, verifier)?;
        Ok(Ok(Self { verifier, required_headers: pass, owned_fields: remove.into(), component }))
    }

    pub(super) fn required_headers(&self) -> &[String] {
        &self.required_headers
    }

    pub(super) fn due_fetches(&self, store: &mut Store<StoreLimits>, now: u64) -> Result<Vec<FetchRequest>> {
        let due = self.exported().call_due(store, self.verifier, now)?;
        Ok(due.into_iter().map(fetch_request).collect())
    }

    pub(super) fn supply(
        &self,
        store: &mut Store<StoreLimits>,
        id: &str,
        document: &tessera_fetch::Document,
        now: u64,
    ) -> Result<Examination> {
        let tessera_fetch::Document { text, cache_control } = document;
        self.exported().call_supply(store, self.verifier, id, text, cache_control, now)
    }

    pub(super) fn fail(&self, store: &mut Store<StoreLimits>, id: &str, now: u64) -> Result<()> {
        self.exported().call_fail(store, self.verifier, id, now)
    }

    pub(super) fn authorize(
        &self,
        store: &mut Store<StoreLimits>,
        request: &PlainRequest<'_>,
        attempt: u64,
        now: u64,
    ) -> Result<Step> {
        let PlainRequest { method, host, target, headers } = *request;
        let request = verify::Request { method, host, target, headers };
        let step = self.exported().call_authorize(store, self.verifier, request, attempt, now)?;
        Ok(self.step(step))
    }

    fn exported(&self) -> verify::GuestVerifier<'_> {
        self.component.tessera_verifier_verify().verifier()
    }

    fn step(&self, step: verify::Step) -> Step {
        let decided = match step {
            verify::Step::Allow(allowed) => self.permit(allowed).map(Decision::Allow),
            verify::Step::Deny(rejected) => Ok(Decision::Deny(rejection(rejected))),
            verify::Step::Respond(response) => local_response(response).map(Decision::Respond),
            verify::Step::Fetch(verify::Fetch { document, attempt }) => {
                return Step::Fetch { request: fetch_request(document), attempt };
            }
            verify::Step::Wait(verify::Wait { until, attempt }) => return Step::Wait { until, attempt },
        };
        Step::Done(decided.unwrap_or_else(|Unusable(part)| {
            let reason = format!("the verifier's answer has {part} that HTTP does not have");
            Decision::Deny(Rejection::undecided("verifier-failed", reason))
        }))
    }

    fn permit(&self, permit: verify::Permit) -> Result<Permit, Unusable> {
        let verify::Permit { identity: identified, remove, set, target, refusal } = permit;
        Ok(Permit {
            identity: identified.map(identity),
            owned_fields: Arc::clone(&self.owned_fields),
            token_field: remove,
            set: set.into_iter().map(field).collect::<Result<_, _>>()?,
            target: target.map(PathAndQuery::try_from).transpose().map_err(|_| Unusable("a target"))?,
            refusal: refusal.map(rejection),
        })
    }
}

/// A part of an answer that HTTP does not have. Nothing passes then.
struct Unusable(&'static str);

fn local_response(response: verify::Response) -> Result<LocalResponse, Unusable> {
    let verify::Response { status, headers, body } = response;
    let status = StatusCode::from_u16(status).map_err(|_| Unusable("a status"))?;
    let headers = headers.into_iter().map(field).collect::<Result<_, _>>()?;
    Ok(LocalResponse { status, headers, body })
}

fn field((name, value): (String, String)) -> Result<(HeaderName, HeaderValue), Unusable> {
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(Unusable("a field")),
    }
}

fn identity(identity: verify::Identity) -> Identity {
    let verify::Identity { issuer, subject, client, scopes, expiry, claims } = identity;
    Identity { issuer, subject, client, scopes, expiry, claims }
}

fn rejection(rejection: verify::Rejection) -> Rejection {
    let verify::Rejection { status, challenge, error, reason } = rejection;
    // A number that is no status, or the status of a success, is a refusal all the same.
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let challenge = challenge.and_then(|text| HeaderValue::try_from(text).ok());
    Rejection { status, challenge, error, reason }
}

fn fetch_request(document: verify::Document) -> FetchRequest {
    let verify::Document { id, kind, url, timeout, limit } = document;
    FetchRequest {
        id,
        kind: match kind {
            verify::Kind::Keys => DocumentKind::KeySet,
            verify::Kind::Metadata => DocumentKind::Metadata,
            verify::Kind::Statuses => DocumentKind::StatusList,
        },
        url,
        timeout: Duration::from_millis(timeout.into()),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    }
}

fn problem(problem: verify::Problem) -> PolicyProblem {
    let verify::Problem { pointer, line, column, message, suggestion } = problem;
    PolicyProblem { pointer, line, column, message, suggestion }
}
