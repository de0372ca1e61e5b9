//! The contexts: one root for each VM, one for each request.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    time::{Duration, UNIX_EPOCH},
};

use log::{error, info, warn};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, MapType},
};
use tessera_verifier::{DocumentId, Timestamp, Verifier, Want, limits};

use crate::{
    SharedCell,
    config::Config,
    request::{Answer, Reply, RequestHead, apply},
};

/// How often the root context looks for what is to be fetched: the most that a paused request loses.
const TICK: Duration = Duration::from_millis(100);

/// How long a request pauses at most, in seconds: what a fetch may take, and a second.
const PAUSE_SECONDS: u64 = limits::FETCH_TIMEOUT.as_secs() + 1;

/// The longest key set that is read, in bytes; a longer one is not even copied into the VM's memory.
const BODY_BYTES: usize = limits::KEY_SET_BYTES;

/// The root context. It has nothing to share before it is configured.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<SharedCell>,
}

/// What the contexts of a VM share.
pub(crate) struct Shared {
    verifier: Verifier,
    clusters: BTreeMap<String, String>,
    /// Wanted by requests, to be fetched at the next tick.
    wanted: Vec<Want>,
    /// Under way, by the token of the call.
    calls: HashMap<u32, DocumentId>,
    /// Paused, by the identifier of their context.
    paused: BTreeMap<u32, Paused>,
}

/// A paused request.
struct Paused {
    head: RequestHead,
    until: Timestamp,
    passed: Rc<Cell<bool>>,
}

/// The context of a request.
struct Filter {
    id: u32,
    shared: SharedCell,
    /// Whether the request may pass. Until it is set nothing of the request goes on: not its header, and
    /// not its body, which Envoy may ask about while the header waits.
    passed: Rc<Cell<bool>>,
}

impl Shared {
    /// Starts to fetch a document.
    fn fetch(&mut self, want: &Want, now: Timestamp) {
        let Some((origin, cluster)) = self.cluster(&want.url) else {
            error!("no cluster is configured for {}", want.url.split('?').next().unwrap_or_default());
            return self.verifier.fail(want.id, now);
        };
        let (scheme, authority) = origin.split_once("://").unwrap_or_default();
        let path = match want.url.get(origin.len()..) {
            Some(path) if path.starts_with('/') => path,
            _ => "/",
        };
        let headers = vec![
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", authority),
            (":path", path),
            ("accept", "application/json"),
        ];
        match hostcalls::dispatch_http_call(cluster, headers, None, vec![], want.timeout) {
            Ok(token) => {
                self.calls.insert(token, want.id);
            }
            Err(status) => {
                warn!("cannot fetch from {origin} through cluster {cluster}: {status:?}");
                self.verifier.fail(want.id, now);
            }
        }
    }

    /// The origin of a URL and the cluster that reaches it.
    fn cluster<'s>(&'s self, url: &str) -> Option<(&'s str, &'s str)> {
        self.clusters
            .iter()
            .find(|(origin, _)| {
                url.strip_prefix(origin.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            })
            .map(|(origin, cluster)| (origin.as_str(), cluster.as_str()))
    }

    /// Decides about the paused requests once more, now that a fetch is over. Those that are decided are
    /// no longer paused.
    fn decide_paused(&mut self, now: Timestamp) -> Vec<(u32, Paused, Answer)> {
        let mut decided = Vec::new();
        for (id, paused) in std::mem::take(&mut self.paused) {
            let answer = paused.head.decide(&mut self.verifier, now);
            if let Answer::Need(wants) = &answer {
                // What was asked for is fetched, whether or not this request waits for it.
                self.wanted.extend_from_slice(wants);
                if now < paused.until {
                    self.paused.insert(id, paused);
                    continue;
                }
                let answer = paused.head.conclude(&mut self.verifier, now);
                decided.push((id, paused, answer));
                continue;
            }
            decided.push((id, paused, answer));
        }
        decided
    }
}

