//! One instance of the component: the only file that knows the types of `wit/`.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, uri::PathAndQuery};
use tracing::info;
use wasmtime::{Store, StoreLimits, component::ResourceAny};

use crate::{
    documents::{Documents, Event, Kind, Outcome, Want},
    runtime::{Runtime, ticks},
    verifier::Request,
};
use generated::exports::tessera::verifier::verify;

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/verifier.wit"
)]
mod generated {
    wasmtime::component::bindgen!({ path: "../wit", world: "component" });
}

/// Leave for a request to pass. Only an instance of the component can give it.
#[derive(Clone)]
pub struct Grant {
    identity: Option<Identity>,
    remove: Vec<String>,
    set: Vec<(HeaderName, HeaderValue)>,
    target: Option<PathAndQuery>,
    refusal: Option<Rejection>,
}

/// A document of the verifier's own, to answer a request with.
#[derive(Clone, Debug)]
pub struct Document {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The content.
    pub body: String,
}

/// Who the caller proved to be.
#[derive(Clone)]
pub struct Identity {
    issuer: String,
    subject: String,
    client: Option<String>,
    scopes: Vec<String>,
    expiry: u64,
    claims: String,
}

/// A refusal: how to answer the caller, and what to tell the operator.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The status to answer with.
    pub status: StatusCode,
    /// The `WWW-Authenticate` field to answer with.
    pub challenge: Option<HeaderValue>,
    /// A stable name, for logs and metrics.
    pub error: String,
    /// The whole reason, for a log.
    pub reason: String,
}

/// Something wrong in a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Where: a JSON Pointer.
    pub pointer: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// An instance that cannot be relied on any more: it trapped, took too long, or wanted too much memory.
#[derive(Debug, thiserror::Error)]
#[error("the verifier instance failed")]
pub struct InstanceError(#[source] wasmtime::Error);

/// What an instance said about a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Pass it on.
    Allow(Grant),
    /// Refuse it.
    Deny(Rejection),
    /// Answer it with this document.
    Document(Document),
    /// Fetch this document, tell the instance how that went, and ask again with this attempt.
    Fetch(Want, u64),
    /// Wait for a document that somebody else fetches, until this time in seconds since the epoch, and ask again with
    /// this attempt.
    Wait(u64, u64),
}

/// An instance with a policy loaded.
pub(crate) struct Instance {
    store: Store<StoreLimits>,
    bindings: generated::Component,
    verifier: ResourceAny,
    decision_ticks: u64,
    preparation_ticks: u64,
    fields: verify::Fields,
    /// The events up to this number are known to it.
    pub(crate) seen: u64,
}

impl Instance {
    /// Makes an instance. The inner error is the policy's.
    pub(crate) fn new(
        runtime: &Runtime,
        policy: &str,
    ) -> Result<Result<Self, Vec<PolicyProblem>>, InstanceError> {
        let limits = runtime.limits();
        let preparation_ticks = ticks(limits.preparation);
        let mut store = runtime.new_store();
        store.set_epoch_deadline(preparation_ticks);
        let bindings = generated::Component::instantiate(&mut store, runtime.component(), runtime.linker())
            .map_err(InstanceError)?;
        let verify = bindings.tessera_verifier_verify().verifier();
        let options = verify::Options { claims: true };
        match verify.call_load(&mut store, policy, options).map_err(InstanceError)? {
            Ok(verifier) => {
                let fields = verify.call_fields(&mut store, verifier).map_err(InstanceError)?;
                Ok(Ok(Self {
                    store,
                    bindings,
                    verifier,
                    decision_ticks: ticks(limits.decision),
                    preparation_ticks,
                    fields,
                    seen: 0,
                }))
            }
            Err(problems) => Ok(Err(problems.into_iter().map(PolicyProblem::from).collect())),
        }
    }

    pub(crate) fn reads(&self) -> Vec<String> {
        self.fields.pass.clone()
    }

    pub(crate) fn wants(&mut self, now: u64) -> Result<Vec<Want>, InstanceError> {
        self.store.set_epoch_deadline(self.decision_ticks);
        self.bindings
            .tessera_verifier_verify()
            .verifier()
            .call_due(&mut self.store, self.verifier, now)
            .map(|wants| wants.into_iter().map(Want::from).collect())
            .map_err(InstanceError)
    }

