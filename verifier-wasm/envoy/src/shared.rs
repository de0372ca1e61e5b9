//! What the contexts of a virtual machine share: the policies in use, and the requests that wait.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, UNIX_EPOCH},
};

use log::{info, warn};
use proxy_wasm::hostcalls;
use tessera_verifier::{Timestamp, Verifier, Want, limits};

use crate::{
    attributes::Attribute,
    config::{Config, DEFAULT_POLICY},
    documents::{Documents, News, Waiter},
    metrics::{Metrics, Name},
    request::{Answer, Decided, RequestHead},
};

/// [`Shared`], as the contexts have it. A virtual machine has one thread.
pub(crate) type SharedCell = Rc<RefCell<Shared>>;

/// What the contexts of a virtual machine share.
pub(crate) struct Shared {
    /// By place; the first is for routes that choose none.
    policies: Vec<(String, Verifier)>,
    pub(crate) attributes: Rc<[Attribute]>,
    pub(crate) documents: Documents,
    pub(crate) metrics: Metrics,
    /// How many tokens were known already when that was last counted.
    cache_hits: u64,
    /// Wanted by requests or by policies, to be fetched at the next tick.
    wanted: Vec<(usize, Want)>,
    /// Paused, by the identifier of their context.
    paused: BTreeMap<u32, Paused>,
    tick: Duration,
}

/// A paused request.
pub(crate) struct Paused {
    head: RequestHead,
    policy: usize,
    /// In milliseconds since 1970.
    until: u64,
    passed: Rc<Cell<bool>>,
}

/// How long a request pauses at most, in milliseconds: what a fetch may take, and a second.
const PAUSE: u64 = 1_000 * (limits::FETCH_TIMEOUT.as_secs() + 1);

/// When the next tick comes: as soon as there is something to fetch.
const AT_ONCE: Duration = Duration::from_millis(1);
/// While another worker fetches, which cannot say when it is done, or a request is paused.
const SOON: Duration = Duration::from_millis(20);
/// Else: what the pauses of the core and its times of refreshing are counted in.
const CALM: Duration = Duration::from_secs(1);

