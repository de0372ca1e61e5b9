//! When a document is fetched, and how long a copy of it serves: a state machine over time, no I/O.
//!
//! ```text
//! nothing ── supply ──▶ fresh ── 4/5 of its time ──▶ due ── supply ──▶ fresh
//!                         │                          │
//!                         └──── fail, fail, … ───────┴── max_stale ──▶ nothing
//! ```
//!
//! One fetch at a time; after one, a pause. The last good copy serves while fetching fails, up to a
//! bound, and whatever is supplied that is not a good copy changes nothing.

use alloc::string::String;

use crate::{
    fetch::{DocumentId, DocumentKind, FetchPlan, FetchRequest, MayFetch},
    limits,
    time::Timestamp,
};

/// A document that is fetched from a URL, and the last good copy of it.
#[derive(Clone, Debug)]
pub(crate) struct CachedDocument<T> {
    id: DocumentId,
    url: String,
    /// How long the last good copy serves while fetching fails, in seconds.
    max_stale: u64,
    copy: Option<CachedCopy<T>>,
    fetch: Fetch,
    /// Failures since the last success.
    failures: u32,
    /// The longest pause between two fetches, in seconds.
    pause: u64,
}

/// How long a copy is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    /// From when on these times count.
    pub(crate) since: Timestamp,
    /// For how long it is fresh, in seconds: a newer one is wanted after four fifths of that.
    pub(crate) fresh: u64,
    /// For how long it serves, whatever happens, in seconds.
    pub(crate) usable: u64,
    /// The pause until the next fetch, in seconds, whoever asks for one.
    pub(crate) pause: u64,
}

/// The last good copy.
#[derive(Clone, Debug)]
struct CachedCopy<T> {
    document: T,
    /// When it came.
    fetched_at: Timestamp,
    /// From when on a newer one is wanted.
    refresh_at: Timestamp,
    /// Until when this one serves, whatever happens.
    usable_until: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Fetch {
    /// None is under way; the next may start at this time.
    Idle { next_at: Timestamp },
    /// Someone was told to fetch, and has until this time to say how it went.
    UnderWay { until: Timestamp },
}

impl<T> CachedDocument<T> {
    /// A document of the issuer at this index, not fetched yet.
    pub(crate) fn new(kind: DocumentKind, issuer: usize, url: String, max_stale: u64) -> Self {
        let id = DocumentId::new(kind, issuer, &url);
        let fetch = Fetch::Idle { next_at: Timestamp::from_seconds(0) };
        Self { id, url, max_stale, copy: None, fetch, failures: 0, pause: limits::FETCH_COOLDOWN_SECONDS }
    }

    /// The same, with pauses of at most so many seconds until a copy comes.
    pub(crate) fn with_pause(self, pause: u64) -> Self {
        Self { pause, ..self }
    }

