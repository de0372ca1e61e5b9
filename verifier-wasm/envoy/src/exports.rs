//! What a proxy calls: the plug-in's side of proxy-wasm's ABI 0.2.1.
//!
//! Only what the filter has an answer to: the proxy asks nothing about responses of a plug-in that has no function
//! for them.

#![expect(unsafe_code, reason = "the names of exported functions are the ABI's, and unique in the module")]

use std::cell::RefCell;

use crate::{
    abi, logger,
    plugin::{Plugin, Request},
    request::Decided,
};

thread_local! {
    /// Everything. A virtual machine has one thread.
    static PLUGIN: RefCell<Plugin> = RefCell::default();
}

/// What the proxy does next with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Action {
    Continue = 0,
    Pause = 1,
}

/// Does something with the plug-in. It must not ask the proxy for what makes it call back; should it, that call gets
/// the default.
pub(crate) fn with<T: Default>(work: impl FnOnce(&mut Plugin) -> T) -> T {
    PLUGIN.with(|plugin| plugin.try_borrow_mut().map(|mut plugin| work(&mut plugin)).unwrap_or_default())
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(export_name = "malloc")]
extern "C" fn allocate(size: usize) -> *mut u8 {
    abi::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    with(|plugin| plugin.create(context, root));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    logger::begin();
    u32::from(with(|plugin| plugin.configure(root, size)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    logger::follow_level();
    for resumed in with(|plugin| plugin.tick(root)) {
        resumed.resume();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(root: u32, call: u32, headers: u32, body: usize, _trailers: u32) {
    for resumed in with(|plugin| plugin.call_ended(root, call, headers > 0, body)) {
        resumed.resume();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _headers: u32, _last: u32) -> Action {
    match with(|plugin| plugin.request(context)) {
        // The plug-in is free by now: an answer may make Envoy call back.
        Request::Decided(decided) => decided.carry_out(context),
        Request::Waits => Action::Pause,
        Request::Lost => Decided::failed().carry_out(context),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, _size: usize, _last: u32) -> Action {
    with(|plugin| plugin.action(context))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _trailers: u32) -> Action {
    // Some services merge trailers into the header (RFC 9110 §6.5.1), where nothing was decided about them.
    match abi::clear(abi::Map::RequestTrailers) {
        Ok(()) => with(|plugin| plugin.action(context)),
        Err(_) => Decided::failed().carry_out(context),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    with(|plugin| plugin.delete(context));
}

impl Default for Action {
    /// In doubt a request stays where it is.
    fn default() -> Self {
        Self::Pause
    }
}
