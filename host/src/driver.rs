//! A request's way to its decision, and the fetches on it.

use std::{error::Error, sync::Arc, time::Duration};

use tessera_fetch::{chain, redacted};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tracing::{error, info, warn};

use crate::{
    clock,
    decision::{Decision, Rejection},
    documents::{
        DocumentKind, Examination, Fetch, FetchLocks, FetchRequest, FetchResult, History, LastSeen, Outcome,
    },
    instance::{LAST_ATTEMPT, Step},
    request::Request,
};

/// The instances that decide. Each knows of all results in the [`History`] when it is asked.
pub(crate) trait Instances: Send + Sync + 'static {
    type Error: Error + Send;

    /// Asks one of them about a request. Also returns the last result that it knew of.
    fn authorize(
        &self,
        request: &Request<'_>,
        attempt: u64,
    ) -> impl Future<Output = Result<(Step, LastSeen), Self::Error>> + Send;

    /// The documents that are due, by one of them. Also returns the last result that it knew of.
    fn due_fetches(&self) -> impl Future<Output = Result<(Vec<FetchRequest>, LastSeen), Self::Error>> + Send;

    /// Tries a document out on a new instance, which is thrown away: what comes over the network meets no
    /// instance that requests use before it was seen to do no harm.
    fn examine(&self, result: &FetchResult) -> Result<Examination, Self::Error>;
}

/// Asks instances, fetches for them, and asks again.
pub(crate) struct Driver<I, F> {
    instances: I,
    fetcher: F,
    history: Arc<History>,
    locks: FetchLocks,
}

/// How often key sets are looked at to see whether one is due.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The longest wait between two steps: what the verifier allows a fetch, and a second.
const FETCH_WAIT: Duration = Duration::from_secs(6);

/// How often one request may lead to a fetch or to a wait in vain before it has to be decided by what there is. The
/// verifier itself is content with half of that; this bounds one that is not.
const STEPS: u32 = 8;

impl<I: Instances, F: Fetch> Driver<I, F> {
    pub(crate) fn new(instances: I, fetcher: F, history: Arc<History>) -> Self {
        Self { instances, fetcher, history, locks: FetchLocks::default() }
    }

    /// Fetches documents when they are due, for ever: the first time at once.
    pub(crate) async fn keep_fresh(self: &Arc<Self>) {
        let mut interval = tokio::time::interval(REFRESH_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match self.instances.due_fetches().await {
                // Not waited for: a source that does not answer holds up no other.
                Ok((due, last_seen)) => drop(self.fetch_all(due, last_seen)),
                Err(error) => warn!(error = chain(&error), "cannot look for documents that are due"),
            }
        }
    }

    /// Decides about a request.
    pub(crate) async fn authorize(self: &Arc<Self>, request: &Request<'_>) -> Decision {
        let failed = |reason| Decision::Deny(Rejection::undecided("verifier-failed", reason));
        let (mut attempt, mut steps) = (0, 0);
        loop {
            let asked_with = if steps < STEPS { attempt } else { LAST_ATTEMPT };
            match self.instances.authorize(request, asked_with).await {
                Err(error) => return failed(chain(&error)),
                Ok((Step::Done(decision), _)) => return decision,
                Ok(_) if asked_with == LAST_ATTEMPT => {
                    return failed(format!("the verifier does not decide within {STEPS} steps"));
                }
                Ok((Step::Fetch { request, attempt: next }, last_seen)) => {
                    (attempt, steps) = (next, steps + 1);
                    self.fetch_all(vec![request], last_seen).join_all().await;
                }
                Ok((Step::Wait { until, attempt: next }, last_seen)) => {
                    attempt = next;
                    let seconds = until.saturating_sub(clock::now());
                    let until = Instant::now() + Duration::from_secs(seconds).min(FETCH_WAIT);
                    // Any result may be the one, or of another document.
                    if !self.history.wait(last_seen, until).await {
                        steps += 1;
                    }
                }
            }
        }
    }

    /// Fetches documents, each in a task of its own, so that a caller who goes away ends none of them.
    fn fetch_all(self: &Arc<Self>, requests: Vec<FetchRequest>, last_seen: LastSeen) -> Fetches {
        let spawn = |request| tokio::spawn(Arc::clone(self).fetch(request, last_seen));
        Fetches(requests.into_iter().map(spawn).collect())
    }

    /// Fetches a document, unless that was done since the last result seen.
    async fn fetch(self: Arc<Self>, request: FetchRequest, last_seen: LastSeen) {
        let _lock = self.locks.lock(&request.id).await;
        if self.history.has_news(&request.id, last_seen) {
            return;
        }
        let outcome = self.get(&request).await;
        let mut result = FetchResult { id: request.id, kind: request.kind, at: clock::now(), outcome };
        if matches!(result.outcome, Outcome::Fetched(_)) {
            // Reading what somebody else wrote may take as long as the bounds allow: on a thread for that.
            let (driver, fetched) = (Arc::clone(&self), result.clone());
            let good = tokio::task::spawn_blocking(move || driver.accepts(&fetched, &request.url)).await;
            // What is not good counts as a failure: the copy before it stays.
            if !matches!(good, Ok(true)) {
                result.outcome = Outcome::Failed;
            }
        }
        self.history.record(result);
    }

    async fn get(&self, request: &FetchRequest) -> Outcome {
        // A query may hold a secret.
        let (url, kind) = (redacted(&request.url), request.kind);
        match self.fetcher.get(request).await {
            Ok(document) => {
                info!(url, %kind, bytes = document.text.len(), "fetched a document");
                Outcome::Fetched(Arc::new(document))
            }
            Err(error) => {
                let serving = self.serving(&request.id, kind);
                warn!(url, %kind, error = chain(&error), serving, "cannot fetch a document");
                Outcome::Failed
            }
        }
    }

    /// Whether a document that came is one to use.
    fn accepts(&self, fetched: &FetchResult, url: &str) -> bool {
        let (url, kind) = (redacted(url), fetched.kind);
        let serving = || self.serving(&fetched.id, kind);
        match self.instances.examine(fetched) {
            Ok(Ok(notes)) => {
                for note in notes {
                    info!(url, %kind, note, "about a document");
                }
                true
            }
            Ok(Err(reason)) => {
                warn!(url, %kind, reason, serving = serving(), "a document is refused");
                false
            }
            Err(error) => {
                let error = chain(&error);
                error!(url, %kind, error, serving = serving(), "an instance failed on a document, which is refused");
                false
            }
        }
    }

    /// The copy that is in use while a newer one cannot be had, for a log.
    fn serving(&self, id: &str, kind: DocumentKind) -> &'static str {
        match (kind, self.history.has_copy(id)) {
            (_, true) => "the last good copy, up to its bound",
            (DocumentKind::StatusList, false) => "the last good copy of each instance, if any",
            (_, false) => "nothing: there is no good copy yet",
        }
    }
}

/// Fetches under way. Dropping this leaves them alone.
struct Fetches(Vec<JoinHandle<()>>);

impl Fetches {
    async fn join_all(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                error!(error = chain(&error), "a fetch ended early");
            }
        }
    }
}

#[cfg(test)]
mod tests;