impl Shared {
    /// Takes a configuration into use, or says what is missing in it.
    pub(crate) fn new(config: Config, now: u64) -> Result<Self, Vec<String>> {
        let Config { policies, clusters, attributes } = config;
        let documents = Documents::new(clusters);
        let mut shared = Self {
            policies,
            attributes: attributes.into(),
            documents,
            metrics: Metrics::new(),
            cache_hits: 0,
            wanted: Vec::new(),
            paused: BTreeMap::new(),
            tick: Duration::ZERO,
        };
        shared.collect_wants(now);
        let prepared = shared.wanted.iter().map(|(_, want)| shared.documents.prepare(&want.url));
        let mut unreachable: Vec<String> = prepared
            .filter_map(Result::err)
            .map(|origin| format!("/clusters: `{origin}` is not there: add the cluster that reaches it"))
            .collect();
        unreachable.sort_unstable();
        unreachable.dedup();
        if !unreachable.is_empty() {
            return Err(unreachable);
        }
        shared.set_tick();
        Ok(shared)
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

    /// The header fields that a policy reads.
    pub(crate) fn reads(&self, policy: usize) -> &[String] {
        self.policies.get(policy).map_or(&[], |(_, verifier)| verifier.reads())
    }

    /// Decides about a request, as far as that can be done now.
    pub(crate) fn decide(&mut self, head: &RequestHead, policy: usize, now: u64) -> Option<Decided> {
        for _ in 0..=limits::FETCH_ROUNDS {
            let wants = match head.decide(self.verifier(policy)?, timestamp(now)) {
                Answer::Decided(decided) => return Some(self.counted(decided)),
                Answer::Need(wants) => wants,
            };
            // Another worker may have it.
            let mut all_known = !wants.is_empty();
            for want in wants {
                let waiter = (policy, want.id);
                if let Some(news) = self.documents.known(waiter, &want, now) {
                    self.apply(&[waiter], &news);
                } else {
                    self.wanted.push((policy, want));
                    all_known = false;
                }
            }
            if !all_known {
                break;
            }
        }
        None
    }

    /// Lets a request wait until what it needs is there.
    pub(crate) fn pause(
        &mut self,
        id: u32,
        head: RequestHead,
        policy: usize,
        passed: &Rc<Cell<bool>>,
        now: u64,
    ) {
        self.metrics.count(Name::Paused);
        self.paused.insert(id, Paused { head, policy, until: now + PAUSE, passed: Rc::clone(passed) });
        self.set_tick();
    }

    /// The request is over, perhaps because its client went away.
    pub(crate) fn forget(&mut self, id: u32) {
        self.paused.remove(&id);
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
    pub(crate) fn tick(&mut self, now: u64) -> Vec<(u32, Paused, Decided)> {
        self.collect_wants(now);
        let mut news = self.documents.look(now);
        for (policy, want) in std::mem::take(&mut self.wanted) {
            let waiter = (policy, want.id);
            let known = self.documents.want(waiter, &want, now);
            news.extend(known.map(|known| (vec![waiter], known)));
        }
        for (waiters, news) in &news {
            self.apply(waiters, news);
        }
        let cache_hits = self.policies.iter().map(|(_, verifier)| verifier.cache_hits()).sum();
        self.metrics.add(Name::CacheHits, cache_hits - self.cache_hits);
        self.cache_hits = cache_hits;
        self.metrics.flush();
        let due = !news.is_empty() || self.paused.values().any(|paused| now >= paused.until);
        let decided = if due { self.decide_paused(now) } else { Vec::new() };
        self.set_tick();
        decided
    }

    /// Decides about the paused requests once more, now that something is known that was not. Those that are decided
    /// are no longer paused.
    pub(crate) fn decide_paused(&mut self, now: u64) -> Vec<(u32, Paused, Decided)> {
        let mut decided = Vec::new();
        for (id, paused) in std::mem::take(&mut self.paused) {
            let Paused { head, policy, until, .. } = &paused;
            let answer = self.decide(head, *policy, now).or_else(|| {
                let overdue = now >= *until;
                overdue.then(|| self.conclude(head, *policy, now))
            });
            match answer {
                Some(answer) => decided.push((id, paused, answer)),
                None => {
                    self.paused.insert(id, paused);
                }
            }
        }
        self.set_tick();
        decided
    }

    fn conclude(&mut self, head: &RequestHead, policy: usize, now: u64) -> Decided {
        let answer = self.verifier(policy).map(|verifier| head.conclude(verifier, timestamp(now)));
        match answer {
            Some(Answer::Decided(decided)) => self.counted(decided),
            // The core never asks for more when it was told to conclude.
            Some(Answer::Need(_)) | None => self.counted(Decided::unavailable("verifier-failed")),
        }
    }

    /// Counts an outcome.
    pub(crate) fn counted(&mut self, decided: Decided) -> Decided {
        self.metrics.count_outcome(decided.outcome);
        decided
    }

    fn verifier(&mut self, policy: usize) -> Option<&mut Verifier> {
        self.policies.get_mut(policy).map(|(_, verifier)| verifier)
    }

    fn collect_wants(&mut self, now: u64) {
        for (policy, (_, verifier)) in self.policies.iter_mut().enumerate() {
            self.wanted.extend(verifier.wants(timestamp(now)).into_iter().map(|want| (policy, want)));
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
        if tick != self.tick && hostcalls::set_tick_period(tick).is_ok() {
            self.tick = tick;
        }
    }
}

impl Paused {
    /// Does to the request what was decided about it. Nothing may be borrowed meanwhile: Envoy may call back.
    pub(crate) fn resume(&self, id: u32, decided: &Decided, attributes: &[Attribute]) {
        // A context that is gone has nobody waiting any more.
        if hostcalls::set_effective_context(id).is_ok() && decided.carry_out(&self.head, attributes) {
            self.passed.set(true);
            // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
            let _ = hostcalls::resume_http_request();
        }
    }
}

/// Envoy's clock, in milliseconds since 1970. Should it stand before that, no token is valid yet; should it fail, the
/// SDK traps.
pub(crate) fn now() -> u64 {
    let since = hostcalls::get_current_time().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_seconds(millis / 1_000)
}
