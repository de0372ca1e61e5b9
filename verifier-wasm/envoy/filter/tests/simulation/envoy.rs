//! An Envoy: workers, shared data, clocks, calls, requests.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::{Rc, Weak},
    time::Duration,
};

use tessera_envoy_filter::{
    Action, CallId, CallResponse, Filter, PAUSE, PAUSED_REQUESTS, PluginId, ProxyError, RequestId,
};

use crate::{
    key_server::{Answer, Conduct, DISCOVERED, KeyServer},
    proxy::SimulatedProxy,
    requests::{Caller, Fate, Request},
};

/// When everything begins, in milliseconds since 1970.
pub(crate) const START: u64 = 1_790_000_000_000;

/// How long a dead worker is away under `FAIL_RELOAD`, in milliseconds.
const RELOAD: u64 = 1_000;

/// How long a fetch may take, in milliseconds.
const FETCH: u64 = 5_000;

/// How much later than the time for it a pause may end, in milliseconds: two ticks.
const PAUSE_SLACK: u64 = 40;

pub(crate) struct Envoy {
    pub(crate) state: RefCell<State>,
    workers: RefCell<Vec<Worker>>,
    me: Weak<Envoy>,
}

pub(crate) struct State {
    /// Milliseconds since the start, by a clock that nobody puts back.
    pub(crate) real: u64,
    /// What the wall clock has been moved by, in milliseconds.
    pub(crate) moved: i64,
    pub(crate) server: KeyServer,
    /// How many generations of keys were published ever.
    pub(crate) generations: u8,
    pub(crate) shared: HashMap<String, (Vec<u8>, u32)>,
    pub(crate) versions: u32,
    pub(crate) calls: Vec<Call>,
    pub(crate) calls_made: u32,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    /// What other workers do in the middle of a call, a byte each; the rest do nothing.
    pub(crate) between: Vec<u8>,
    /// So many calls about requests from now the proxy refuses one.
    pub(crate) refusal: Option<u32>,
    /// Before so many of the next writes over a version another worker writes.
    pub(crate) lost: u32,
    /// Whether dead workers come back, as under `FAIL_RELOAD`.
    pub(crate) reloads: bool,
    /// Whether a fetch of the key set that discovery finds has ended.
    found: bool,
}

struct Worker {
    filter: Option<Rc<Filter>>,
    busy: bool,
    tick: Option<(u64, u64)>,
    /// So many calls from now it dies.
    doom: Option<u32>,
    reload_at: Option<u64>,
}

/// A call under way.
pub(crate) struct Call {
    id: CallId,
    worker: usize,
    pub(crate) url: String,
    /// When it was made, by both clocks.
    since: (u64, u64),
    /// The clock was moved so far that another worker may have taken its lease over.
    lease_is_void: bool,
    /// When its end is told.
    due: Option<u64>,
    answer: Option<Answer>,
}

/// With this a worker's stack is unwound.
struct Death;

thread_local! {
    /// How many workers are in the middle of something, each in the middle of a call of the one before.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

const PLUGIN: PluginId = PluginId(1);

fn configuration() -> String {
    let policy = |realm| {
        let issuer = |name| format!(r#""issuer":"{name}","profile":"jwt","max_lifetime":604800"#);
        let (known, discovered) = (issuer("https://known.example"), issuer("https://discovered.example"));
        format!(
            r#"{{"issuers":[{{{known},"jwks_uri":"https://known.example/keys"}},{{{discovered},"discovery":true}}],
            "audiences":["orders"],"routes":[{{"path":{{"exact":"/healthz"}},"public":true}},{{"path":{{"prefix":"/orders"}}}}],
            "upstream":{{"claims":[{{"claim":"sub","header":"x-subject"}}]}},"challenge":{{"realm":"{realm}"}}}}"#
        )
    };
    format!(
        r#"{{"policy":{},"policies":{{"second":{}}},
        "clusters":{{"https://known.example":"known","https://discovered.example":"discovered"}}}}"#,
        policy("first"),
        policy("second")
    )
}

impl Envoy {
    /// With so many workers, beside the main thread, which is worker 0 and gets no requests.
    pub(crate) fn start(workers: usize) -> Rc<Self> {
        Self::start_with(workers, KeyServer::new())
    }

