//! One instance, asked by hand: its caller is the clock and the network.
//!
//! For judging cases, where time stands still and documents are at hand. A host wants a
//! [`Verifier`](crate::Verifier).

use crate::{
    documents::Examination,
    instance::{Instance, InstanceError, Step},
    problem::PolicyProblem,
    request::PlainRequest,
    runtime::{Limits, Runtime, RuntimeError},
};

/// A compiled component, from which sessions are made.
pub struct Component {
    runtime: Runtime,
}

/// An instance of the component with a policy loaded. Nothing is in it that its caller did not tell it.
pub struct Session {
    instance: Instance,
}

impl Component {
    /// Compiles the component, which takes some tenths of a second.
    pub fn new(component: &[u8], limits: Limits) -> Result<Self, RuntimeError> {
        Runtime::new(component, limits).map(|runtime| Self { runtime })
    }

    /// Loads a policy (JSON) into an instance of its own. The inner error is every problem in the policy.
    pub fn load(&self, policy: &str) -> Result<Result<Session, Vec<PolicyProblem>>, InstanceError> {
        let instance = match Instance::new(&self.runtime, policy, false)? {
            Ok(instance) => instance,
            Err(problems) => return Ok(Err(problems)),
        };
        Ok(Ok(Session { instance }))
    }
}

impl Session {
    /// Asks about a request, at a time in seconds since the epoch, for the step of this attempt: 0 for a new request,
    /// then the number that came with the last step.
    pub fn authorize(
        &mut self,
        request: &PlainRequest<'_>,
        attempt: u64,
        now: u64,
    ) -> Result<Step, InstanceError> {
        let required = |name: &str| {
            self.instance.required_headers().iter().any(|required| required.eq_ignore_ascii_case(name))
        };
        let headers: Vec<(&str, &str)> =
            request.headers.iter().filter(|(name, _)| required(name)).copied().collect();
        self.instance.authorize(&PlainRequest { headers: &headers, ..*request }, attempt, now)
    }

    /// Hands over a document and the value of its Cache-Control field. Lines for a log come back, or why
    /// it is refused.
    pub fn supply(
        &mut self,
        id: &str,
        text: &str,
        cache_control: &str,
        now: u64,
    ) -> Result<Examination, InstanceError> {
        let document =
            tessera_fetch::Document { text: text.to_owned(), cache_control: cache_control.to_owned() };
        self.instance.supply(id, &document, now)
    }

    /// Says that a document cannot be had.
    pub fn fail(&mut self, id: &str, now: u64) -> Result<(), InstanceError> {
        self.instance.fail(id, now)
    }
}
