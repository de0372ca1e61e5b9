//! What a proxy calls: the plug-in's side of proxy-wasm's ABI 0.2.1.
//!
//! Only what the filter has an answer to: the proxy asks nothing about responses of a plug-in that has no function
//! for them.

#![expect(unsafe_code, reason = "the names of exported functions are the ABI's, and unique in the module")]

use std::rc::Rc;

use log::{error, warn};
use tessera_envoy_filter::{Action, CallId, CallResponse, Filter, PluginId, RequestId};

use crate::{
    abi::{self, Buffer, ProxyWasm, Response},
    logger,
};

thread_local! {
    /// Everything. A virtual machine has one thread.
    static FILTER: Filter = Filter::new(Rc::new(ProxyWasm));
}

fn filter<T>(work: impl FnOnce(&Filter) -> T) -> T {
    FILTER.with(work)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(export_name = "malloc")]
extern "C" fn allocate(size: usize) -> *mut u8 {
    abi::allocate(size)
}

/// A context begins: of a request, or, without a root, one that is a root itself.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    filter(|filter| match root {
        0 => filter.create_plugin(PluginId(context)),
        root => filter.create_request(RequestId(context), PluginId(root)),
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    logger::begin();
    let _scope = abi::enter(root);
    // Shared data is that of all plug-ins with one `vm_id`, and key sets lie there.
    if abi::property(&["plugin_vm_id"]).is_ok_and(|id| id.is_none_or(|id| id.is_empty())) {
        warn!("tessera: vm_config has no vm_id: no other plug-in should share this one's, such as `tessera`");
    }
    let text = match abi::buffer(Buffer::PluginConfiguration, size) {
        Ok(text) => text,
        Err(error) => {
            error!("tessera: the configuration cannot be read: {error}");
            return 0;
        }
    };
    u32::from(filter(|filter| filter.configure(PluginId(root), &text)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    logger::follow_level();
    let _scope = abi::enter(root);
    filter(|filter| filter.tick(PluginId(root)));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(root: u32, call: u32, headers: u32, body: usize, _trailers: u32) {
    let _scope = abi::enter(root);
    // Of a call that failed there is no header, and asking for it is an error.
    let response = (headers > 0).then_some(Response { plugin: PluginId(root), size: body });
    let response = response.as_ref().map(|response| -> &dyn CallResponse { response });
    filter(|filter| filter.call_ended(PluginId(root), CallId(call), response));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _headers: u32, _last: u32) -> u32 {
    let _scope = abi::enter(context);
    number(filter(|filter| filter.request_header(RequestId(context))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, _size: usize, _last: u32) -> u32 {
    let _scope = abi::enter(context);
    number(filter(|filter| filter.request_body(RequestId(context))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _trailers: u32) -> u32 {
    let _scope = abi::enter(context);
    number(filter(|filter| filter.request_trailers(RequestId(context))))
}

/// A context ends, which was either.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    let _scope = abi::enter(context);
    filter(|filter| {
        filter.delete_request(RequestId(context));
        filter.delete_plugin(PluginId(context));
    });
}

fn number(action: Action) -> u32 {
    match action {
        Action::Continue => 0,
        Action::Pause => 1,
    }
}