    pub(crate) fn start_with(workers: usize, server: KeyServer) -> Rc<Self> {
        let state = State {
            real: 0,
            moved: 0,
            server,
            generations: 1,
            shared: HashMap::new(),
            versions: 0,
            calls: Vec::new(),
            calls_made: 0,
            requests: BTreeMap::new(),
            between: Vec::new(),
            refusal: None,
            lost: 0,
            reloads: true,
            found: false,
        };
        let worker = |_| Worker { filter: None, busy: false, tick: None, doom: None, reload_at: None };
        let envoy = Rc::new_cyclic(|me| Self {
            state: RefCell::new(state),
            workers: RefCell::new((0..=workers).map(worker).collect()),
            me: me.clone(),
        });
        for worker in 0..=workers {
            envoy.load(worker);
        }
        envoy
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.borrow().len() - 1
    }

    pub(crate) fn wall(&self) -> u64 {
        let state = self.state.borrow();
        (START + state.real).checked_add_signed(state.moved).unwrap()
    }

    pub(crate) fn is_alive(&self, worker: usize) -> bool {
        self.workers.borrow()[worker].filter.is_some()
    }

    /// The next calls that a worker makes are its last.
    pub(crate) fn doom(&self, worker: usize, calls: u32) {
        self.workers.borrow_mut()[worker].doom = Some(calls);
    }

    pub(crate) fn spare(&self) {
        self.workers.borrow_mut().iter_mut().for_each(|worker| worker.doom = None);
    }

    pub(crate) fn move_clock(&self, millis: i64) {
        self.state.borrow_mut().moved += millis;
        let wall = self.wall();
        for call in &mut self.state.borrow_mut().calls {
            let (_, since) = call.since;
            // As a worker has it that looks now, no lease that is good lasts until then.
            call.lease_is_void |= since > wall + 5_000 || wall >= since + FETCH + 1_000;
        }
    }

    pub(crate) fn set_server(&self, conduct: Conduct) {
        self.state.borrow_mut().server.conduct = conduct;
    }

    pub(crate) fn calls_made(&self) -> u32 {
        self.state.borrow().calls_made
    }

    /// A worker does not get to tick for so many milliseconds.
    pub(crate) fn stall(&self, worker: usize, millis: u64) {
        let next = self.state.borrow().real + millis;
        let workers = &mut self.workers.borrow_mut();
        workers[worker].tick = workers[worker].tick.map(|(period, _)| (period, next));
    }

    /// Everywhere such a request comes to this end, without a pause.
    pub(crate) fn assert_everywhere(&self, caller: Caller, fate: Fate) {
        for worker in 1..=self.workers() {
            let request = self.request(worker, caller);
            assert_eq!(self.fate(request), fate, "{caller:?} at worker {worker}");
        }
    }

    pub(crate) fn fate(&self, request: RequestId) -> Fate {
        self.state.borrow().requests[&request].fate
    }

    pub(crate) fn paused(&self, worker: usize) -> usize {
        let state = self.state.borrow();
        state
            .requests
            .values()
            .filter(|request| request.worker == worker && request.fate == Fate::Paused)
            .count()
    }

    fn load(&self, worker: usize) {
        let proxy = Rc::new(SimulatedProxy { envoy: self.me.clone(), worker });
        self.workers.borrow_mut()[worker].filter = Some(Rc::new(Filter::new(proxy)));
        self.run(worker, |filter| {
            filter.create_plugin(PLUGIN);
            assert!(filter.configure(PLUGIN, configuration().as_bytes()));
        });
    }

    /// Calls a worker back, if it lives and is not in the middle of something.
    fn run(&self, worker: usize, work: impl FnOnce(&Filter)) -> bool {
        let filter = {
            let mut workers = self.workers.borrow_mut();
            let slot = &mut workers[worker];
            let Some(filter) = slot.filter.clone().filter(|_| !slot.busy) else { return false };
            slot.busy = true;
            filter
        };
        DEPTH.set(DEPTH.get() + 1);
        let result = catch_unwind(AssertUnwindSafe(|| work(&filter)));
        DEPTH.set(DEPTH.get() - 1);
        self.workers.borrow_mut()[worker].busy = false;
        match result {
            Ok(()) => {}
            Err(payload) if payload.is::<Death>() => self.bury(worker),
            Err(payload) => resume_unwind(payload),
        }
        true
    }

    fn bury(&self, worker: usize) {
        let mut state = self.state.borrow_mut();
        let reload_at = state.reloads.then_some(state.real + RELOAD);
        self.workers.borrow_mut()[worker] =
            Worker { filter: None, busy: false, tick: None, doom: None, reload_at };
        state.calls.retain(|call| call.worker != worker);
        for request in state.requests.values_mut().filter(|request| request.worker == worker) {
            match request.fate {
                Fate::Asked => request.fate = Fate::Replied(503),
                Fate::Paused => request.fate = Fate::Hangs,
                _ => {}
            }
        }
    }

