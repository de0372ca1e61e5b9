//! A configuration at work in a worker: the policies in use, and the requests that wait.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use log::{info, warn};
use tessera_verifier::{Attempt, FetchRequest, Step, Verifier, limits};

use crate::{
    attributes::Attribute,
    clock::{Clock, ClockReading, millis, timestamp},
    config::{Config, ConfigError, DEFAULT_POLICY},
    decided::Decided,
    documents::{Documents, FetchResult, Subscriber},
    metrics::{Metrics, Name},
    proxy::{Action, CallId, CallResponse, PluginId, Proxy, ProxyError, RequestId},
    request::{FAILED, RequestHead},
};

/// A configuration at work.
pub(crate) struct Plugin {
    id: PluginId,
    proxy: Rc<dyn Proxy>,
    /// With their names; the first is for routes that choose none.
    policies: Vec<(String, Verifier)>,
    attributes: Rc<[Attribute]>,
    documents: Documents,
    metrics: Metrics,
    /// How many tokens were known already when that was last counted.
    cache_hits: u64,
    /// To be fetched next.
    due: Vec<(usize, FetchRequest)>,
    paused: BTreeMap<RequestId, PausedRequest>,
    clock: Clock,
}

/// A paused request.
struct PausedRequest {
    head: RequestHead,
    policy: usize,
    attempt: Attempt,
    /// In milliseconds of the steady clock.
    until: u64,
}

/// A request that is decided, perhaps after a pause, and not told yet.
pub(crate) struct DecidedRequest {
    pub(crate) id: RequestId,
    head: RequestHead,
    pub(crate) decided: Decided,
    attributes: Rc<[Attribute]>,
}

/// How long a request pauses at most: what a fetch may take, and a second.
pub const PAUSE: Duration = Duration::from_secs(limits::FETCH_TIMEOUT.as_secs() + 1);

/// How many requests wait at most: with header fields of 60 kB, Envoy's limit, they take a sixteenth of what a virtual
/// machine may have. Further ones are decided with what there is.
pub const PAUSED_REQUESTS: usize = 1_024;

/// When the next tick comes: as soon as there is something to fetch.
const AT_ONCE: Duration = Duration::from_millis(1);
/// While another worker fetches, which cannot say when it is done, or a request is paused.
const SOON: Duration = Duration::from_millis(20);
/// Else: what the pauses of the core and its times of refreshing are counted in.
const CALM: Duration = Duration::from_secs(1);

impl Plugin {
    /// Takes a configuration into use, or says what is missing in it.
    pub(crate) fn new(id: PluginId, proxy: &Rc<dyn Proxy>, text: &[u8]) -> Result<Self, ConfigError> {
        let Config { policies, clusters, lent, attributes } = Config::parse(text, proxy.verify_signature())?;
        info!("tessera: {lent}");
        let mut plugin = Self {
            id,
            proxy: Rc::clone(proxy),
            policies,
            attributes: attributes.into(),
            documents: Documents::new(id, Rc::clone(proxy), clusters),
            metrics: Metrics::new(&**proxy),
            cache_hits: 0,
            due: Vec::new(),
            paused: BTreeMap::new(),
            clock: Clock::default(),
        };
        let now = plugin.now().unwrap_or_default();
        plugin.collect_due(now);
        let unreachable = plugin.origins_without_cluster();
        if !unreachable.is_empty() {
            let problem =
                |origin| format!("/clusters: `{origin}` is not there: add the cluster that reaches it");
            return Err(ConfigError::new(unreachable.into_iter().map(problem).collect()));
        }
        for (_, want) in &plugin.due {
            plugin.documents.prepare(&want.url);
        }
        plugin.set_tick();
        Ok(plugin)
    }

