//! A configuration at work in a virtual machine: the policies in use, and the requests that wait.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use log::{info, warn};
use tessera_verifier::{Attempt, FetchRequest, Timestamp, Verifier, limits};

use crate::{
    abi,
    attributes::Attribute,
    config::{Config, DEFAULT_POLICY},
    documents::{Documents, News, Waiter},
    metrics::{Metrics, Name},
    plugin::Resumed,
    request::{Answer, Decided, FAILED, RequestHead},
};

/// A configuration at work.
pub(crate) struct Worker {
    /// The identifier of its root context.
    root: u32,
    /// By place; the first is for routes that choose none.
    policies: Vec<(String, Verifier)>,
    attributes: Rc<[Attribute]>,
    pub(crate) documents: Documents,
    pub(crate) metrics: Metrics,
    /// How many tokens were known already when that was last counted.
    cache_hits: u64,
    /// Wanted, and to be fetched next.
    wanted: Vec<(usize, FetchRequest)>,
    /// Paused, by the identifier of their context.
    paused: BTreeMap<u32, Paused>,
    tick: Duration,
}

/// A paused request.
struct Paused {
    head: RequestHead,
    policy: usize,
    attempt: Attempt,
    /// In milliseconds since 1970.
    until: u64,
}

/// How long a request pauses at most, in milliseconds: what a fetch may take, and a second.
const PAUSE: u64 = 1_000 * (limits::FETCH_TIMEOUT.as_secs() + 1);

/// How many requests wait at most: with header fields of 60 kB, Envoy's limit, they take a sixteenth of what a virtual
/// machine may have. Further ones are decided with what there is.
const PAUSED: usize = 1_024;

/// When the next tick comes: as soon as there is something to fetch.
const AT_ONCE: Duration = Duration::from_millis(1);
/// While another worker fetches, which cannot say when it is done, or a request is paused.
const SOON: Duration = Duration::from_millis(20);
/// Else: what the pauses of the core and its times of refreshing are counted in.
const CALM: Duration = Duration::from_secs(1);

impl Worker {
    /// Takes a configuration into use, or says what is missing in it.
    pub(crate) fn new(root: u32, config: Config, now: u64) -> Result<Self, Vec<String>> {
        let Config { policies, clusters, attributes, .. } = config;
        let documents = Documents::new(clusters);
        let mut worker = Self {
            root,
            policies,
            attributes: attributes.into(),
            documents,
            metrics: Metrics::new(),
            cache_hits: 0,
            wanted: Vec::new(),
            paused: BTreeMap::new(),
            tick: Duration::ZERO,
        };
        worker.collect_wants(now);
        let prepared = worker.wanted.iter().map(|(_, want)| worker.documents.prepare(&want.url));
        // Which lists there are is said by tokens; where they are, by the policies.
        let verifiers = worker.policies.iter().map(|(_, verifier)| verifier);
        let lists = verifiers.flat_map(Verifier::status_list_prefixes);
        let without = lists.filter_map(|prefix| worker.documents.origin_without_cluster(prefix));
        let mut unreachable: Vec<String> = prepared
            .filter_map(Result::err)
            .chain(without)
            .map(|origin| format!("/clusters: `{origin}` is not there: add the cluster that reaches it"))
            .collect();
        unreachable.sort_unstable();
        unreachable.dedup();
        if !unreachable.is_empty() {
            return Err(unreachable);
        }
        worker.set_tick();
        Ok(worker)
    }

    /// The policy of this name; of no name, the one for every route.
    pub(crate) fn policy(&self, name: Option<&[u8]>) -> Option<usize> {
        let Some(name) = name else { return Some(DEFAULT_POLICY) };
        let mut policies = self.policies.iter().enumerate().skip(DEFAULT_POLICY + 1);
        policies.find(|(_, (known, _))| known.as_bytes() == name).map(|(place, _)| place)
    }

    /// Whether routes can choose policies.
    pub(crate) fn has_choice(&self) -> bool {
        self.policies.len() > 1
    }

    /// Decides about a request, if that can be done now.
    fn decide(
        &mut self,
        head: &RequestHead,
        policy: usize,
        attempt: &mut Attempt,
        now: u64,
    ) -> Option<Decided> {
        loop {
            let attributes = Rc::clone(&self.attributes);
            let request = match head.decide(self.verifier(policy)?, &attributes, attempt, timestamp(now)) {
                Answer::Decided(decided) => return Some(self.counted(decided)),
                Answer::Wait => return None,
                Answer::Fetch(request) => request,
            };
            // Another worker may have it.
            let waiter = (policy, request.id);
            let Some(news) = self.documents.known(waiter, &request, now) else {
                self.wanted.push((policy, request));
                return None;
            };
            self.apply(&[waiter], &news);
        }
    }