    /// A worker asks its proxy for something, which may be its end, and others may run in between.
    pub(crate) fn asked(&self, worker: usize) {
        let doom = {
            let mut workers = self.workers.borrow_mut();
            let doom = &mut workers[worker].doom;
            *doom = doom.map(|calls| calls.saturating_sub(1));
            *doom == Some(0)
        };
        if doom {
            resume_unwind(Box::new(Death));
        }
        if DEPTH.get() > 3 {
            return;
        }
        let Some(act) = self.state.borrow_mut().between.pop() else { return };
        let other = usize::from(act / 4) % (self.workers() + 1);
        match act % 4 {
            0 => {
                let real = self.state.borrow().real;
                let tick = self.workers.borrow()[other].tick;
                if tick.is_some_and(|(_, next)| next <= real) {
                    self.tick(other);
                }
            }
            1 => {
                let call =
                    self.state.borrow().calls.iter().find(|call| call.worker == other).map(|call| call.id);
                if let Some(call) = call {
                    self.end_call(call);
                }
            }
            2 if other > 0 => {
                self.request(other, Caller::GOOD);
            }
            _ => {}
        }
    }

    pub(crate) fn set_tick(&self, worker: usize, period: Duration) {
        let period = u64::try_from(period.as_millis()).unwrap();
        let next = self.state.borrow().real + period;
        self.workers.borrow_mut()[worker].tick = Some((period, next));
    }

    fn tick(&self, worker: usize) {
        let real = self.state.borrow().real;
        if let Some((period, next)) = &mut self.workers.borrow_mut()[worker].tick {
            *next = real + *period;
        }
        self.run(worker, |filter| filter.tick(PLUGIN));
    }

    /// A worker makes a call.
    pub(crate) fn call(
        &self,
        worker: usize,
        origin: &str,
        path: &str,
        timeout: u64,
    ) -> Result<CallId, ProxyError> {
        let wall = self.wall();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let url = format!("{origin}{path}");
        // Of a document that discovery found the first lease is taken without compare-and-swap, which needs an entry:
        // its first fetch may be made twice.
        let is_first = origin == DISCOVERED && path == "/keys" && !state.found;
        for call in state.calls.iter_mut().filter(|call| call.url == url) {
            let (real_since, wall_since) = call.since;
            call.lease_is_void |= is_first;
            let held =
                !call.lease_is_void && state.real < real_since + FETCH && wall < wall_since + FETCH + 1_000;
            assert!(!held, "two fetches of {url}, by workers {} and {worker}", call.worker);
        }
        if state.server.conduct == Conduct::Refused {
            return Err(ProxyError(2));
        }
        state.calls_made += 1;
        let id = CallId(state.calls_made);
        let (due, answer) = match state.server.answer(origin, path, timeout) {
            Some((after, answer)) => (Some(state.real + after), answer),
            None => (None, None),
        };
        state.calls.push(Call {
            id,
            worker,
            url,
            since: (state.real, wall),
            lease_is_void: false,
            due,
            answer,
        });
        Ok(id)
    }

    fn end_call(&self, id: CallId) {
        let call = {
            let mut state = self.state.borrow_mut();
            let Some(index) = state.calls.iter().position(|call| call.id == id) else { return };
            let worker = state.calls[index].worker;
            if self.workers.borrow()[worker].busy {
                // Told as soon as the worker is free.
                let real = state.real;
                state.calls[index].due = Some(real);
                return;
            }
            state.found |= state.calls[index].url == format!("{DISCOVERED}/keys");
            state.calls.remove(index)
        };
        self.run(call.worker, |filter| {
            let response = call.answer.as_ref().map(|answer| -> &dyn CallResponse { answer });
            filter.call_ended(PLUGIN, call.id, response);
        });
    }

    /// A request comes to a worker.
    pub(crate) fn request(&self, worker: usize, caller: Caller) -> RequestId {
        self.request_of(worker, caller, None)
    }