    /// The origins of documents that no cluster reaches.
    fn origins_without_cluster(&self) -> Vec<&str> {
        // Which lists there are is said by tokens; where they are, by the policies.
        let lists = self.policies.iter().flat_map(|(_, verifier)| verifier.status_list_prefixes());
        let urls = self.due.iter().map(|(_, want)| want.url.as_str()).chain(lists);
        let mut origins: Vec<&str> =
            urls.filter_map(|url| self.documents.origin_without_cluster(url)).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// The clocks; nothing, if the proxy does not say.
    fn now(&mut self) -> Option<ClockReading> {
        self.proxy.now().ok().map(|wall| self.clock.read(wall))
    }

    /// Decides about a request. If that cannot be done yet, it is paused, and what it needs is fetched.
    pub(crate) fn request(&mut self, id: RequestId) -> Option<DecidedRequest> {
        let (head, policy, now) = match self.read(id) {
            Ok(read) => read,
            Err(reason) => {
                let decided = self.counted(Decided::Failed(reason));
                return Some(self.decided(id, RequestHead::default(), decided));
            }
        };
        let mut attempt = Attempt::new();
        if let Some(decided) = self.decide(&head, policy, &mut attempt, now) {
            return Some(self.decided(id, head, decided));
        }
        if self.fetch(now)
            && let Some(decided) = self.decide(&head, policy, &mut attempt, now)
        {
            return Some(self.decided(id, head, decided));
        }
        if self.paused.len() >= PAUSED_REQUESTS {
            let decided = self.conclude(&head, policy, now);
            return Some(self.decided(id, head, decided));
        }
        self.metrics.count(Name::Paused);
        let until = now.steady.saturating_add(millis(PAUSE));
        self.paused.insert(id, PausedRequest { head, policy, attempt, until });
        self.set_tick();
        None
    }

    /// The header of a request and the policy that is for it, or why it cannot be decided.
    fn read(&mut self, id: RequestId) -> Result<(RequestHead, usize, ClockReading), &'static str> {
        let now = self.now().ok_or(FAILED)?;
        let has_choice = self.policies.len() > DEFAULT_POLICY + 1;
        let name = if has_choice { self.proxy.route_policy(id).map_err(|_| FAILED)? } else { None };
        let policy = match name {
            None => DEFAULT_POLICY,
            Some(name) => {
                let mut policies = self.policies.iter().enumerate().skip(DEFAULT_POLICY + 1);
                let chosen = policies.find(|(_, (known, _))| known.as_bytes() == name);
                // A value that is not text names no policy, either.
                chosen.map(|(index, _)| index).ok_or("policy-unknown")?
            }
        };
        let fields = self.proxy.header(id).map_err(|_| FAILED)?;
        Ok((RequestHead::new(fields), policy, now))
    }

    /// Decides about a request, if that can be done now.
    fn decide(
        &mut self,
        head: &RequestHead,
        policy: usize,
        attempt: &mut Attempt,
        now: ClockReading,
    ) -> Option<Decided> {
        loop {
            let request = match head.decide(self.verifier(policy)?, attempt, now.timestamp()) {
                Step::Done(decided) => return Some(self.counted(decided)),
                Step::Wait { .. } => return None,
                Step::Fetch(request) => request,
            };
            // Another worker may have it.
            let subscriber = (policy, request.id);
            let Some(news) = self.documents.known(subscriber, &request, now) else {
                self.due.push((policy, request));
                return None;
            };
            self.apply(&[subscriber], &news);
        }
    }

    /// Decides with what there is.
    fn conclude(&mut self, head: &RequestHead, policy: usize, now: ClockReading) -> Decided {
        let decided = self.decide(head, policy, &mut Attempt::last(), now);
        decided.unwrap_or_else(|| self.counted(Decided::Failed(FAILED)))
    }

    fn counted(&mut self, decided: Decided) -> Decided {
        self.metrics.count_decision(&decided);
        decided
    }

    fn decided(&self, id: RequestId, head: RequestHead, decided: Decided) -> DecidedRequest {
        DecidedRequest { id, head, decided, attributes: Rc::clone(&self.attributes) }
    }

    /// The request is over, perhaps because its client went away.
    pub(crate) fn forget(&mut self, request: RequestId) {
        self.paused.remove(&request);
    }

    /// Fetches what is due, and looks how far others are with that. Returns requests that are decided by then.
    pub(crate) fn tick(&mut self) -> Vec<DecidedRequest> {
        let Ok(now) = self.proxy.now().map(|wall| self.clock.tick(wall)) else { return Vec::new() };
        self.collect_due(now);
        let is_news = self.fetch(now);
        self.tell_metrics();
        let decided = if is_news || self.paused.values().any(|paused| now.steady >= paused.until) {
            self.decide_paused(now)
        } else {
            Vec::new()
        };
        self.set_tick();
        decided
    }

