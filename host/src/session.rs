//! One instance, asked by hand: its caller is the clock and the network.
//!
//! For judging cases, where time stands still and documents are at hand. A host wants a
//! [`Verifier`](crate::Verifier).

use std::sync::Arc;

use crate::{
    documents::{Event, Kind, Outcome},
    instance::{Answer, Instance, InstanceError, PolicyProblem},
    runtime::{Limits, Runtime, RuntimeError},
};

/// A compiled component, from which sessions are made.
pub struct Component {
    runtime: Runtime,
}

/// An instance of the component with a policy loaded. Nothing is in it that its caller did not tell it.
pub struct Session {
    instance: Instance,
    reads: Vec<String>,
}

/// A request in plain text: what HTTP would not carry is for the verifier to refuse.
#[derive(Clone, Copy)]
pub struct PlainRequest<'r> {
    /// The method.
    pub method: &'r str,
    /// The Host field or the authority.
    pub host: &'r str,
    /// Path and query, undecoded.
    pub target: &'r str,
    /// All header fields; the instance is given those that its policy reads.
    pub headers: &'r [(String, String)],
}

impl Component {
    /// Compiles the component, which takes some tenths of a second.
    pub fn new(component: &[u8], limits: Limits) -> Result<Self, RuntimeError> {
        Runtime::new(component, limits).map(|runtime| Self { runtime })
    }

    /// Loads a policy (JSON) into an instance of its own. The inner error is every problem in the policy.
    pub fn load(&self, policy: &str) -> Result<Result<Session, Vec<PolicyProblem>>, InstanceError> {
        let instance = match Instance::new(&self.runtime, policy)? {
            Ok(instance) => instance,
            Err(problems) => return Ok(Err(problems)),
        };
        let reads = instance.reads();
        Ok(Ok(Session { instance, reads }))
    }
}

impl Session {
    /// Asks about a request, at a time in seconds since the epoch, for the step of this attempt: 0 for a new request,
    /// then what came with the last answer.
    pub fn authorize(
        &mut self,
        request: &PlainRequest<'_>,
        attempt: u64,
        now: u64,
    ) -> Result<Answer, InstanceError> {
        let PlainRequest { method, host, target, headers } = *request;
        let read = |name: &str| self.reads.iter().any(|own| own.eq_ignore_ascii_case(name));
        let headers = headers.iter().filter(|(name, _)| read(name)).cloned().collect();
        self.instance.ask(method, host, target, headers, attempt, now)
    }

    /// Hands over a document and the value of its Cache-Control field. Lines for a log come back, or why
    /// it is refused.
    pub fn supply(
        &mut self,
        id: &str,
        text: &str,
        cache_control: &str,
        now: u64,
    ) -> Result<Result<Vec<String>, String>, InstanceError> {
        let document =
            tessera_fetch::Document { text: text.to_owned(), cache_control: cache_control.to_owned() };
        self.learn(id, Outcome::Fetched(Arc::new(document)), now)
    }

    /// Says that a document cannot be had.
    pub fn fail(&mut self, id: &str, now: u64) -> Result<(), InstanceError> {
        self.learn(id, Outcome::Failed, now).map(drop)
    }

    fn learn(
        &mut self,
        id: &str,
        outcome: Outcome,
        now: u64,
    ) -> Result<Result<Vec<String>, String>, InstanceError> {
        self.instance.learn(&Event {
            number: 0,
            id: id.to_owned(),
            kind: Kind::Keys,
            url: String::new(),
            at: now,
            outcome,
        })
    }
}
