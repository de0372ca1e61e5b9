//! The verifier of this instance, and the fetches it asks for.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    time::Duration,
};

use tessera_verifier::{Attempt, Backend, Decision, DocumentId, FetchRequest, Step, Timestamp, Verifier};

use crate::{
    fetch::{Document, fetch},
    generated::wasi::http::types::Request,
    host::{self, log},
    request::Head,
};

/// How often a waiting request looks whether that fetch is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);

thread_local! {
    /// Read by the first request; empty inside where the policy has problems.
    static GATE: OnceCell<Option<Rc<Gate>>> = const { OnceCell::new() };
}

/// What the requests of an instance share. An instance has one thread, and gives way to another request only
/// where it awaits: no borrow is held there.
pub(crate) struct Gate {
    verifier: RefCell<Verifier>,
    /// How many fetches are over.
    fetched: Cell<u64>,
}

impl Gate {
    /// The gate of this instance; none if its policy has problems, which the request that finds them logs.
    pub(crate) async fn of_this_instance() -> Option<Rc<Self>> {
        if let Some(gate) = GATE.with(|gate| gate.get().cloned()) {
            return gate;
        }
        let (gate, problems) = match Self::load() {
            Ok(gate) => (Some(Rc::new(gate)), None),
            Err(problems) => (None, Some(problems)),
        };
        // Set before anything is awaited: no other request comes in between.
        let gate = GATE.with(|cell| cell.get_or_init(|| gate).clone());
        if let Some(problems) = problems {
            log(&problems).await;
        }
        gate
    }

    fn load() -> Result<Self, String> {
        let policy = host::policy().ok_or_else(|| {
            format!("no policy, so nothing passes: set the environment variable {}", host::POLICY)
        })?;
        let verifier = Verifier::load(&policy, Backend::Portable).map_err(|error| {
            format!("the policy in {} has problems, so nothing passes:\n{error}", host::POLICY)
        })?;
        Ok(Self { verifier: RefCell::new(verifier), fetched: Cell::new(0) })
    }

    /// Decides about a request. Takes some microseconds, or as long as a fetch where one is needed.
    pub(crate) async fn decide(self: &Rc<Self>, request: &Request) -> Decision {
        let head = Head::read(request, self.verifier.borrow().required_headers());
        let mut attempt = Attempt::new();
        loop {
            let ask = |request: &tessera_verifier::Request<'_>| {
                self.verifier.borrow_mut().authorize(request, &mut attempt, host::now())
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
        let due = self.verifier.borrow_mut().due_fetches(host::now());
        if !due.is_empty() {
            wit_bindgen::spawn_local(async move { self.fetch(due).await });
        }
    }

    /// Waits until a fetch of another request is over, or it is that late.
    async fn wait_for_a_fetch(&self, until: Timestamp) {
        let seen = self.fetched.get();
        let seconds = until.as_seconds().saturating_sub(host::now().as_seconds());
        let mut left = Duration::from_secs(seconds);
        while self.fetched.get() == seen && !left.is_zero() {
            host::sleep(LOOK_EVERY).await;
            left = left.saturating_sub(LOOK_EVERY);
        }
    }

    async fn fetch(&self, requests: Vec<FetchRequest>) {
        for request in requests {
            let notes = match fetch(&request).await {
                Ok(document) => self.supply(request.id, &document),
                Err(error) => {
                    self.verifier.borrow_mut().fail(request.id, host::now());
                    // Without the query, which may hold a secret.
                    let url = request.url.split('?').next().unwrap_or_default();
                    vec![format!("cannot fetch {url}: {error}")]
                }
            };
            self.fetched.set(self.fetched.get() + 1);
            for note in notes {
                log(&note).await;
            }
        }
    }

    /// Hands a document to the core; returns what there is to log about it.
    fn supply(&self, id: DocumentId, document: &Document) -> Vec<String> {
        let Document { text, caching } = document;
        match self.verifier.borrow_mut().supply(id, text, caching, host::now()) {
            Ok(skipped) => std::iter::once(format!("a document of {} bytes is in use", text.len()))
                .chain(skipped.iter().map(ToString::to_string))
                .collect(),
            Err(error) => vec![format!("a document is refused, the last good one stays in use: {error}")],
        }
    }
}