    /// Tells the instance how a fetch went. What it has to say about the document comes back: lines for
    /// a log, or why it refused it.
    pub(crate) fn learn(&mut self, event: &Event) -> Result<Result<Vec<String>, String>, InstanceError> {
        self.store.set_epoch_deadline(self.preparation_ticks);
        let verify = self.bindings.tessera_verifier_verify();
        let (store, verifier) = (&mut self.store, self.verifier);
        match &event.outcome {
            Outcome::Fetched(document) => verify
                .verifier()
                .call_supply(store, verifier, &event.id, &document.text, &document.cache_control, event.at)
                .map_err(InstanceError),
            Outcome::Failed => {
                verify.verifier().call_fail(store, verifier, &event.id, event.at).map_err(InstanceError)?;
                Ok(Ok(Vec::new()))
            }
        }
    }

    /// Learns of all that was fetched since it last did.
    pub(crate) fn catch_up(&mut self, documents: &Documents) -> Result<(), InstanceError> {
        self.learn_all(documents.since(self.seen))
    }

    /// Learns of these events, in their order.
    pub(crate) fn learn_all(&mut self, events: Vec<Event>) -> Result<(), InstanceError> {
        let mut refused = Vec::new();
        for event in events {
            self.seen = event.number;
            if self.learn(&event)?.is_err() {
                refused.push(event);
            }
        }
        // Every document in the history was accepted by an instance of the same policy before. That one knew
        // what another document says about it, which may stand later in the history now.
        for event in refused {
            if let Err(reason) = self.learn(&event)? {
                info!(reason, "an instance has no use for a document that another accepted");
            }
        }
        Ok(())
    }

    pub(crate) fn authorize(
        &mut self,
        request: &Request<'_>,
        reads: &[String],
        attempt: u64,
        now: u64,
    ) -> Result<Answer, InstanceError> {
        let headers = reads
            .iter()
            .flat_map(|name| request.headers.get_all(name).iter().map(move |value| (name, value)))
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        self.ask(request.method, request.host, request.target, headers, attempt, now)
    }

    /// Asks about a request of which the header fields are those that the policy reads.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        host: &str,
        target: &str,
        headers: Vec<(String, String)>,
        attempt: u64,
        now: u64,
    ) -> Result<Answer, InstanceError> {
        self.store.set_epoch_deadline(self.decision_ticks);
        let request = verify::Request {
            method: method.to_owned(),
            host: host.to_owned(),
            target: target.to_owned(),
            headers,
        };
        let verifier = self.bindings.tessera_verifier_verify().verifier();
        let step = verifier
            .call_authorize(&mut self.store, self.verifier, &request, attempt, now)
            .map_err(InstanceError)?;
        Ok(self.read(step).unwrap_or_else(|UnusableGrant(what)| {
            let reason = format!("the verifier wants {what} that HTTP does not have");
            Answer::Deny(Rejection::undecided("verifier-failed", reason))
        }))
    }

    fn read(&self, step: verify::Step) -> Result<Answer, UnusableGrant> {
        Ok(match step {
            verify::Step::Allow(permit) => Answer::Allow(Grant::read(permit, &self.fields.remove)?),
            verify::Step::Deny(rejection) => Answer::Deny(Rejection::from(rejection)),
            verify::Step::Respond(response) => Answer::Document(Document::read(response)?),
            verify::Step::Fetch(fetch) => Answer::Fetch(Want::from(fetch.document), fetch.attempt),
            verify::Step::Wait(wait) => Answer::Wait(wait.until, wait.attempt),
        })
    }
}