    /// A request whose route chooses a policy.
    pub(crate) fn request_of(
        &self,
        worker: usize,
        caller: Caller,
        policy: Option<&'static str>,
    ) -> RequestId {
        let paused = self.paused(worker);
        let id = {
            let mut state = self.state.borrow_mut();
            let id = RequestId(100 + u32::try_from(state.requests.len()).unwrap());
            let request = Request { policy, ..Request::new(worker, caller, state.real) };
            state.requests.insert(id, request);
            id
        };
        let served = self.run(worker, |filter| {
            filter.create_request(id, PLUGIN);
            match filter.request_header(id) {
                Action::Continue => {
                    self.passed(id);
                    assert_eq!(filter.request_body(id), Action::Continue, "the body follows");
                    filter.delete_request(id);
                }
                Action::Pause => {
                    assert_eq!(filter.request_body(id), Action::Pause, "the body waits");
                    assert_eq!(filter.request_trailers(id), Action::Pause, "the trailers wait");
                    if self.fate(id) == Fate::Asked {
                        self.set_fate(id, Fate::Paused);
                        assert!(paused < PAUSED_REQUESTS, "one too many waits");
                        assert_ne!(caller, Caller::Public, "a public route waits for nothing");
                    } else {
                        filter.delete_request(id);
                    }
                }
            }
        });
        if !served {
            // As FAIL_CLOSED and FAIL_RELOAD have it.
            self.set_fate(id, Fate::Replied(503));
        }
        id
    }

    pub(crate) fn passed(&self, id: RequestId) {
        let state = self.state.borrow();
        let request = &state.requests[&id];
        assert!(matches!(request.fate, Fate::Asked | Fate::Paused), "{:?} passes", request.fate);
        request.assert_may_pass(state.generations);
        drop(state);
        self.set_fate(id, Fate::Passed);
    }

    pub(crate) fn replied(&self, id: RequestId, status: u16) {
        let was = self.fate(id);
        assert!(matches!(was, Fate::Asked | Fate::Paused), "{was:?} is answered");
        self.state.borrow().requests[&id].assert_may_be_told(status);
        self.set_fate(id, Fate::Replied(status));
    }

    pub(crate) fn set_fate(&self, id: RequestId, fate: Fate) {
        self.state.borrow_mut().requests.get_mut(&id).unwrap().fate = fate;
    }

    /// A request is over for its worker, also in the middle of what it does.
    pub(crate) fn delete(&self, worker: usize, id: RequestId) {
        let filter = self.workers.borrow()[worker].filter.clone();
        filter.unwrap().delete_request(id);
    }

    /// The client of a paused request goes away.
    pub(crate) fn leave(&self, number: usize) {
        let paused: Vec<(RequestId, usize)> = {
            let state = self.state.borrow();
            let paused = state.requests.iter().filter(|(_, request)| request.fate == Fate::Paused);
            paused.map(|(id, request)| (*id, request.worker)).collect()
        };
        if let Some((id, worker)) = paused.get(number % paused.len().max(1)) {
            self.set_fate(*id, Fate::Left);
            self.run(*worker, |filter| filter.delete_request(*id));
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, millis: u64) {
        let until = self.state.borrow().real + millis;
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= until) {
            {
                let mut state = self.state.borrow_mut();
                state.real = state.real.max(at);
            }
            match event {
                Event::Tick(worker) => self.tick(worker),
                Event::Call(id) => self.end_call(id),
                Event::Reload(worker) => {
                    self.workers.borrow_mut()[worker].reload_at = None;
                    self.load(worker);
                }
            }
            self.assert_nobody_waits_too_long();
        }
        self.state.borrow_mut().real = until;
    }

    fn next_event(&self) -> Option<(u64, Event)> {
        let workers = self.workers.borrow();
        let state = self.state.borrow();
        let ticks = workers.iter().enumerate().filter_map(|(worker, slot)| {
            let (_, next) = slot.tick?;
            Some((next, Event::Tick(worker)))
        });
        let reloads = workers
            .iter()
            .enumerate()
            .filter_map(|(worker, slot)| Some((slot.reload_at?, Event::Reload(worker))));
        let calls = state.calls.iter().filter_map(|call| Some((call.due?, Event::Call(call.id))));
        calls.chain(ticks).chain(reloads).min_by_key(|(at, _)| *at)
    }

    fn assert_nobody_waits_too_long(&self) {
        let longest = u64::try_from(PAUSE.as_millis()).unwrap() + PAUSE_SLACK;
        let state = self.state.borrow();
        let paused = state.requests.iter().filter(|(_, request)| request.fate == Fate::Paused);
        for (id, request) in paused {
            assert!(state.real <= request.since + longest, "{id:?} waits since {}", request.since);
        }
    }
}

enum Event {
    Tick(usize),
    Call(CallId),
    Reload(usize),
}

impl CallResponse for Answer {
    fn field(&self, name: &str) -> Option<Vec<u8>> {
        (name == ":status").then(|| self.status.to_string().into_bytes())
    }

    fn body_size(&self) -> usize {
        self.body.len()
    }

    fn body(&self) -> Result<Vec<u8>, ProxyError> {
        Ok(self.body.clone())
    }
}
