//! The plug-in in a virtual machine: its configurations, and the requests that are under way.

use std::{collections::BTreeMap, rc::Rc};

use log::{error, info, warn};

use crate::{
    abi::{self, Buffer, Map},
    config::{Config, ConfigError},
    documents::News,
    exports::{self, Action},
    metrics::Name,
    request::{Decided, FAILED, RequestHead},
    shelf::Copy,
    worker::Worker,
};

/// The plug-in in a virtual machine, of which each worker has one.
#[derive(Default)]
pub(crate) struct Plugin {
    /// By the identifiers of their root contexts. Nothing, before one is configured.
    workers: BTreeMap<u32, Option<Worker>>,
    /// By the identifiers of their contexts.
    requests: BTreeMap<u32, Stream>,
}

/// A request, as far as its whole life is concerned.
struct Stream {
    root: u32,
    /// Whether the request may pass. Until it is set nothing of the request goes on: not its header, and
    /// not its body, which Envoy may ask about while the header waits.
    passed: bool,
}

/// How far a request got.
#[derive(Default)]
pub(crate) enum Request {
    Decided(Decided),
    Waits,
    /// Nobody had time for it, nor will have.
    #[default]
    Lost,
}

/// A request that was paused, and is decided.
pub(crate) struct Resumed {
    pub(crate) context: u32,
    pub(crate) decided: Decided,
}

/// Where a route says which policy is its own: its metadata.
const ROUTE_POLICY: [&str; 5] = ["xds", "route_metadata", "filter_metadata", "tessera", "policy"];

impl Plugin {
    /// A context begins: of a request, or, without a root, one that is a root itself.
    pub(crate) fn create(&mut self, context: u32, root: u32) {
        if root == 0 {
            self.workers.insert(context, None);
        } else {
            self.requests.insert(context, Stream { root, passed: false });
        }
    }

    /// A context ends: its request is over, perhaps because its client went away while it was paused.
    pub(crate) fn delete(&mut self, context: u32) {
        if let Some(Stream { root, .. }) = self.requests.remove(&context)
            && let Some(worker) = self.worker(root)
        {
            worker.forget(context);
        }
        if let Some(Some(worker)) = self.workers.remove(&context).as_mut() {
            worker.tell_metrics();
        }
    }

    /// Takes a configuration into use. Says whether it is good.
    pub(crate) fn configure(&mut self, root: u32, size: usize) -> bool {
        match configured(root, size) {
            Ok(worker) => {
                self.workers.insert(root, Some(worker));
                true
            }
            Err(problems) => {
                error!("tessera: {problems}");
                false
            }
        }
    }

    pub(crate) fn tick(&mut self, root: u32) -> Vec<Resumed> {
        let Some((worker, now)) = self.worker(root).zip(now()) else { return Vec::new() };
        worker.tick(now)
    }

    /// A call is over, with an answer or without one.
    pub(crate) fn call_ended(&mut self, root: u32, call: u32, answered: bool, body: usize) -> Vec<Resumed> {
        let Some(worker) = self.worker(root) else { return Vec::new() };
        let Some((ended, now)) = worker.documents.ended(call).zip(now()) else { return Vec::new() };
        let mut news =
            answered.then(|| answer(body, ended.limit, now)).flatten().unwrap_or(News::Failure(now));
        // What is of no use here is none elsewhere: the others keep what they have.
        if !worker.apply(&ended.waiters, &news) {
            news = News::Failure(now);
        }
        worker.metrics.count(match news {
            News::Copy(_) => Name::Fetches,
            News::Failure(_) => Name::FetchFailures,
        });
        worker.documents.share(&ended, &news);
        worker.decide_paused(now)
    }

    /// Decides about a request, or has it wait.
    pub(crate) fn request(&mut self, context: u32) -> Request {
        self.decide(context).map_or(Request::Waits, Request::Decided)
    }

