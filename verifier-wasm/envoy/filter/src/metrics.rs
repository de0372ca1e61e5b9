//! Envoy's statistics about the filter, by the names that they have after `wasmcustom.`.

use std::collections::BTreeMap;

use crate::{
    decided::Decided,
    proxy::{CounterId, Proxy},
};

/// What is counted. The counts are told to Envoy now and then, not with each request: that would cost every
/// request two calls out of the sandbox.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: BTreeMap<Name, Counter>,
}

/// A counter's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Allowed,
    DryRun,
    Denied,
    /// [`Name::Denied`], by the error's name.
    DeniedFor(&'static str),
    Answered,
    /// Requests that waited for a document.
    Paused,
    /// Tokens that were known already.
    CacheHits,
    /// Documents that this worker fetched.
    Fetches,
    FetchFailures,
}

#[derive(Default)]
struct Counter {
    /// Envoy's identifier of it.
    id: Option<CounterId>,
    /// Not told yet.
    pending: u64,
}

impl Metrics {
    /// With every counter known to Envoy from the start, but for those of single reasons.
    pub(crate) fn new(proxy: &dyn Proxy) -> Self {
        const USUAL: [Name; 8] = [
            Name::Allowed,
            Name::DryRun,
            Name::Denied,
            Name::Answered,
            Name::Paused,
            Name::CacheHits,
            Name::Fetches,
            Name::FetchFailures,
        ];
        let defined = |name: Name| (name, Counter { id: name.define(proxy), pending: 0 });
        Self { counters: USUAL.into_iter().map(defined).collect() }
    }

    pub(crate) fn count(&mut self, name: Name) {
        self.add(name, 1);
    }

    pub(crate) fn add(&mut self, name: Name, number: u64) {
        self.counters.entry(name).or_default().pending += number;
    }

    pub(crate) fn count_decision(&mut self, decided: &Decided) {
        match (decided, decided.reason()) {
            (Decided::Allow(_), None) => self.count(Name::Allowed),
            (Decided::Allow(_), Some(_)) => self.count(Name::DryRun),
            (Decided::Respond(_), _) => self.count(Name::Answered),
            (Decided::Deny(_) | Decided::Failed(_), reason) => {
                self.count(Name::Denied);
                if let Some(reason) = reason {
                    self.count(Name::DeniedFor(reason));
                }
            }
        }
    }

    /// Tells Envoy what was counted since the last time.
    pub(crate) fn flush(&mut self, proxy: &dyn Proxy) {
        for (name, counter) in self.counters.iter_mut().filter(|(_, counter)| counter.pending > 0) {
            counter.id = counter.id.or_else(|| name.define(proxy));
            if let Some(id) = counter.id
                && proxy.count(id, counter.pending).is_ok()
            {
                counter.pending = 0;
            }
        }
    }
}

impl Name {
    fn define(self, proxy: &dyn Proxy) -> Option<CounterId> {
        let name = match self {
            Self::Allowed => "tessera.allowed",
            Self::DryRun => "tessera.dry_run",
            Self::Denied => "tessera.denied",
            Self::DeniedFor(reason) => &format!("tessera.denied.{reason}"),
            Self::Answered => "tessera.answered",
            Self::Paused => "tessera.paused",
            Self::CacheHits => "tessera.cache_hits",
            Self::Fetches => "tessera.fetches",
            Self::FetchFailures => "tessera.fetch_failures",
        };
        proxy.counter(name).ok()
    }
}
