//! What was fetched for all instances, and how they come to know of it.
//!
//! Every instance has its own memory, so each has to be told of each fetch. They are told in the order
//! of the fetches, and lazily: an instance catches up when it is next used. A new one catches up from
//! the beginning, of which only what still matters is kept. Status lists are many and soon outdated: those who are
//! there are told of them, and a new instance fetches the ones that it needs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tessera_fetch::{Document, Fetcher, chain, redacted};
use tokio::sync::{Mutex as FetchMutex, OwnedMutexGuard, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::clock;

/// A document that an instance wants.
#[derive(Clone, Debug)]
pub struct Want {
    /// Names it when the instance is told how the fetch went.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub url: String,
    /// How long the whole fetch may take, in milliseconds.
    pub timeout: u32,
    /// The longest body worth reading, in bytes.
    pub limit: u32,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key set.
    Keys,
    /// An issuer's metadata.
    Metadata,
    /// A status list.
    Statuses,
}

/// A fetch that is over.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Counts up from 1 over all documents.
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Where the document is.
    pub(crate) url: String,
    /// When it was over, in seconds since the epoch.
    pub(crate) at: u64,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It came, and if it is in the history, it was good.
    Fetched(Arc<Document>),
    /// It did not come, or was refused.
    Failed,
}

/// The fetches so far, and the way to make another.
pub(crate) struct Documents {
    fetcher: Fetcher,
    history: Mutex<Vec<Event>>,
    /// The number of the newest event, for those who wait for one.
    newest: watch::Sender<u64>,
    /// Held while a document is being fetched: one fetch of a document at a time.
    under_way: Mutex<HashMap<String, Arc<FetchMutex<()>>>>,
}

/// How many failures in a row a new instance is told of. More would not make its pauses longer.
const FAILURES_KEPT: usize = 8;

/// For how long instances are told of a status list, in seconds. One that was idle for longer fetches what it needs.
const LISTS_KEPT: u64 = 60;

impl Documents {
    pub(crate) fn new(fetcher: Fetcher) -> Self {
        Self {
            fetcher,
            history: Mutex::default(),
            newest: watch::Sender::new(0),
            under_way: Mutex::default(),
        }
    }

    /// The events that someone who knows of all up to `seen` has yet to learn of, in order.
    pub(crate) fn since(&self, seen: u64) -> Vec<Event> {
        if *self.newest.borrow() == seen {
            return Vec::new();
        }
        lock(&self.history).iter().filter(|event| event.number > seen).cloned().collect()
    }

    /// The events of documents that stay, in order: what an instance has to know to judge a new one.
    pub(crate) fn lasting(&self) -> Vec<Event> {
        lock(&self.history).iter().filter(|event| !event.is_passing()).cloned().collect()
    }

    /// Waits for the turn to fetch a document: one fetch of a document at a time.
    pub(crate) async fn turn(&self, id: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut under_way = lock(&self.under_way);
            // Nobody fetches those that nobody else has.
            under_way.retain(|known, turn| known == id || Arc::strong_count(turn) > 1);
            Arc::clone(under_way.entry(id.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// GETs a document. The event is not in the history yet.
    pub(crate) async fn get(&self, want: &Want) -> Event {
        let outcome = self.outcome(want).await;
        let (id, url) = (want.id.clone(), want.url.clone());
        Event { number: 0, id, kind: want.kind, url, at: clock::now(), outcome }
    }

    async fn outcome(&self, want: &Want) -> Outcome {
        let timeout = Duration::from_millis(want.timeout.into());
        let limit = usize::try_from(want.limit).unwrap_or(usize::MAX);
        // A query may hold a secret.
        let url = redacted(&want.url);
        match self.fetcher.get(&want.url, timeout, limit).await {
            Ok(document) => {
                info!(url, bytes = document.text.len(), "fetched a document");
                Outcome::Fetched(Arc::new(document))
            }
            Err(error) => {
                warn!(url, error = chain(&error), "cannot fetch a document");
                Outcome::Failed
            }
        }
    }

    /// Waits until there is an event after the one numbered `seen`, or it is that late.
    pub(crate) async fn wait(&self, seen: u64, until: Instant) {
        let mut newest = self.newest.subscribe();
        drop(tokio::time::timeout_at(until, newest.wait_for(|newest| *newest > seen)).await);
    }

    /// Writes an event into the history, under the next number.
    pub(crate) fn record(&self, event: Event) {
        let mut history = lock(&self.history);
        let number = *self.newest.borrow() + 1;
        forget(&mut history, &event);
        history.push(Event { number, ..event });
        // Sent while the lock is held, so that whoever sees the number finds the event.
        self.newest.send_replace(number);
    }
}

impl Event {
    /// Whether it is of a document of which nobody has to know later.
    fn is_passing(&self) -> bool {
        self.kind == Kind::Statuses && matches!(self.outcome, Outcome::Fetched(_))
    }
}

/// Drops what the next event makes meaningless: all events of its document when a good copy came, and all but the last
/// few failures; and the status lists that everybody knows or does without.
fn forget(history: &mut Vec<Event>, next: &Event) {
    history.retain(|event| !event.is_passing() || next.at < event.at.saturating_add(LISTS_KEPT));
    let failed = |event: &Event| event.url == next.url && matches!(event.outcome, Outcome::Failed);
    match next.outcome {
        Outcome::Fetched(_) => history.retain(|event| event.url != next.url),
        Outcome::Failed => {
            if history.iter().filter(|event| failed(event)).count() >= FAILURES_KEPT
                && let Some(oldest) = history.iter().position(failed)
            {
                history.remove(oldest);
            }
        }
    }
}

/// A lock whose holder panicked still guards data that is whole: nothing here is changed by halves.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