    /// Decides about a request. If that cannot be done yet, it is paused, and what it needs is fetched.
    pub(crate) fn decide_or_pause(
        &mut self,
        context: u32,
        head: RequestHead,
        policy: usize,
        now: u64,
    ) -> Option<Decided> {
        let mut attempt = Attempt::new();
        if let Some(decided) = self.decide(&head, policy, &mut attempt, now) {
            return Some(decided);
        }
        // Envoy drops the calls of a request whose client goes away: nobody's client is the root context's.
        if abi::act_for(self.root).is_ok() {
            let over = self.fetch(now);
            let _ = abi::act_for(context);
            if over && let Some(decided) = self.decide(&head, policy, &mut attempt, now) {
                return Some(decided);
            }
        }
        if self.paused.len() >= PAUSED {
            return Some(self.conclude(&head, policy, now));
        }
        self.metrics.count(Name::Paused);
        self.paused.insert(context, Paused { head, policy, attempt, until: now + PAUSE });
        self.set_tick();
        None
    }

    /// The request is over, perhaps because its client went away.
    pub(crate) fn forget(&mut self, context: u32) {
        self.paused.remove(&context);
    }

    /// Hands news of a document to those who wait for it. Says whether it is of use to one of them.
    pub(crate) fn apply(&mut self, waiters: &[Waiter], news: &News) -> bool {
        let mut useful = false;
        for (policy, id) in waiters {
            let Some(verifier) = self.verifier(*policy) else { continue };
            match news {
                News::Failure(at) => verifier.fail(*id, timestamp(*at)),
                News::Copy(copy) => {
                    match verifier.supply(*id, &copy.text, &copy.cache_control, timestamp(copy.fetched)) {
                        Ok(skipped) => {
                            useful = true;
                            info!("a document of {} bytes is in use", copy.text.len());
                            for key in skipped {
                                info!("{key}");
                            }
                        }
                        Err(error) => warn!("a document is refused, the last good one stays in use: {error}"),
                    }
                }
            }
        }
        useful
    }

    /// Fetches what is wanted, and looks how far others are with that. Returns requests that are decided by then.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Resumed> {
        self.collect_wants(now);
        let over = self.fetch(now);
        self.tell_metrics();
        let due = over || self.paused.values().any(|paused| now >= paused.until);
        let resumed = if due { self.decide_paused(now) } else { Vec::new() };
        self.set_tick();
        resumed
    }

    /// Starts to fetch what is wanted, and looks how far others are with that. Says whether anything is over. The
    /// effective context has to be the root.
    fn fetch(&mut self, now: u64) -> bool {
        let mut news = self.documents.look(now);
        for (policy, want) in std::mem::take(&mut self.wanted) {
            let waiter = (policy, want.id);
            let known = self.documents.want(waiter, &want, now);
            news.extend(known.map(|known| (vec![waiter], known)));
        }
        for (waiters, news) in &news {
            self.apply(waiters, news);
        }
        !news.is_empty()
    }

    /// Tells Envoy what was counted.
    pub(crate) fn tell_metrics(&mut self) {
        let cache_hits = self.policies.iter().map(|(_, verifier)| verifier.cache_hits()).sum();
        self.metrics.add(Name::CacheHits, cache_hits - self.cache_hits);
        self.cache_hits = cache_hits;
        self.metrics.flush();
    }

    /// Decides about the paused requests once more, now that something is known that was not. Those that are decided
    /// are no longer paused.
    pub(crate) fn decide_paused(&mut self, now: u64) -> Vec<Resumed> {
        let mut resumed = Vec::new();
        for (context, mut paused) in std::mem::take(&mut self.paused) {
            let Paused { head, policy, attempt, until } = &mut paused;
            let decided = self.decide(head, *policy, attempt, now).or_else(|| {
                let overdue = now >= *until;
                overdue.then(|| self.conclude(head, *policy, now))
            });
            match decided {
                Some(decided) => resumed.push(Resumed { context, decided }),
                None => {
                    self.paused.insert(context, paused);
                }
            }
        }
        self.set_tick();
        resumed
    }

    /// Decides about a request that waits for nothing more.
    fn conclude(&mut self, head: &RequestHead, policy: usize, now: u64) -> Decided {
        let decided = self.decide(head, policy, &mut Attempt::last(), now);
        decided.unwrap_or_else(|| self.unavailable(FAILED))
    }

    /// What is answered without a verifier.
    pub(crate) fn unavailable(&mut self, reason: &'static str) -> Decided {
        let attributes = Rc::clone(&self.attributes);
        self.counted(Decided::unavailable(reason, attributes))
    }

    /// Counts an outcome.
    fn counted(&mut self, decided: Decided) -> Decided {
        self.metrics.count_outcome(decided.outcome);
        decided
    }

    fn verifier(&mut self, policy: usize) -> Option<&mut Verifier> {
        self.policies.get_mut(policy).map(|(_, verifier)| verifier)
    }

    fn collect_wants(&mut self, now: u64) {
        for (policy, (_, verifier)) in self.policies.iter_mut().enumerate() {
            self.wanted.extend(verifier.due_fetches(timestamp(now)).into_iter().map(|want| (policy, want)));
        }
    }

    fn set_tick(&mut self) {
        let tick = if !self.wanted.is_empty() {
            AT_ONCE
        } else if self.documents.waits_for_others() || !self.paused.is_empty() {
            SOON
        } else {
            CALM
        };
        if tick != self.tick && abi::set_tick(tick).is_ok() {
            self.tick = tick;
        }
    }
}

fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_seconds(millis / 1_000)
}