/// Lets decided requests go, one way or the other. Nothing is borrowed meanwhile: a proxy may call back.
fn conclude(decided: Vec<(u32, Paused, Answer)>) {
    for (id, paused, answer) in decided {
        // A context that is gone has nobody waiting any more.
        if hostcalls::set_effective_context(id).is_err() {
            continue;
        }
        match answer {
            Answer::Pass(grant) => {
                if !apply(&grant) {
                    Reply::unavailable().send();
                    continue;
                }
                paused.passed.set(true);
                // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
                let _ = hostcalls::resume_http_request();
            }
            Answer::Reply(reply) => reply.send(),
            // The core never asks for more when it was told to conclude: this request stays where it is.
            Answer::Need(_) => {}
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        let Some(shared) = &self.shared else { return };
        let decided = {
            let shared = &mut *shared.borrow_mut();
            let Some(id) = shared.calls.remove(&token) else { return };
            let now = now();
            // Without header fields there is no answer, and asking for one would trap: Envoy gave the call
            // up, or its body was too large even for Envoy.
            let status = if headers == 0 { None } else { self.field(":status") };
            match status.as_deref() {
                Some("200") if body_size <= BODY_BYTES => {
                    let caching = self.field("cache-control").unwrap_or_default();
                    let body = self.get_http_call_response_body(0, body_size).unwrap_or_default();
                    supply(&mut shared.verifier, id, &body, &caching, now);
                }
                Some("200") => {
                    warn!("a key set is refused: it has {body_size} bytes");
                    shared.verifier.fail(id, now);
                }
                status => {
                    let status = status.unwrap_or("no status");
                    warn!("a key set cannot be fetched: the answer has {status} instead of 200");
                    shared.verifier.fail(id, now);
                }
            }
            shared.decide_paused(now)
        };
        conclude(decided);
    }
}

impl Root {
    /// A field of the answer to a call. The SDK would trap on one that is not UTF-8.
    fn field(&self, name: &str) -> Option<String> {
        let value = self.get_http_call_response_header_bytes(name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

fn supply(verifier: &mut Verifier, id: DocumentId, body: &[u8], caching: &str, now: Timestamp) {
    let Ok(text) = std::str::from_utf8(body) else {
        warn!("a key set is refused: it is not UTF-8");
        return verifier.fail(id, now);
    };
    match verifier.supply(id, text, caching, now) {
        Ok(skipped) => {
            info!("a document of {} bytes is in use", text.len());
            for key in skipped {
                info!("{key}");
            }
        }
        Err(error) => warn!("a key set is refused, the last good one stays in use: {error}"),
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let (mut verifier, clusters) = match Config::parse(&text) {
            Ok(parsed) => parsed,
            Err(error) => {
                error!("tessera: {error}");
                return false;
            }
        };
        let now = now();
        let wanted = verifier.wants(now);
        let shared = Shared { verifier, clusters, wanted, calls: HashMap::new(), paused: BTreeMap::new() };
        let unreachable: Vec<&Want> =
            shared.wanted.iter().filter(|want| shared.cluster(&want.url).is_none()).collect();
        for want in &unreachable {
            error!("tessera: /clusters: no cluster for {} (add its origin)", want.url);
        }
        if !unreachable.is_empty() {
            return false;
        }
        self.shared = Some(Rc::new(RefCell::new(shared)));
        self.set_tick_period(TICK);
        true
    }

    fn on_tick(&mut self) {
        let Some(shared) = &self.shared else { return };
        let decided = {
            let shared = &mut *shared.borrow_mut();
            let now = now();
            let mut wants = std::mem::take(&mut shared.wanted);
            wants.extend(shared.verifier.wants(now));
            for want in wants {
                shared.fetch(&want, now);
            }
            if shared.paused.values().any(|paused| now >= paused.until) {
                shared.decide_paused(now)
            } else {
                Vec::new()
            }
        };
        conclude(decided);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let shared = Rc::clone(self.shared.as_ref()?);
        Some(Box::new(Filter { id, shared, passed: Rc::default() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let shared = &mut *self.shared.borrow_mut();
        let head = RequestHead::read(shared.verifier.reads());
        let now = now();
        match head.decide(&mut shared.verifier, now) {
            Answer::Pass(grant) if apply(&grant) => self.passed.set(true),
            Answer::Pass(_) => Reply::unavailable().send(),
            Answer::Reply(reply) => reply.send(),
            Answer::Need(wants) => {
                shared.wanted.extend(wants);
                let (until, passed) = (now.plus(PAUSE_SECONDS), Rc::clone(&self.passed));
                shared.paused.insert(self.id, Paused { head, until, passed });
            }
        }
        self.action()
    }

    fn on_http_request_body(&mut self, _body_size: usize, _end_of_stream: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        // Some services merge trailers into the header (RFC 9110 §6.5.1), where nothing was decided about them.
        // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
        let _ = hostcalls::set_map(MapType::HttpRequestTrailers, Vec::new());
        self.action()
    }
}

impl Filter {
    fn action(&self) -> Action {
        if self.passed.get() { Action::Continue } else { Action::Pause }
    }
}

impl Drop for Filter {
    /// The request is over, perhaps because its client went away while it was paused.
    fn drop(&mut self) {
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            shared.paused.remove(&self.id);
        }
    }
}

/// Envoy's clock. Should it stand before the epoch, no token is valid yet; should it fail, the SDK traps.
fn now() -> Timestamp {
    let since = hostcalls::get_current_time().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs()))
}
