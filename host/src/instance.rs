//! One instance of the component, within its bounds.

mod wit;

use wasmtime::{Store, StoreLimits};

use crate::{
    decision::Decision,
    documents::{Examination, FetchRequest, FetchResult, Outcome},
    problem::PolicyProblem,
    request::PlainRequest,
    runtime::{Runtime, ticks},
};
use wit::Exports;

/// An instance that cannot be relied on any more: it trapped, took too long, or wanted too much memory.
#[derive(Debug, thiserror::Error)]
#[error("the verifier instance failed")]
pub struct InstanceError(#[source] wasmtime::Error);

/// What to do next about a request.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every step is a decision; a box would cost each an allocation"
)]
pub enum Step {
    /// Nothing: this is the decision.
    Done(Decision),
    /// Fetch a document, tell the instance of it, and ask again.
    Fetch {
        /// The document. Nobody else is told to fetch it meanwhile.
        request: FetchRequest,
        /// The number to ask again with.
        attempt: u64,
    },
    /// Wait until the instance is told of any document, then ask again.
    Wait {
        /// The latest time to ask again, in seconds since the epoch.
        until: u64,
        /// The number to ask again with.
        attempt: u64,
    },
}

/// The attempt of a caller that can neither fetch nor wait: the next step is [`Step::Done`].
pub(crate) const LAST_ATTEMPT: u64 = u64::MAX;

/// An instance with a policy loaded.
pub(crate) struct Instance {
    store: Store<StoreLimits>,
    exports: Exports,
    decision_ticks: u64,
    preparation_ticks: u64,
}

impl Instance {
    /// Makes an instance. The inner error is the policy's.
    pub(crate) fn new(
        runtime: &Runtime,
        policy: &str,
        claims: bool,
    ) -> Result<Result<Self, Vec<PolicyProblem>>, InstanceError> {
        let limits = runtime.limits();
        let (decision_ticks, preparation_ticks) = (ticks(limits.decision), ticks(limits.preparation));
        let mut store = runtime.new_store();
        store.set_epoch_deadline(preparation_ticks);
        let loaded = Exports::load(&mut store, runtime.component(), runtime.linker(), policy, claims);
        Ok(loaded.map_err(InstanceError)?.map(|exports| Self {
            store,
            exports,
            decision_ticks,
            preparation_ticks,
        }))
    }

    /// The header fields that decisions depend on, in lower case.
    pub(crate) fn required_headers(&self) -> &[String] {
        self.exports.required_headers()
    }

    /// The documents to fetch now.
    pub(crate) fn due_fetches(&mut self, now: u64) -> Result<Vec<FetchRequest>, InstanceError> {
        self.store.set_epoch_deadline(self.decision_ticks);
        self.exports.due_fetches(&mut self.store, now).map_err(InstanceError)
    }

    /// Tells the instance how a fetch went.
    pub(crate) fn apply_fetch(&mut self, result: &FetchResult) -> Result<Examination, InstanceError> {
        match &result.outcome {
            Outcome::Fetched(document) => self.supply(&result.id, document, result.at),
            Outcome::Failed => self.fail(&result.id, result.at).map(|()| Ok(Vec::new())),
        }
    }

    /// Hands over a document that came.
    pub(crate) fn supply(
        &mut self,
        id: &str,
        document: &tessera_fetch::Document,
        now: u64,
    ) -> Result<Examination, InstanceError> {
        self.store.set_epoch_deadline(self.preparation_ticks);
        self.exports.supply(&mut self.store, id, document, now).map_err(InstanceError)
    }

    /// Says that a document cannot be had.
    pub(crate) fn fail(&mut self, id: &str, now: u64) -> Result<(), InstanceError> {
        self.store.set_epoch_deadline(self.preparation_ticks);
        self.exports.fail(&mut self.store, id, now).map_err(InstanceError)
    }

    /// Asks about a request of which the header fields are those that the policy requires. `attempt` is 0 for a new
    /// request, then the number that came with the last step.
    pub(crate) fn authorize(
        &mut self,
        request: &PlainRequest<'_>,
        attempt: u64,
        now: u64,
    ) -> Result<Step, InstanceError> {
        self.store.set_epoch_deadline(self.decision_ticks);
        self.exports.authorize(&mut self.store, request, attempt, now).map_err(InstanceError)
    }
}
