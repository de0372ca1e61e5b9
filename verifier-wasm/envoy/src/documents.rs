//! The documents that the policies want: fetched by one worker, for all of them.
//!
//! Whoever wants a document looks at what the others [know](Shelf) of it. A copy that is newer than its own is as good
//! as one that it fetched. Else it takes a lease, by which everybody else knows that it is fetching, and fetches; or it
//! finds a lease, and waits for what comes of that.

use std::{collections::HashMap, rc::Rc, time::Duration};

use log::{error, warn};
use tessera_verifier::{DocumentId, DocumentKind, FetchRequest, limits};

use crate::{
    abi,
    clusters::{Clusters, Source, split},
    shelf::{Copy, Record, Shelf},
};

/// Who wants a document: the place of a policy, and its name of the document.
pub(crate) type Waiter = (usize, DocumentId);

/// What came of it.
#[derive(Clone)]
pub(crate) enum News {
    Copy(Rc<Copy>),
    /// Nothing, at this time (in milliseconds since 1970).
    Failure(u64),
}

/// The documents of a virtual machine.
pub(crate) struct Documents {
    clusters: Clusters,
    waiting: Vec<Waiting>,
    /// What each waiter was told last.
    told: HashMap<Waiter, Told>,
    /// Where the documents of each waiter are, also while it wants none: a copy that another worker fetched may
    /// withdraw a key.
    shelves: HashMap<Waiter, Place>,
}

/// Where a document is.
struct Place {
    shelf: Shelf,
    /// When it was last wanted, in milliseconds since 1970.
    wanted: u64,
}

/// A document that is being fetched.
struct Waiting {
    source: Source,
    shelf: Shelf,
    timeout: Duration,
    /// The longest body worth reading, in bytes.
    limit: usize,
    waiters: Vec<Waiter>,
    /// Since when, in milliseconds since 1970.
    since: u64,
    /// The call by which this worker fetches it; none, if another does.
    call: Option<u32>,
}

/// The times of the latest news of a document, in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
struct Told {
    fetched: u64,
    failed: u64,
}

/// A fetch of this worker that ended.
pub(crate) struct Ended {
    pub(crate) waiters: Vec<Waiter>,
    /// The longest body worth reading, in bytes.
    pub(crate) limit: usize,
    shelf: Shelf,
}

/// For how long a status list is kept that nobody wants, in milliseconds: twice as long as the core fetches one that no
/// token refers to. Key sets and metadata stay as long as the policy.
const LISTS_KEPT: u64 = 2_000 * limits::STATUS_IDLE_SECONDS;

/// How much longer a lease is than the fetch may take, in milliseconds: an answer in the last moment has to be read.
const LEASE_MARGIN: u64 = 1_000;

/// How far ahead another worker's clock may seem, in milliseconds, without having been put back: each reads it before it
/// looks at what the others know.
const CLOCK_STEP: u64 = 5_000;

/// For how long, in milliseconds, the failure of one worker is that of every other, too: the shortest pause after one.
const FAILURE_SHARED: u64 = 1_000 * limits::FETCH_BACKOFF_SECONDS;

impl Documents {
    pub(crate) fn new(clusters: Clusters) -> Self {
        Self { clusters, waiting: Vec::new(), told: HashMap::new(), shelves: HashMap::new() }
    }