impl Grant {
    /// Leave to pass with these fields removed and set.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn changing(remove: &[&str], set: &[(&'static str, &'static str)], target: Option<&str>) -> Self {
        let set =
            set.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Self {
            identity: None,
            remove: remove.iter().map(|&name| name.to_owned()).collect(),
            set: set.collect(),
            target: target.map(|target| target.parse().unwrap()),
            refusal: None,
        }
    }

    /// The verified caller; none on a public route, nor where a refusal was only reported.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The refusal that this request would have met, were it not for a dry run.
    #[must_use]
    pub fn refusal(&self) -> Option<&Rejection> {
        self.refusal.as_ref()
    }

    /// The fields to remove, by their names in lower case and with `-` for `_`.
    #[must_use]
    pub fn remove(&self) -> &[String] {
        &self.remove
    }

    /// The fields to set then.
    #[must_use]
    pub fn set(&self) -> &[(HeaderName, HeaderValue)] {
        &self.set
    }

    /// Changes a request's header fields as they have to be upstream.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let removed = |name: &HeaderName| {
            let folded = name.as_str().replace('_', "-");
            self.remove.contains(&folded)
        };
        let names: Vec<HeaderName> = headers.keys().filter(|name| removed(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
    }

    /// The request target to send on instead of the one that came.
    #[must_use]
    pub fn target(&self) -> Option<&PathAndQuery> {
        self.target.as_ref()
    }
}

/// A grant with something in it that no request can have. None passes then.
struct UnusableGrant(&'static str);

impl Identity {
    /// The `iss` claim.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The `client_id` claim.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The scopes, sorted, each once.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The `exp` claim, in seconds since the epoch.
    #[must_use]
    pub fn expiry(&self) -> u64 {
        self.expiry
    }

    /// All claims, as JSON text.
    #[must_use]
    pub fn claims(&self) -> &str {
        &self.claims
    }
}

impl Grant {
    fn read(permit: verify::Permit, owned: &[String]) -> Result<Self, UnusableGrant> {
        let verify::Permit { identity, remove, set, target, refusal } = permit;
        Ok(Self {
            identity: identity.map(Identity::from),
            remove: owned.iter().cloned().chain(remove).collect(),
            set: set.into_iter().map(field).collect::<Result<_, _>>()?,
            target: target.map(PathAndQuery::try_from).transpose().map_err(|_| UnusableGrant("a target"))?,
            refusal: refusal.map(Rejection::from),
        })
    }
}

impl Document {
    fn read(response: verify::Response) -> Result<Self, UnusableGrant> {
        let verify::Response { status, headers, body } = response;
        let status = StatusCode::from_u16(status).map_err(|_| UnusableGrant("a status"))?;
        let headers = headers.into_iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { status, headers, body })
    }
}

fn field((name, value): (String, String)) -> Result<(HeaderName, HeaderValue), UnusableGrant> {
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(UnusableGrant("a field")),
    }
}

impl From<verify::Identity> for Identity {
    fn from(identity: verify::Identity) -> Self {
        let verify::Identity { issuer, subject, client, scopes, expiry, claims } = identity;
        Self { issuer, subject, client, scopes, expiry, claims: claims.unwrap_or_default() }
    }
}

impl From<verify::Rejection> for Rejection {
    fn from(rejection: verify::Rejection) -> Self {
        let verify::Rejection { status, challenge, error, reason } = rejection;
        // What is no status, or one that lets pass, is a refusal all the same.
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let challenge = challenge.and_then(|text| HeaderValue::try_from(text).ok());
        Self { status, challenge, error, reason }
    }
}

impl From<verify::Document> for Want {
    fn from(document: verify::Document) -> Self {
        let verify::Document { id, kind, url, timeout, limit } = document;
        let kind = match kind {
            verify::Kind::Keys => Kind::Keys,
            verify::Kind::Metadata => Kind::Metadata,
            verify::Kind::Statuses => Kind::Statuses,
        };
        Self { id, kind, url, timeout, limit }
    }
}

impl From<verify::Problem> for PolicyProblem {
    fn from(problem: verify::Problem) -> Self {
        let verify::Problem { pointer, line, column, message, suggestion } = problem;
        Self { pointer, line, column, message, suggestion }
    }
}

impl Rejection {
    /// A refusal because no decision could be had.
    #[must_use]
    pub fn undecided(error: &'static str, reason: String) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, challenge: None, error: error.to_owned(), reason }
    }
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, line, column, message, suggestion } = self;
        write!(f, "{line}:{column}: ")?;
        if !pointer.is_empty() {
            write!(f, "{pointer}: ")?;
        }
        f.write_str(message)?;
        suggestion.as_ref().map_or(Ok(()), |suggestion| write!(f, " ({suggestion})"))
    }
}

impl fmt::Debug for Grant {
    /// The fields to set hold claims, and perhaps other cookies of the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("identity", &self.identity)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    /// Names the caller, and keeps the other claims to itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
