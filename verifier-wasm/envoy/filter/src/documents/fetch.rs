//! A fetch that is under way: by a call of this worker, or by another worker, which is waited for.

use std::{rc::Rc, time::Duration};

use log::warn;
use tessera_verifier::{DocumentId, DocumentKind, FetchRequest};

use super::Subscriber;
use crate::{
    clock::{ClockReading, millis},
    clusters::Source,
    proxy::{CallId, CallResponse, HttpCall, PluginId, Proxy},
    shared_document::{CachedCopy, FetchState, SharedDocument},
};

/// The end of a fetch.
#[derive(Clone)]
pub(crate) enum FetchResult {
    Copy(Rc<CachedCopy>),
    /// Nothing, at this time (in milliseconds since 1970).
    Failure(u64),
}

/// The times of the latest results that a subscriber was told, in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
pub(super) struct LastSeen {
    pub(super) fetched: u64,
    pub(super) failed: u64,
}

/// A document that is being fetched.
pub(crate) struct PendingFetch {
    pub(super) source: Source,
    document: SharedDocument,
    timeout: Duration,
    /// The longest body worth reading, in bytes.
    limit: usize,
    pub(crate) subscribers: Vec<Subscriber>,
    /// Since when it is waited for: the call, if there is one, or whoever has the lease.
    since: ClockReading,
    /// The call by which this worker fetches it; `None`, if another does.
    pub(super) call: Option<CallId>,
    /// Until when this worker has leave to fetch it, if it has, in milliseconds since 1970.
    lease: u64,
    /// The lease of another that was found, and when by the steady clock.
    found: Option<(u64, u64)>,
}

/// Firewalls refuse who does not say what it is (RFC 9110 §10.1.5).
const USER_AGENT: &str = concat!("tessera/", env!("CARGO_PKG_VERSION"));

/// How much longer a lease is than the fetch may take, in milliseconds: an answer in the last moment has to be read.
const LEASE_MARGIN: u64 = 1_000;

/// How far ahead another worker's clock may seem, in milliseconds, without having been put back: each reads it before it
/// looks at what the others know.
const CLOCK_STEP: u64 = 5_000;

impl LastSeen {
    pub(super) fn update(&mut self, result: &FetchResult) {
        match result {
            FetchResult::Copy(copy) => self.fetched = copy.fetched,
            FetchResult::Failure(at) => self.failed = *at,
        }
    }
}

impl PendingFetch {
    pub(super) fn new(
        source: Source,
        want: &FetchRequest,
        subscriber: Subscriber,
        now: ClockReading,
    ) -> Self {
        Self {
            document: SharedDocument::new(&source),
            source,
            timeout: want.timeout,
            limit: want.limit,
            subscribers: vec![subscriber],
            since: now,
            call: None,
            lease: 0,
            found: None,
        }
    }

    /// Whether the lease has ended, and with it the time of the call.
    pub(super) fn is_over(&self, now: ClockReading) -> bool {
        now.steady > self.since.steady.saturating_add(self.longest())
    }

    /// News of the document since the wait began.
    pub(super) fn news(&self, proxy: &dyn Proxy, seen: LastSeen, now: ClockReading) -> Option<FetchResult> {
        let (_, id) = *self.subscribers.first()?;
        news(proxy, &self.document, id, seen, self.since.wall, now)
    }

    /// Starts to fetch, unless another worker does. Says so, if that fails at once.
    pub(super) fn begin(
        &mut self,
        proxy: &dyn Proxy,
        plugin: PluginId,
        seen: LastSeen,
        now: ClockReading,
    ) -> Option<FetchResult> {
        if !self.take_lease(proxy, seen, now) || self.call(proxy, plugin) {
            return None;
        }
        let failure = FetchResult::Failure(now.wall);
        self.share(proxy, &failure);
        Some(failure)
    }