    pub(crate) fn id(&self) -> DocumentId {
        self.id
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The document, while there is a copy young enough.
    pub(crate) fn document(&self, now: Timestamp) -> Option<&T> {
        self.copy.as_ref().filter(|copy| copy.serves(now)).map(|copy| &copy.document)
    }

    /// When the copy came, if there is one.
    pub(crate) fn fetched_at(&self) -> Option<Timestamp> {
        self.copy.as_ref().map(|copy| copy.fetched_at)
    }

    /// The copy that is kept, whether it may serve or not.
    pub(crate) fn copy(&self) -> Option<&T> {
        self.copy.as_ref().map(|copy| &copy.document)
    }

    /// Drops a copy of which this does not hold.
    pub(crate) fn forget_unless(&mut self, holds: impl FnOnce(&T) -> bool) {
        self.copy = self.copy.take().filter(|copy| holds(&copy.document));
    }

    /// When whoever is fetching it was told to, if that is not longer ago than a fetch may take.
    pub(crate) fn asked_at(&self, now: Timestamp) -> Option<Timestamp> {
        let Fetch::UnderWay { until } = self.fetch else { return None };
        let asked = Timestamp::from_seconds(until.as_seconds().saturating_sub(FETCH_SECONDS));
        (is_pending(until, FETCH_SECONDS, now) && asked <= now).then_some(asked)
    }

    /// Whether a newer copy is wanted.
    fn is_due(&self, now: Timestamp) -> bool {
        self.document(now).is_none() || self.copy.as_ref().is_none_or(|copy| now >= copy.refresh_at)
    }

    /// Says what to do about the document. [`FetchPlan::Fetch`] is answered to one caller only, until that one reports
    /// back or its time is over.
    pub(crate) fn plan(&mut self, may_fetch: MayFetch, now: Timestamp) -> FetchPlan {
        match self.fetch {
            Fetch::UnderWay { until } if is_pending(until, FETCH_SECONDS, now) => FetchPlan::Wait { until },
            Fetch::Idle { next_at } if is_pending(next_at, self.pause, now) => FetchPlan::Nothing,
            _ if may_fetch == MayFetch::No => FetchPlan::Nothing,
            _ => {
                self.fetch = Fetch::UnderWay { until: now.plus(FETCH_SECONDS) };
                FetchPlan::Fetch(FetchRequest::new(self.id, &self.url))
            }
        }
    }

    /// Begins the fetch of a newer copy if one is due, request or no request.
    pub(crate) fn fetch_if_due(&mut self, now: Timestamp) -> Option<FetchRequest> {
        if !self.is_due(now) {
            return None;
        }
        match self.plan(MayFetch::Yes, now) {
            FetchPlan::Fetch(request) => Some(request),
            FetchPlan::Wait { .. } | FetchPlan::Nothing => None,
        }
    }

    /// A good copy came.
    pub(crate) fn supply(&mut self, document: T, cache_control: &str, now: Timestamp) {
        let fresh = freshness(cache_control);
        let usable = fresh.max(self.max_stale);
        let pause = limits::FETCH_COOLDOWN_SECONDS;
        self.accept(document, Freshness { since: now, fresh, usable, pause }, now);
    }

    /// A good copy came that says itself how long it is good. Returns the one that it replaces.
    pub(crate) fn accept(&mut self, document: T, terms: Freshness, now: Timestamp) -> Option<T> {
        let Freshness { since, fresh, usable, pause } = terms;
        let replaced = self.copy.replace(CachedCopy {
            document,
            fetched_at: now,
            refresh_at: since.plus(fresh - fresh.div_ceil(5)),
            usable_until: since.plus(usable),
        });
        self.failures = 0;
        self.pause = pause;
        self.fetch = Fetch::Idle { next_at: now.plus(pause) };
        replaced.map(|copy| copy.document)
    }

    /// The document is elsewhere from now on. What there is serves until it was fetched there.
    pub(crate) fn relocate(&mut self, url: String) {
        self.id = DocumentId::new(self.id.kind(), self.id.issuer(), &url);
        self.url = url;
        self.failures = 0;
        self.fetch = Fetch::Idle { next_at: Timestamp::from_seconds(0) };
        self.expire();
    }

    /// A newer copy is wanted, however fresh this one is.
    pub(crate) fn expire(&mut self) {
        if let Some(copy) = &mut self.copy {
            copy.refresh_at = copy.fetched_at;
        }
    }

    /// How often fetching failed since it last did not.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Nothing came, or nothing good.
    pub(crate) fn fail(&mut self, now: Timestamp) {
        let pause =
            limits::FETCH_BACKOFF_SECONDS.saturating_mul(2_u64.saturating_pow(self.failures)).min(self.pause);
        self.failures = self.failures.saturating_add(1);
        let next_at = match self.fetch {
            // Whoever reports after another's success does not shorten the pause after that.
            Fetch::Idle { next_at } => next_at.max(now.plus(pause)),
            Fetch::UnderWay { .. } => now.plus(pause),
        };
        self.fetch = Fetch::Idle { next_at };
    }
}

impl<T> CachedCopy<T> {
    /// Whether this copy is young enough. One from the future came before the clock was put back: nobody
    /// can tell its age, so it serves no longer.
    fn serves(&self, now: Timestamp) -> bool {
        self.fetched_at <= now.plus(CLOCK_STEP_SECONDS) && now < self.usable_until
    }
}

/// Whether a pause of at most so many seconds lasts until that time. A time further away than any pause was set by a
/// clock that has since been put back.
pub(crate) fn is_pending(time: Timestamp, pause: u64, now: Timestamp) -> bool {
    now < time && time <= now.plus(pause + CLOCK_STEP_SECONDS)
}

/// A second more than a fetch may take, since time here is in whole seconds.
pub(crate) const FETCH_SECONDS: u64 = limits::FETCH_TIMEOUT.as_secs() + 1;

/// How far the clock may seem to go back, in seconds, without having been put back: callers on several
/// threads read it before they wait for their turn.
const CLOCK_STEP_SECONDS: u64 = 5;

/// How long a copy of a key set or of metadata is fresh by its Cache-Control, in seconds, within our bounds.
fn freshness(cache_control: &str) -> u64 {
    max_age(cache_control)
        .unwrap_or(limits::FRESHNESS_DEFAULT_SECONDS)
        .clamp(*limits::FRESHNESS_SECONDS.start(), *limits::FRESHNESS_SECONDS.end())
}

/// How long a copy is fresh by its Cache-Control (RFC 9111 §5.2.2), in seconds, if that says so.
pub(crate) fn max_age(cache_control: &str) -> Option<u64> {
    let mut max_age = None;
    for directive in cache_control.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(0),
            // A number too large to read is a very long time (RFC 9111 §1.2.2).
            "max-age" => {
                let digits = value.trim().trim_matches('"');
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    let seconds = digits.parse().unwrap_or(u64::MAX);
                    // Of several the shortest: one of them is a mistake (RFC 9111 §4.2.1).
                    max_age = Some(max_age.map_or(seconds, |other: u64| other.min(seconds)));
                }
            }
            _ => {}
        }
    }
    max_age
}

#[cfg(test)]
mod tests;
