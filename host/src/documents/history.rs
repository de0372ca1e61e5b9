//! The results of all fetches, and how instances learn of them.
//!
//! Every instance has its own memory, so each has to be told of each fetch. They are told in the order
//! of the fetches, and lazily: an instance catches up when it is next used. A new one catches up from
//! the beginning, of which only what still matters is kept. Status lists are many and soon outdated:
//! the instances that are there are told of them, and a new one fetches those that it needs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::watch, time::Instant};
use tracing::info;

use super::{Examination, FetchResult, Outcome};

/// The results so far.
pub(crate) struct History {
    entries: Mutex<Vec<Entry>>,
    /// The number of the newest result, for those who wait for one.
    newest: watch::Sender<u64>,
}

struct Entry {
    /// Counts up from 1 over all documents.
    number: u64,
    result: Arc<FetchResult>,
}

/// The number of the last result that an instance knows of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastSeen(u64);

/// How many failures in a row a new instance is told of. More would not make its pauses longer.
const FAILURES_KEPT: usize = 8;

/// For how long instances are told of a status list, in seconds. One that was idle for longer fetches what it needs.
const LISTS_KEPT: u64 = 60;

impl History {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default(), newest: watch::Sender::new(0) }
    }

    /// Tells an instance of the results that it has yet to learn of, in order.
    pub(crate) fn catch_up<E>(
        &self,
        last_seen: &mut LastSeen,
        apply: impl FnMut(&FetchResult) -> Result<Examination, E>,
    ) -> Result<(), E> {
        if *self.newest.borrow() == last_seen.0 {
            return Ok(());
        }
        let (results, newest) = {
            let entries = self.entries();
            (results(&entries, |entry| entry.number > last_seen.0), *self.newest.borrow())
        };
        replay(&results, apply)?;
        *last_seen = LastSeen(newest);
        Ok(())
    }

    /// Tells an instance of the documents that stay, in order: what it has to know to judge a new one.
    pub(crate) fn prepare<E>(
        &self,
        apply: impl FnMut(&FetchResult) -> Result<Examination, E>,
    ) -> Result<(), E> {
        let results = results(&self.entries(), |entry| !entry.result.is_ephemeral());
        replay(&results, apply)
    }

    /// Whether there is a result for a document that an instance does not know of.
    pub(crate) fn has_news(&self, id: &str, last_seen: LastSeen) -> bool {
        self.entries().iter().any(|entry| entry.number > last_seen.0 && entry.result.id == id)
    }

    /// Whether a good copy of a document is in the history.
    pub(crate) fn has_copy(&self, id: &str) -> bool {
        let good = |result: &FetchResult| matches!(result.outcome, Outcome::Fetched(_));
        self.entries().iter().any(|entry| entry.result.id == id && good(&entry.result))
    }

    /// Waits until there is a result after the last one seen. Says whether there was one in time.
    pub(crate) async fn wait(&self, last_seen: LastSeen, until: Instant) -> bool {
        let mut newest = self.newest.subscribe();
        tokio::time::timeout_at(until, newest.wait_for(|newest| *newest > last_seen.0)).await.is_ok()
    }

    /// Adds a result, under the next number.
    pub(crate) fn record(&self, result: FetchResult) {
        let mut entries = self.entries();
        let number = *self.newest.borrow() + 1;
        forget(&mut entries, &result);
        entries.push(Entry { number, result: Arc::new(result) });
        // Sent while the lock is held, so that whoever sees the number finds the result.
        self.newest.send_replace(number);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing is changed by halves, so what a panic left behind is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn results(entries: &[Entry], wanted: impl Fn(&Entry) -> bool) -> Vec<Arc<FetchResult>> {
    entries.iter().filter(|entry| wanted(entry)).map(|entry| Arc::clone(&entry.result)).collect()
}

fn replay<E>(
    results: &[Arc<FetchResult>],
    mut apply: impl FnMut(&FetchResult) -> Result<Examination, E>,
) -> Result<(), E> {
    let mut refused = Vec::new();
    for result in results {
        if apply(result)?.is_err() {
            refused.push(result);
        }
    }
    // Every document in the history was accepted by an instance of the same policy before. That one knew
    // what another document says about it, which may stand later in the history now.
    for result in refused {
        if let Err(reason) = apply(result)? {
            info!(reason, "an instance has no use for a document that another accepted");
        }
    }
    Ok(())
}

/// Drops what the next result makes meaningless: all results of its document when a good copy came, and all but the last
/// few failures; and the status lists that everybody knows or does without.
fn forget(entries: &mut Vec<Entry>, next: &FetchResult) {
    entries
        .retain(|entry| !entry.result.is_ephemeral() || next.at < entry.result.at.saturating_add(LISTS_KEPT));
    let same = |entry: &Entry| entry.result.id == next.id;
    match next.outcome {
        Outcome::Fetched(_) => entries.retain(|entry| !same(entry)),
        Outcome::Failed => {
            let failed = |entry: &Entry| same(entry) && matches!(entry.result.outcome, Outcome::Failed);
            if entries.iter().filter(|entry| failed(entry)).count() >= FAILURES_KEPT
                && let Some(oldest) = entries.iter().position(failed)
            {
                entries.remove(oldest);
            }
        }
    }
}
