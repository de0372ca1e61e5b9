//! The verifier of this instance, and the fetches it asks for.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tessera_verifier::{Attempt, Backend, Decision, DocumentId, FetchRequest, Step, Timestamp, Verifier};

use crate::{
    fetch::{Document, FetchError},
    host::POLICY,
    request::Head,
};

/// How often a waiting request looks whether that fetch is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The host of a gate, or a simulation of one.
pub(crate) trait Surroundings: 'static {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// Fetches a document, within the bounds that come with it.
    async fn fetch(&self, request: &FetchRequest) -> Result<Document, FetchError>;
    /// Writes a line to the log.
    async fn log(&self, line: &str);
    /// Does something beside the request.
    fn spawn(&self, work: impl Future<Output = ()> + 'static);
}

/// What the requests of an instance share. An instance has one thread, and gives way to another request only
/// where it awaits: no borrow is held there.
pub(crate) struct Gate<S> {
    verifier: RefCell<Verifier>,
    /// How many fetches are over.
    fetched: Cell<u64>,
    surroundings: S,
}

impl<S: Surroundings> Gate<S> {
    /// A gate by this policy, or a text for the log that says why there is none.
    pub(crate) fn load(policy: Option<&str>, surroundings: S) -> Result<Self, String> {
        let policy = policy
            .ok_or_else(|| format!("no policy, so nothing passes: set the environment variable {POLICY}"))?;
        let verifier = Verifier::load(policy, Backend::Portable)
            .map_err(|error| format!("the policy in {POLICY} has problems, so nothing passes:\n{error}"))?;
        Ok(Self { verifier: RefCell::new(verifier), fetched: Cell::new(0), surroundings })
    }

    /// The header fields that decisions depend on.
    pub(crate) fn required_headers(&self) -> Vec<String> {
        self.verifier.borrow().required_headers().to_vec()
    }

    /// Decides about a request. Takes some microseconds, or as long as a fetch where one is needed.
    pub(crate) async fn decide(&self, head: &Head) -> Decision {
        let mut attempt = Attempt::new();
        loop {
            let ask = |request: &tessera_verifier::Request<'_>| {
                self.verifier.borrow_mut().authorize(request, &mut attempt, self.surroundings.now())
            };
            match head.with(ask) {
                Step::Done(decision) => return decision,
                Step::Fetch(request) => self.fetch(vec![request]).await,
                Step::Wait { until } => self.wait_for_a_fetch(until).await,
            }
        }
    }

    /// Fetches what is due, without keeping a request from its answer.
    pub(crate) fn keep_fresh(self: Rc<Self>) {
        let due = self.verifier.borrow_mut().due_fetches(self.surroundings.now());
        if !due.is_empty() {
            let gate = Rc::clone(&self);
            self.surroundings.spawn(async move { gate.fetch(due).await });
        }
    }

    /// Waits until a fetch of another request is over, or it is that late.
    async fn wait_for_a_fetch(&self, until: Timestamp) {
        let seen = self.fetched.get();
        let seconds = until.as_seconds().saturating_sub(self.surroundings.now().as_seconds());
        let mut left = Duration::from_secs(seconds);
        while self.fetched.get() == seen && !left.is_zero() {
            self.surroundings.sleep(LOOK_EVERY).await;
            left = left.saturating_sub(LOOK_EVERY);
        }
    }

    async fn fetch(&self, requests: Vec<FetchRequest>) {
        for request in requests {
            let notes = match self.surroundings.fetch(&request).await {
                Ok(document) => self.supply(request.id, &document),
                Err(error) => {
                    self.verifier.borrow_mut().fail(request.id, self.surroundings.now());
                    // Without the query, which may hold a secret.
                    let url = request.url.split('?').next().unwrap_or_default();
                    vec![format!("cannot fetch {url}: {error}")]
                }
            };
            self.fetched.set(self.fetched.get() + 1);
            for note in notes {
                self.surroundings.log(&note).await;
            }
        }
    }

    /// Hands a document to the core; returns what there is to log about it.
    fn supply(&self, id: DocumentId, document: &Document) -> Vec<String> {
        let Document { text, caching } = document;
        match self.verifier.borrow_mut().supply(id, text, caching, self.surroundings.now()) {
            Ok(skipped) => std::iter::once(format!("a document of {} bytes is in use", text.len()))
                .chain(skipped.iter().map(ToString::to_string))
                .collect(),
            Err(error) => vec![format!("a document is refused, the last good one stays in use: {error}")],
        }
    }
}

#[cfg(test)]
mod tests;