    /// The origin of a URL, if no cluster is configured for it.
    pub(crate) fn origin_without_cluster<'u>(&self, url: &'u str) -> Option<&'u str> {
        self.clusters.source(url).is_none().then(|| split(url).map_or(url, |(origin, _)| origin))
    }

    /// Readies what the workers share of a document. Says which origin it cannot be reached at.
    pub(crate) fn prepare<'u>(&self, url: &'u str) -> Result<(), &'u str> {
        let source = self.clusters.source(url).ok_or_else(|| split(url).map_or(url, |(origin, _)| origin))?;
        Shelf::new(&source).prepare();
        Ok(())
    }

    /// Whether another worker is waited for, who cannot say when it is done.
    pub(crate) fn waits_for_others(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.call.is_none())
    }

    /// What the others know of a document and this waiter does not.
    pub(crate) fn known(&mut self, waiter: Waiter, want: &FetchRequest, now: u64) -> Option<News> {
        let shared = Shelf::new(&self.clusters.source(&want.url)?);
        let told = self.told.get(&waiter).copied().unwrap_or_default();
        let news = news(&shared, waiter, told, now.saturating_sub(FAILURE_SHARED), now)?;
        Some(self.tell(&[waiter], news))
    }

    /// Gets a document, now or later. The effective context has to be the root.
    pub(crate) fn want(&mut self, waiter: Waiter, want: &FetchRequest, now: u64) -> Option<News> {
        let Some(source) = self.clusters.source(&want.url) else {
            // The query of a URL may hold what is nobody's business.
            let url = want.url.split('?').next().unwrap_or_default();
            error!("no cluster is configured for {url}");
            return Some(News::Failure(now));
        };
        self.shelves.insert(waiter, Place { shelf: Shelf::new(&source), wanted: now });
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.source == source) {
            waiting.waiters.push(waiter);
            return None;
        }
        if let Some(news) = self.known(waiter, want, now) {
            return Some(news);
        }
        let mut waiting = Waiting {
            shelf: Shelf::new(&source),
            source,
            timeout: want.timeout,
            limit: want.limit,
            waiters: vec![waiter],
            since: now,
            call: None,
        };
        let told = self.told.get(&waiter).copied().unwrap_or_default();
        if let Some(news) = waiting.begin(told, now) {
            return Some(self.tell(&waiting.waiters, news));
        }
        self.waiting.push(waiting);
        None
    }

    /// Looks how far the others are with what they fetch, and what they fetched unasked. What they gave up, this worker
    /// fetches.
    pub(crate) fn look(&mut self, now: u64) -> Vec<(Vec<Waiter>, News)> {
        let mut all = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            // A call whose end nobody was told of.
            if now > waiting.since.saturating_add(waiting.longest()) {
                waiting.call = None;
            }
            if waiting.call.is_none() {
                let told =
                    waiting.waiters.iter().map(|waiter| self.told.get(waiter).map_or(0, |told| told.fetched));
                let told = Told { fetched: told.min().unwrap_or_default(), failed: 0 };
                let first = waiting.waiters.first();
                let news = first
                    .and_then(|waiter| news(&waiting.shelf, *waiter, told, waiting.since, now))
                    .or_else(|| waiting.begin(told, now));
                if let Some(news) = news {
                    let news = self.tell(&waiting.waiters, news);
                    all.push((waiting.waiters, news));
                    continue;
                }
            }
            self.waiting.push(waiting);
        }
        self.forget(now);
        let idle = self
            .shelves
            .iter()
            .filter(|(waiter, _)| !self.waiting.iter().any(|waiting| waiting.waiters.contains(waiter)));
        let fresh: Vec<(Waiter, News)> = idle
            .filter_map(|(waiter, place)| {
                let told = self.told.get(waiter).copied().unwrap_or_default();
                // Failures concern only those who wait.
                Some((*waiter, news(&place.shelf, *waiter, told, u64::MAX, now)?))
            })
            .collect();
        for (waiter, news) in fresh {
            let news = self.tell(&[waiter], news);
            all.push((vec![waiter], news));
        }
        all
    }

    /// Forgets status lists that were not wanted for long, and clears away those that no worker wants.
    fn forget(&mut self, now: u64) {
        let told = &mut self.told;
        self.shelves.retain(|waiter, place| {
            let (_, id) = waiter;
            let kept = id.kind() != DocumentKind::StatusList || now < place.wanted.saturating_add(LISTS_KEPT);
            if !kept {
                told.remove(waiter);
                place.shelf.clear_if_older(now.saturating_sub(LISTS_KEPT));
            }
            kept
        });
    }

    /// A call ended. Says who waited for that.
    pub(crate) fn ended(&mut self, call: u32) -> Option<Ended> {
        let place = self.waiting.iter().position(|waiting| waiting.call == Some(call))?;
        let Waiting { waiters, limit, shelf, .. } = self.waiting.swap_remove(place);
        Some(Ended { waiters, limit, shelf })
    }

    /// Tells the other workers what came of a fetch.
    pub(crate) fn share(&mut self, ended: &Ended, news: &News) {
        match news {
            News::Copy(copy) => ended.shelf.put(copy),
            News::Failure(at) => {
                ended.shelf.change(|record| Some(Record { leased_until: 0, failed: *at, ..record }));
            }
        }
        self.tell(&ended.waiters, news.clone());
    }

    fn tell(&mut self, waiters: &[Waiter], news: News) -> News {
        for waiter in waiters {
            let told = self.told.entry(*waiter).or_default();
            match &news {
                News::Copy(copy) => told.fetched = copy.fetched,
                News::Failure(at) => told.failed = *at,
            }
        }
        news
    }
}