    fn decide(&mut self, context: u32) -> Option<Decided> {
        let root = self.requests.get(&context).map(|request| request.root);
        let worker = root.and_then(|root| self.worker(root));
        let Some((worker, now)) = worker.zip(now()) else { return Some(Decided::failed()) };
        let policy = if worker.has_choice() {
            // What is no text names no policy.
            let name = abi::property(&ROUTE_POLICY).ok();
            name.and_then(|name| worker.policy(name.as_deref()))
        } else {
            worker.policy(None)
        };
        let Some(policy) = policy else {
            return Some(worker.unavailable("policy-unknown"));
        };
        let Ok(fields) = abi::fields(Map::RequestHeaders) else {
            return Some(worker.unavailable(FAILED));
        };
        worker.decide_or_pause(context, RequestHead::new(fields), policy, now)
    }

    /// Notes that a request may pass.
    pub(crate) fn pass(&mut self, context: u32) {
        if let Some(request) = self.requests.get_mut(&context) {
            request.passed = true;
        }
    }

    /// What is to be done with more of a request.
    pub(crate) fn action(&self, context: u32) -> Action {
        match self.requests.get(&context) {
            Some(Stream { passed: true, .. }) => Action::Continue,
            _ => Action::Pause,
        }
    }

    fn worker(&mut self, root: u32) -> Option<&mut Worker> {
        self.workers.get_mut(&root)?.as_mut()
    }
}

impl Resumed {
    /// Does to the request what was decided about it.
    pub(crate) fn resume(self) {
        // A context that is gone has nobody waiting any more.
        if abi::act_for(self.context).is_ok()
            && self.decided.carry_out(self.context) == Action::Continue
            && let Err(status) = abi::resume_request()
        {
            warn!("a request cannot be resumed: {status:?}");
        }
    }
}

impl Decided {
    /// What is answered where nothing else can be.
    pub(crate) fn failed() -> Self {
        Self::unavailable(FAILED, Rc::new([]))
    }

    /// Does to the request whose context this is, and the effective one, what was decided about it. To be called while
    /// nobody has the plug-in: an answer may make Envoy call back.
    pub(crate) fn carry_out(&self, context: u32) -> Action {
        match self.effect() {
            Ok(true) => {
                exports::with(|plugin| plugin.pass(context));
                Action::Continue
            }
            Ok(false) => Action::Pause,
            Err(status) => {
                error!("Envoy does not take what was decided: {status:?}");
                let _ = Self::failed().effect();
                Action::Pause
            }
        }
    }
}

fn configured(root: u32, size: usize) -> Result<Worker, ConfigError> {
    let unreadable = |status| ConfigError::new(vec![format!("the configuration cannot be read: {status:?}")]);
    let text = abi::buffer(Buffer::PluginConfiguration, size).map_err(unreadable)?;
    let config = Config::parse(&text)?;
    info!("tessera: {}", config.crypto);
    // Shared data is that of all plug-ins with one `vm_id`, and key sets lie there.
    if abi::property(&["plugin_vm_id"]).is_ok_and(|id| id.is_none_or(|id| id.is_empty())) {
        warn!("tessera: vm_config has no vm_id: no other plug-in should share this one's, such as `tessera`");
    }
    Worker::new(root, config, now().unwrap_or_default()).map_err(ConfigError::new)
}

/// What a call brought, if that is a document.
fn answer(size: usize, limit: usize, now: u64) -> Option<News> {
    let field = |name| abi::field(Map::CallResponseHeaders, name).ok().flatten();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let status = field(":status").map(text).unwrap_or_default();
    if status != "200" {
        warn!("a document cannot be fetched: the answer has `{}` instead of 200", status.escape_debug());
        return None;
    }
    if size > limit {
        warn!("a document is refused: it has {size} bytes, and {limit} are the limit");
        return None;
    }
    let cache_control = field("cache-control").map(text).unwrap_or_default();
    let body = abi::buffer(Buffer::CallResponseBody, size).ok()?;
    let Ok(text) = String::from_utf8(body) else {
        warn!("a document is refused: it is not UTF-8");
        return None;
    };
    Some(News::Copy(Copy { text, cache_control, fetched: now }.into()))
}

/// Envoy's clock, in milliseconds since 1970.
fn now() -> Option<u64> {
    abi::time().ok().map(|nanoseconds| nanoseconds / 1_000_000)
}