    /// Takes the lease, if nobody has it.
    fn take_lease(&mut self, proxy: &dyn Proxy, seen: LastSeen, now: ClockReading) -> bool {
        let longest = self.longest();
        let until = now.wall.saturating_add(longest);
        let mut found = self.found;
        let leased = self.document.lease(proxy, until, |FetchState { leased_until, fetched, .. }| {
            // A lease that ends later than any could was taken by a clock that has since been put back.
            let is_held = now.wall < leased_until && leased_until <= until.saturating_add(CLOCK_STEP);
            if is_held && found.is_none_or(|(lease, _)| lease != leased_until) {
                found = Some((leased_until, now.steady));
            }
            // By a little, perhaps: since it was found, no lease lasts longer than one can.
            let is_over = found.is_some_and(|(_, since)| now.steady > since.saturating_add(longest));
            // A copy came since this worker looked: that will do, unless it is from before the clock was put back.
            let is_news = fetched > seen.fetched
                && now.wall < fetched.saturating_add(LEASE_MARGIN)
                && fetched <= now.wall.saturating_add(CLOCK_STEP);
            (!is_held || is_over) && !is_news
        });
        self.found = found;
        if leased {
            (self.lease, self.since, self.found) = (until, now, None);
        }
        leased
    }

    /// How long a lease lasts, and with it the fetch, in milliseconds.
    fn longest(&self) -> u64 {
        millis(self.timeout).saturating_add(LEASE_MARGIN)
    }

    /// Starts to fetch. Says whether Envoy takes the call.
    fn call(&mut self, proxy: &dyn Proxy, plugin: PluginId) -> bool {
        let Source { cluster, scheme, authority, path } = &self.source;
        let headers = [
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", authority),
            (":path", path),
            ("accept", FetchRequest::ACCEPT),
            ("user-agent", USER_AGENT),
        ];
        match proxy.call(plugin, &HttpCall { cluster, headers: &headers, timeout: self.timeout }) {
            Ok(call) => self.call = Some(call),
            Err(error) => {
                warn!("cannot fetch from {scheme}://{authority} through cluster {cluster}: {error}");
            }
        }
        self.call.is_some()
    }

    /// What the call brought.
    pub(crate) fn result(&self, response: Option<&dyn CallResponse>, now: ClockReading) -> FetchResult {
        response
            .and_then(|response| self.copy(response, now))
            .map_or(FetchResult::Failure(now.wall), |copy| FetchResult::Copy(Rc::new(copy)))
    }

    /// The answer, if that can be a document.
    fn copy(&self, response: &dyn CallResponse, now: ClockReading) -> Option<CachedCopy> {
        let field = |name| response.field(name).map(|value| String::from_utf8_lossy(&value).into_owned());
        let status = field(":status").unwrap_or_default();
        if status != "200" {
            warn!("a document cannot be fetched: the answer has `{}` instead of 200", status.escape_debug());
            return None;
        }
        let (size, limit) = (response.body_size(), self.limit);
        if size > limit {
            warn!("a document is refused: it has {size} bytes, and {limit} are the limit");
            return None;
        }
        let Ok(text) = String::from_utf8(response.body().ok()?) else {
            warn!("a document is refused: it is not UTF-8");
            return None;
        };
        let cache_control = field("cache-control").unwrap_or_default();
        Some(CachedCopy { text, cache_control, fetched: now.wall })
    }

    /// Tells the other workers what came of it.
    pub(super) fn share(&self, proxy: &dyn Proxy, result: &FetchResult) {
        match result {
            FetchResult::Copy(copy) => self.document.put(proxy, self.lease, copy),
            FetchResult::Failure(at) => self.document.fail(proxy, self.lease, *at),
        }
    }
}

/// News of a document that a subscriber has not been told, failures since a time included.
pub(super) fn news(
    proxy: &dyn Proxy,
    document: &SharedDocument,
    id: DocumentId,
    seen: LastSeen,
    since: u64,
    now: ClockReading,
) -> Option<FetchResult> {
    let FetchState { fetched, failed, .. } = document.state(proxy);
    // A time in the future is from before the clock was put back.
    let now = now.wall.saturating_add(CLOCK_STEP);
    let is_new = |fetched| fetched > seen.fetched && fetched <= now;
    if is_new(fetched)
        && let Some(mut copy) = document.copy(proxy).filter(|copy| is_new(copy.fetched))
    {
        // A list says itself how long it is good.
        if seen.fetched == 0 && id.kind() != DocumentKind::StatusList {
            // It may be from before this configuration, which perhaps came because of what is wrong with it: good
            // enough to begin with, and soon looked for anew.
            "no-cache".clone_into(&mut copy.cache_control);
        }
        return Some(FetchResult::Copy(Rc::new(copy)));
    }
    (failed > seen.failed && failed >= since && failed <= now).then_some(FetchResult::Failure(failed))
}
