//! The documents that the policies need: fetched by one worker, for all of them.
//!
//! A worker that needs a document looks at what the others [share](SharedDocument) of it. A copy that is newer than its
//! own is as good as one that it fetched. Else it takes a lease, by which everybody else knows that it is fetching, and
//! fetches; or it finds a lease, and waits for what comes of that.

mod fetch;

use std::{collections::HashMap, rc::Rc};

use log::error;
use tessera_verifier::{DocumentId, DocumentKind, FetchRequest, limits};

use self::fetch::LastSeen;
pub(crate) use self::fetch::{FetchResult, PendingFetch};
use crate::{
    clock::ClockReading,
    clusters::{Clusters, Source, split},
    proxy::{CallId, PluginId, Proxy},
    shared_document::SharedDocument,
};

/// A verifier that needs a document: the index of a policy, and its name of the document.
pub(crate) type Subscriber = (usize, DocumentId);

/// The documents of a plug-in.
pub(crate) struct Documents {
    plugin: PluginId,
    proxy: Rc<dyn Proxy>,
    clusters: Clusters,
    pending: Vec<PendingFetch>,
    /// Also of those who need nothing now: a copy that another worker fetched may withdraw a key.
    subscriptions: HashMap<Subscriber, Subscription>,
}

/// A subscriber's view of a document.
struct Subscription {
    document: SharedDocument,
    /// When it was last needed, in milliseconds of the steady clock.
    needed: u64,
    seen: LastSeen,
}

/// For how long a status list is kept that nobody needs, in milliseconds: twice as long as the core fetches one that no
/// token refers to. Key sets and metadata stay as long as the policy.
const LISTS_KEPT: u64 = 2_000 * limits::STATUS_IDLE_SECONDS;

/// For how long, in milliseconds, the failure of one worker is that of every other, too: the shortest pause after one.
const FAILURE_SHARED: u64 = 1_000 * limits::FETCH_BACKOFF_SECONDS;

impl Documents {
    pub(crate) fn new(plugin: PluginId, proxy: Rc<dyn Proxy>, clusters: Clusters) -> Self {
        Self { plugin, proxy, clusters, pending: Vec::new(), subscriptions: HashMap::new() }
    }