    /// A call is over, with an answer or without one. Returns requests that are decided by then.
    pub(crate) fn call_ended(
        &mut self,
        call: CallId,
        response: Option<&dyn CallResponse>,
    ) -> Vec<DecidedRequest> {
        let Some(now) = self.now() else { return Vec::new() };
        let Some(fetch) = self.documents.ended(call, now) else { return Vec::new() };
        let mut result = fetch.result(response, now);
        // What is of no use here is none elsewhere: the others keep what they have.
        if !self.apply(&fetch.subscribers, &result) {
            result = FetchResult::Failure(now.wall);
        }
        self.metrics.count(match result {
            FetchResult::Copy(_) => Name::Fetches,
            FetchResult::Failure(_) => Name::FetchFailures,
        });
        self.documents.share(&fetch, &result);
        let decided = self.decide_paused(now);
        self.set_tick();
        decided
    }

    /// Hands the result of a fetch to those who wait for it. Says whether it is of use to one of them.
    fn apply(&mut self, subscribers: &[Subscriber], result: &FetchResult) -> bool {
        let mut useful = false;
        for (policy, id) in subscribers {
            let Some(verifier) = self.verifier(*policy) else { continue };
            let copy = match result {
                FetchResult::Failure(at) => {
                    verifier.fail(*id, timestamp(*at));
                    continue;
                }
                FetchResult::Copy(copy) => copy,
            };
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
        useful
    }

    /// Starts to fetch what is due, and looks how far others are with that. Says whether there is news of anything.
    fn fetch(&mut self, now: ClockReading) -> bool {
        let mut news = self.documents.look(now);
        for (policy, want) in std::mem::take(&mut self.due) {
            let subscriber = (policy, want.id);
            let known = self.documents.fetch(subscriber, &want, now);
            news.extend(known.map(|known| (vec![subscriber], known)));
        }
        for (subscribers, news) in &news {
            self.apply(subscribers, news);
        }
        !news.is_empty()
    }

    /// Decides about the paused requests once more, now that something is known that was not. Those that are decided
    /// are no longer paused.
    fn decide_paused(&mut self, now: ClockReading) -> Vec<DecidedRequest> {
        let mut all = Vec::new();
        for (id, mut paused) in std::mem::take(&mut self.paused) {
            let PausedRequest { head, policy, attempt, until } = &mut paused;
            let decided = self.decide(head, *policy, attempt, now).or_else(|| {
                let is_overdue = now.steady >= *until;
                is_overdue.then(|| self.conclude(head, *policy, now))
            });
            match decided {
                Some(decided) => all.push(self.decided(id, paused.head, decided)),
                None => {
                    self.paused.insert(id, paused);
                }
            }
        }
        all
    }

    /// Tells Envoy what was counted.
    pub(crate) fn tell_metrics(&mut self) {
        let cache_hits = self.policies.iter().map(|(_, verifier)| verifier.cache_hits()).sum();
        self.metrics.add(Name::CacheHits, cache_hits - self.cache_hits);
        self.cache_hits = cache_hits;
        self.metrics.flush(&*self.proxy);
    }

    fn verifier(&mut self, policy: usize) -> Option<&mut Verifier> {
        self.policies.get_mut(policy).map(|(_, verifier)| verifier)
    }

    fn collect_due(&mut self, now: ClockReading) {
        for (policy, (_, verifier)) in self.policies.iter_mut().enumerate() {
            self.due.extend(verifier.due_fetches(now.timestamp()).into_iter().map(|want| (policy, want)));
        }
    }

    fn set_tick(&mut self) {
        let tick = if !self.due.is_empty() {
            AT_ONCE
        } else if self.documents.waits_for_others() || !self.paused.is_empty() {
            SOON
        } else {
            CALM
        };
        if tick != self.clock.period() && self.proxy.set_tick(self.id, tick).is_ok() {
            self.clock.set_period(tick);
        }
    }
}

impl DecidedRequest {
    /// A request of a configuration that is not there.
    pub(crate) fn failed(id: RequestId) -> Self {
        let (head, decided) = (RequestHead::default(), Decided::Failed(FAILED));
        Self { id, head, decided, attributes: Rc::new([]) }
    }

    /// Does to the request what was decided.
    pub(crate) fn carry_out(&self, proxy: &dyn Proxy) -> Result<Action, ProxyError> {
        self.head.carry_out(&self.decided, &self.attributes, proxy, self.id)
    }
}