impl Waiting {
    /// Starts to fetch, unless another worker does. Says how that ended, if it has already.
    fn begin(&mut self, told: Told, now: u64) -> Option<News> {
        if !self.lease(told, now) || self.fetch() {
            return None;
        }
        self.shelf.change(|record| Some(Record { leased_until: 0, failed: now, ..record }));
        Some(News::Failure(now))
    }

    /// Takes the lease, if nobody has it.
    fn lease(&mut self, told: Told, now: u64) -> bool {
        let until = now.saturating_add(self.longest());
        let leased = self.shelf.change(|record| {
            // A lease that ends later than any could was taken by a clock that has since been put back.
            let taken = now < record.leased_until && record.leased_until <= until.saturating_add(CLOCK_STEP);
            // Somebody was done with it since this worker looked: that will do.
            let news = record.fetched > told.fetched && record.fetched.saturating_add(LEASE_MARGIN) > now;
            (!taken && !news).then_some(Record { leased_until: until, ..record })
        });
        if leased {
            self.since = now;
        }
        leased
    }

    /// How long a lease lasts, and with it the fetch, in milliseconds.
    fn longest(&self) -> u64 {
        u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX).saturating_add(LEASE_MARGIN)
    }

    /// Starts to fetch. Says whether Envoy takes the call.
    fn fetch(&mut self) -> bool {
        let Source { cluster, scheme, authority, path } = &self.source;
        let headers = [
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", authority),
            (":path", path),
            ("accept", FetchRequest::ACCEPT),
        ];
        match abi::call(cluster, &headers, self.timeout) {
            Ok(call) => self.call = Some(call),
            Err(status) => {
                warn!("cannot fetch from {scheme}://{authority} through cluster {cluster}: {status:?}");
            }
        }
        self.call.is_some()
    }
}

/// News of a document that a waiter has not been told, failures since a time included.
fn news(shelf: &Shelf, (_, id): Waiter, told: Told, since: u64, now: u64) -> Option<News> {
    let record = shelf.record();
    let now = now.saturating_add(CLOCK_STEP);
    // What claims to come from the future came before the clock was put back.
    if record.fetched > told.fetched && record.fetched <= now {
        let copy = shelf.copy().filter(|copy| copy.fetched > told.fetched && copy.fetched <= now);
        if let Some(mut copy) = copy {
            // A list says itself how long it is good.
            if told.fetched == 0 && id.kind() != DocumentKind::StatusList {
                // It may be from before this configuration, which perhaps came because of what is wrong with it: good
                // enough to begin with, and soon looked for anew.
                "no-cache".clone_into(&mut copy.cache_control);
            }
            return Some(News::Copy(Rc::new(copy)));
        }
    }
    let failed = record.failed > told.failed && record.failed >= since && record.failed <= now;
    failed.then_some(News::Failure(record.failed))
}