    /// The origin of a URL, if no cluster is configured for it.
    pub(crate) fn origin_without_cluster<'u>(&self, url: &'u str) -> Option<&'u str> {
        self.clusters.source(url).is_none().then(|| split(url).map_or(url, |(origin, _)| origin))
    }

    /// Readies what the workers share of a document, if a cluster reaches it.
    pub(crate) fn prepare(&self, url: &str) {
        if let Some(source) = self.clusters.source(url) {
            SharedDocument::new(&source).prepare(&*self.proxy);
        }
    }

    /// Whether another worker is waited for, which cannot say when it is done.
    pub(crate) fn waits_for_others(&self) -> bool {
        self.pending.iter().any(|fetch| fetch.call.is_none())
    }

    /// What the others know of a document and this subscriber does not.
    pub(crate) fn known(
        &mut self,
        subscriber: Subscriber,
        want: &FetchRequest,
        now: ClockReading,
    ) -> Option<FetchResult> {
        let source = self.clusters.source(&want.url)?;
        self.subscribe(subscriber, &source, now);
        self.known_to_others(subscriber, now)
    }

    /// Gets a document, now or later.
    pub(crate) fn fetch(
        &mut self,
        subscriber: Subscriber,
        want: &FetchRequest,
        now: ClockReading,
    ) -> Option<FetchResult> {
        let Some(source) = self.clusters.source(&want.url) else {
            // The query of a URL may hold what is nobody's business.
            let url = want.url.split('?').next().unwrap_or_default();
            error!("no cluster is configured for {url}");
            return Some(FetchResult::Failure(now.wall));
        };
        self.subscribe(subscriber, &source, now);
        if let Some(fetch) = self.pending.iter_mut().find(|fetch| fetch.source == source) {
            if !fetch.subscribers.contains(&subscriber) {
                fetch.subscribers.push(subscriber);
            }
            return None;
        }
        if let Some(news) = self.known_to_others(subscriber, now) {
            return Some(news);
        }
        let mut fetch = PendingFetch::new(source, want, subscriber, now);
        let seen = self.seen(subscriber);
        if let Some(failure) = fetch.begin(&*self.proxy, self.plugin, seen, now) {
            self.told(&fetch.subscribers, &failure);
            return Some(failure);
        }
        self.pending.push(fetch);
        None
    }

    /// Looks how far the others are with what they fetch, and what they fetched unasked. What they gave up, this worker
    /// fetches.
    pub(crate) fn look(&mut self, now: ClockReading) -> Vec<(Vec<Subscriber>, FetchResult)> {
        let mut all = Vec::new();
        for mut fetch in std::mem::take(&mut self.pending) {
            if fetch.is_over(now) {
                // A call whose end nobody was told of.
                fetch.call = None;
            }
            let news = if fetch.call.is_some() {
                None
            } else {
                let fetched = fetch.subscribers.iter().map(|subscriber| self.seen(*subscriber).fetched);
                let seen = LastSeen { fetched: fetched.min().unwrap_or_default(), failed: 0 };
                let proxy = &*self.proxy;
                fetch.news(proxy, seen, now).or_else(|| fetch.begin(proxy, self.plugin, seen, now))
            };
            match news {
                Some(news) => {
                    self.told(&fetch.subscribers, &news);
                    all.push((fetch.subscribers, news));
                }
                None => self.pending.push(fetch),
            }
        }
        self.forget_lists(now);
        let pending = &self.pending;
        let idle = self
            .subscriptions
            .iter_mut()
            .filter(|(subscriber, _)| !pending.iter().any(|fetch| fetch.subscribers.contains(subscriber)));
        all.extend(idle.filter_map(|(subscriber, subscription)| {
            // Failures concern only those who wait.
            let news = subscription.news(&*self.proxy, *subscriber, u64::MAX, now)?;
            Some((vec![*subscriber], news))
        }));
        all
    }

    /// Forgets status lists that were not needed for long, and clears away those that no worker needs.
    fn forget_lists(&mut self, now: ClockReading) {
        self.subscriptions.retain(|(_, id), subscription| {
            let kept = id.kind() != DocumentKind::StatusList
                || now.steady < subscription.needed.saturating_add(LISTS_KEPT);
            if !kept {
                subscription.document.clear_if_older(&*self.proxy, now.wall.saturating_sub(LISTS_KEPT));
            }
            kept
        });
    }

    /// A call ended in time. Gives the fetch that it was for.
    pub(crate) fn ended(&mut self, call: CallId, now: ClockReading) -> Option<PendingFetch> {
        let ended = |fetch: &PendingFetch| fetch.call == Some(call) && !fetch.is_over(now);
        let index = self.pending.iter().position(ended)?;
        Some(self.pending.swap_remove(index))
    }

    /// Tells the other workers what came of a fetch.
    pub(crate) fn share(&mut self, fetch: &PendingFetch, result: &FetchResult) {
        fetch.share(&*self.proxy, result);
        self.told(&fetch.subscribers, result);
    }

    fn subscribe(&mut self, subscriber: Subscriber, source: &Source, now: ClockReading) {
        let seen = self.seen(subscriber);
        let document = SharedDocument::new(source);
        self.subscriptions.insert(subscriber, Subscription { document, needed: now.steady, seen });
    }

    fn known_to_others(&mut self, subscriber: Subscriber, now: ClockReading) -> Option<FetchResult> {
        let since = now.wall.saturating_sub(FAILURE_SHARED);
        self.subscriptions.get_mut(&subscriber)?.news(&*self.proxy, subscriber, since, now)
    }

    fn seen(&self, subscriber: Subscriber) -> LastSeen {
        self.subscriptions.get(&subscriber).map_or_else(LastSeen::default, |subscription| subscription.seen)
    }

    fn told(&mut self, subscribers: &[Subscriber], result: &FetchResult) {
        for subscriber in subscribers {
            if let Some(subscription) = self.subscriptions.get_mut(subscriber) {
                subscription.seen.update(result);
            }
        }
    }
}

impl Subscription {
    /// News of the document, failures since a time included, which then are none any more.
    fn news(
        &mut self,
        proxy: &dyn Proxy,
        (_, id): Subscriber,
        since: u64,
        now: ClockReading,
    ) -> Option<FetchResult> {
        let news = fetch::news(proxy, &self.document, id, self.seen, since, now)?;
        self.seen.update(&news);
        Some(news)
    }
}
