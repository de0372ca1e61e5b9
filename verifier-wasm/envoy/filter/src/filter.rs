//! The filter in a worker: its configurations, and the requests that are under way.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use log::{error, warn};

use crate::{
    plugin::{DecidedRequest, Plugin},
    proxy::{Action, CallId, CallResponse, PluginId, Proxy, RequestId},
};

/// The filter, of which each worker has one. Its methods are the proxy's callbacks.
///
/// A callback that comes while the filter is in the middle of another one changes nothing, and lets nothing pass.
/// Requests are told what was decided outside of that, since an answer may make the proxy call back.
pub struct Filter {
    proxy: Rc<dyn Proxy>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// `None` before they are configured.
    plugins: BTreeMap<PluginId, Option<Plugin>>,
    requests: BTreeMap<RequestId, Stream>,
}

/// A request, as far as its whole life is concerned.
struct Stream {
    plugin: PluginId,
    /// Whether the request may pass. Until it is set nothing of the request goes on: not its header, and
    /// not its body, which Envoy may ask about while the header waits.
    passed: bool,
}

impl Filter {
    /// A filter without a configuration.
    #[must_use]
    pub fn new(proxy: Rc<dyn Proxy>) -> Self {
        Self { proxy, state: RefCell::default() }
    }

    /// A plug-in begins: its configuration comes next.
    pub fn create_plugin(&self, plugin: PluginId) {
        self.with(|state| state.plugins.insert(plugin, None));
    }

    /// A plug-in ends.
    pub fn delete_plugin(&self, plugin: PluginId) {
        self.with(|state| {
            if let Some(Some(plugin)) = state.plugins.remove(&plugin).as_mut() {
                plugin.tell_metrics();
            }
        });
    }

    /// Takes a configuration into use. Says whether it is good; every problem of it is in the log.
    pub fn configure(&self, plugin: PluginId, text: &[u8]) -> bool {
        let configured = |state: &mut State| match Plugin::new(plugin, &self.proxy, text) {
            Ok(configured) => {
                state.plugins.insert(plugin, Some(configured));
                true
            }
            Err(problems) => {
                error!("tessera: {problems}");
                false
            }
        };
        self.with(configured).unwrap_or(false)
    }

    /// The time has come that [`Proxy::set_tick`] asked for.
    pub fn tick(&self, plugin: PluginId) {
        self.resume(self.with(|state| Some(state.plugin(plugin)?.tick())).flatten().unwrap_or_default());
    }

    /// A call is over, with an answer or without one.
    pub fn call_ended(&self, plugin: PluginId, call: CallId, response: Option<&dyn CallResponse>) {
        self.resume(
            self.with(|state| Some(state.plugin(plugin)?.call_ended(call, response)))
                .flatten()
                .unwrap_or_default(),
        );
    }

    /// A request begins.
    pub fn create_request(&self, request: RequestId, plugin: PluginId) {
        self.with(|state| state.requests.insert(request, Stream { plugin, passed: false }));
    }

    /// A request is over, perhaps because its client went away while it was paused.
    pub fn delete_request(&self, request: RequestId) {
        self.with(|state| {
            if let Some(Stream { plugin, .. }) = state.requests.remove(&request)
                && let Some(plugin) = state.plugin(plugin)
            {
                plugin.forget(request);
            }
        });
    }

    /// The header of a request is there.
    pub fn request_header(&self, request: RequestId) -> Action {
        let decided = self.with(|state| {
            let plugin = state.requests.get(&request)?.plugin;
            Some(state.plugin(plugin)?.request(request))
        });
        match decided.flatten() {
            Some(Some(decided)) => self.carry_out(&decided),
            Some(None) => Action::Pause,
            // Nobody will decide about it.
            None => self.carry_out(&DecidedRequest::failed(request)),
        }
    }

    /// More of a request's body is there.
    pub fn request_body(&self, request: RequestId) -> Action {
        match self.with(|state| state.requests.get(&request).is_some_and(|stream| stream.passed)) {
            Some(true) => Action::Continue,
            Some(false) | None => Action::Pause,
        }
    }

    /// The trailers of a request are there.
    pub fn request_trailers(&self, request: RequestId) -> Action {
        // Some services merge trailers into the header (RFC 9110 §6.5.1), where nothing was decided about them.
        match self.proxy.clear_trailers(request) {
            Ok(()) => self.request_body(request),
            Err(_) => self.carry_out(&DecidedRequest::failed(request)),
        }
    }

    /// Tells requests that were paused.
    fn resume(&self, decided: Vec<DecidedRequest>) {
        for decided in decided {
            if self.carry_out(&decided) == Action::Continue
                && let Err(error) = self.proxy.resume(decided.id)
            {
                warn!("a request cannot be resumed: {error}");
            }
        }
    }

    /// Does to a request what was decided about it.
    fn carry_out(&self, decided: &DecidedRequest) -> Action {
        match decided.carry_out(&*self.proxy) {
            Ok(Action::Continue) => {
                self.with(|state| {
                    if let Some(stream) = state.requests.get_mut(&decided.id) {
                        stream.passed = true;
                    }
                });
                Action::Continue
            }
            Ok(Action::Pause) => Action::Pause,
            Err(error) => {
                error!("Envoy does not take what was decided: {error}");
                let _ = DecidedRequest::failed(decided.id).carry_out(&*self.proxy);
                Action::Pause
            }
        }
    }

    /// Does something with the state, unless that is being done.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        self.state.try_borrow_mut().ok().map(|mut state| work(&mut state))
    }
}

impl State {
    fn plugin(&mut self, plugin: PluginId) -> Option<&mut Plugin> {
        self.plugins.get_mut(&plugin)?.as_mut()
    }
}
