//! What a plug-in can ask of a proxy: proxy-wasm's ABI 0.2.1, as far as the filter needs it.
//!
//! Not by the SDK, for two reasons. It traps on every answer that it does not expect, and a trap takes the virtual
//! machine of all of a worker's requests with it; here each answer is a value. And what it does with each request that
//! the filter has no use for (two strings for each header field, five callbacks about the response) costs more than
//! the decision about a token that is known.

#![expect(
    unsafe_code,
    reason = "the ABI is pointers and lengths; nothing but this file and `exports` has to know"
)]

mod raw;
mod signature;

use std::{cell::Cell, ptr, time::Duration};

use tessera_envoy_filter::{
    CallId, CallResponse, CounterId, Fields, HttpCall, LocalReply, PluginId, Proxy, ProxyError, RequestId,
    Version,
};
use tessera_verifier::SignatureInput;

use self::raw::{
    proxy_call_foreign_function, proxy_continue_stream, proxy_define_metric, proxy_get_buffer_bytes,
    proxy_get_current_time_nanoseconds, proxy_get_header_map_pairs, proxy_get_header_map_value,
    proxy_get_log_level, proxy_get_property, proxy_get_shared_data, proxy_http_call, proxy_increment_metric,
    proxy_log, proxy_remove_header_map_value, proxy_replace_header_map_value, proxy_send_local_response,
    proxy_set_effective_context, proxy_set_header_map_pairs, proxy_set_property, proxy_set_shared_data,
    proxy_set_tick_period_milliseconds,
};

/// The proxy, by this ABI.
pub(crate) struct ProxyWasm;

/// The answer to a call, while the proxy tells of it.
pub(crate) struct Response {
    pub(crate) plugin: PluginId,
    /// Of the body, in bytes.
    pub(crate) size: usize,
}

/// While it lives, the proxy takes what is asked as asked for the context that it called.
#[must_use]
pub(crate) struct Scope {
    outer: u32,
}

/// A map of names and values that the proxy has.
#[derive(Clone, Copy)]
enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    CallResponseHeaders = 6,
}

/// Bytes that the proxy has.
#[derive(Clone, Copy)]
pub(crate) enum Buffer {
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

const NOT_FOUND: u32 = 1;
const COUNTER: u32 = 0;
const HTTP_REQUEST: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;

/// Writes a line to the proxy's log.
pub(crate) fn log(level: log::Level, message: &str) {
    let level = match level {
        log::Level::Trace => 0,
        log::Level::Debug => 1,
        log::Level::Info => 2,
        log::Level::Warn => 3,
        log::Level::Error => 4,
    };
    // SAFETY: the pointer and the length are those of a slice, which the call does not keep. So it is below, wherever a
    // slice goes out. Nothing can be done about a log that takes no more.
    let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

/// The least level that the proxy writes to its log.
pub(crate) fn log_level() -> Result<log::LevelFilter, ProxyError> {
    let mut level = 0;
    // SAFETY: the pointer is that of a variable of the right type. So it is below, wherever a number comes in.
    check(unsafe { proxy_get_log_level(&raw mut level) })?;
    Ok(match level {
        0 => log::LevelFilter::Trace,
        1 => log::LevelFilter::Debug,
        2 => log::LevelFilter::Info,
        3 => log::LevelFilter::Warn,
        4 => log::LevelFilter::Error,
        _ => log::LevelFilter::Off,
    })
}

thread_local! {
    /// The context that the proxy takes what is asked as asked for.
    static EFFECTIVE: Cell<u32> = const { Cell::new(0) };
}

/// The proxy called for a context.
pub(crate) fn enter(context: u32) -> Scope {
    Scope { outer: EFFECTIVE.replace(context) }
}

impl Drop for Scope {
    fn drop(&mut self) {
        EFFECTIVE.set(self.outer);
    }
}

/// Has what is asked from now on asked for a context.
fn act_for(context: u32) -> Result<(), ProxyError> {
    if EFFECTIVE.get() != context {
        // SAFETY: numbers only.
        check(unsafe { proxy_set_effective_context(context) })?;
        EFFECTIVE.set(context);
    }
    Ok(())
}

impl Proxy for ProxyWasm {
    fn now(&self) -> Result<u64, ProxyError> {
        let mut nanoseconds = 0;
        // SAFETY: a number comes in.
        check(unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
        Ok(nanoseconds / 1_000_000)
    }

    fn set_tick(&self, plugin: PluginId, period: Duration) -> Result<(), ProxyError> {
        act_for(plugin.0)?;
        // SAFETY: numbers only.
        check(unsafe { proxy_set_tick_period_milliseconds(millis(period)) })
    }

    fn call(&self, plugin: PluginId, call: &HttpCall<'_>) -> Result<CallId, ProxyError> {
        // Envoy drops the calls of a request whose client goes away: nobody's client is the root context's.
        act_for(plugin.0)?;
        let HttpCall { cluster, headers, timeout } = call;
        let (headers, trailers) = (Fields::new(headers), Fields::new(&[]));
        let (headers, trailers) = (headers.as_bytes(), trailers.as_bytes());
        let mut id = 0;
        // SAFETY: slices go out, a number comes in; the body is as long as a null pointer allows.
        check(unsafe {
            proxy_http_call(
                cluster.as_ptr(),
                cluster.len(),
                headers.as_ptr(),
                headers.len(),
                ptr::null(),
                0,
                trailers.as_ptr(),
                trailers.len(),
                millis(*timeout),
                &raw mut id,
            )
        })?;
        Ok(CallId(id))
    }

    fn shared_data(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, ProxyError> {
        let mut version = 0;
        // SAFETY: a slice goes out, a number comes in; see `received`.
        let value = received(|bytes, length| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), bytes, length, &raw mut version)
        })?;
        Ok(value.map(|value| (value, Version(version))))
    }

    fn set_shared_data(&self, key: &str, value: &[u8], over: Option<Version>) -> Result<(), ProxyError> {
        /// Overwrites an entry whatever its version.
        const ANY: Version = Version(0);
        let Version(version) = over.unwrap_or(ANY);
        // SAFETY: slices go out.
        check(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) })
    }

    fn counter(&self, name: &str) -> Result<CounterId, ProxyError> {
        let mut metric = 0;
        // SAFETY: a slice goes out, a number comes in.
        check(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut metric) })?;
        Ok(CounterId(metric))
    }

    fn count(&self, counter: CounterId, number: u64) -> Result<(), ProxyError> {
        // SAFETY: numbers only.
        check(unsafe { proxy_increment_metric(counter.0, i64::try_from(number).unwrap_or(i64::MAX)) })
    }

    fn verify_signature(&self) -> fn(&SignatureInput<'_>) -> Option<bool> {
        signature::verify
    }

    fn header(&self, request: RequestId) -> Result<Fields, ProxyError> {
        act_for(request.0)?;
        let map = Map::RequestHeaders as u32;
        // SAFETY: see `received`.
        let bytes = received(|bytes, length| unsafe { proxy_get_header_map_pairs(map, bytes, length) })?;
        Ok(Fields::from_bytes(bytes.unwrap_or_default()))
    }

    fn set_field(&self, request: RequestId, name: &str, value: &str) -> Result<(), ProxyError> {
        act_for(request.0)?;
        let map = Map::RequestHeaders as u32;
        // SAFETY: slices go out.
        check(unsafe {
            proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn remove_field(&self, request: RequestId, name: &[u8]) -> Result<(), ProxyError> {
        act_for(request.0)?;
        let map = Map::RequestHeaders as u32;
        // SAFETY: a slice goes out.
        check(unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) })
    }

    fn clear_trailers(&self, request: RequestId) -> Result<(), ProxyError> {
        act_for(request.0)?;
        let none = Fields::new(&[]);
        let (map, none) = (Map::RequestTrailers as u32, none.as_bytes());
        // SAFETY: a slice goes out.
        check(unsafe { proxy_set_header_map_pairs(map, none.as_ptr(), none.len()) })
    }

    fn route_policy(&self, request: RequestId) -> Result<Option<Vec<u8>>, ProxyError> {
        act_for(request.0)?;
        property(&["xds", "route_metadata", "filter_metadata", "tessera", "policy"])
    }

    fn set_attribute(&self, request: RequestId, name: &str, value: &str) -> Result<(), ProxyError> {
        act_for(request.0)?;
        // SAFETY: slices go out.
        check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn reply(&self, request: RequestId, reply: &LocalReply<'_>) -> Result<(), ProxyError> {
        act_for(request.0)?;
        let LocalReply { status, details, headers, body } = reply;
        let headers = Fields::new(headers);
        let headers = headers.as_bytes();
        // SAFETY: slices go out.
        check(unsafe {
            proxy_send_local_response(
                u32::from(*status),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                NO_GRPC_STATUS,
            )
        })
    }

    fn resume(&self, request: RequestId) -> Result<(), ProxyError> {
        act_for(request.0)?;
        // SAFETY: numbers only.
        check(unsafe { proxy_continue_stream(HTTP_REQUEST) })
    }
}

impl CallResponse for Response {
    fn field(&self, name: &str) -> Option<Vec<u8>> {
        act_for(self.plugin.0).ok()?;
        let map = Map::CallResponseHeaders as u32;
        // SAFETY: a slice goes out; see `received`.
        let value = received(|bytes, length| unsafe {
            proxy_get_header_map_value(map, name.as_ptr(), name.len(), bytes, length)
        });
        value.ok().flatten()
    }

    fn body_size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Result<Vec<u8>, ProxyError> {
        act_for(self.plugin.0)?;
        buffer(Buffer::CallResponseBody, self.size)
    }
}

/// The first bytes of a buffer.
pub(crate) fn buffer(buffer: Buffer, limit: usize) -> Result<Vec<u8>, ProxyError> {
    // SAFETY: see `received`.
    received(|bytes, length| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, limit, bytes, length) })
        .map(Option::unwrap_or_default)
}

/// Something that the proxy knows, by its path: names with a zero byte between them.
pub(crate) fn property(path: &[&str]) -> Result<Option<Vec<u8>>, ProxyError> {
    let path = path.join("\0");
    // SAFETY: a slice goes out; see `received`.
    received(|bytes, length| unsafe { proxy_get_property(path.as_ptr(), path.len(), bytes, length) })
}

/// Calls a function that this proxy has beside those of the ABI.
fn call_foreign(name: &str, arguments: &[u8]) -> Result<Vec<u8>, ProxyError> {
    // SAFETY: slices go out; see `received`.
    received(|bytes, length| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            bytes,
            length,
        )
    })
    .map(Option::unwrap_or_default)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Room for what the proxy hands over: it writes there, and the filter takes it as its own in [`received`].
pub(crate) fn allocate(size: usize) -> *mut u8 {
    let room: Box<[u8]> = vec![0; size].into_boxed_slice();
    Box::into_raw(room).cast()
}

fn check(status: u32) -> Result<(), ProxyError> {
    if status == 0 { Ok(()) } else { Err(ProxyError(status)) }
}

/// Bytes that the proxy hands over, by a call that is given the places for their address and their number; nothing, if
/// what is asked for is not there.
fn received(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, ProxyError> {
    let (mut bytes, mut length) = (ptr::null_mut(), 0);
    match call(&raw mut bytes, &raw mut length) {
        // Of something that is empty there is no address.
        0 if bytes.is_null() => Ok(Some(Vec::new())),
        // SAFETY: the proxy got the address from `allocate`, for exactly so many bytes, and has forgotten it.
        0 => Ok(Some(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(bytes, length)) }.into_vec())),
        NOT_FOUND => Ok(None),
        status => Err(ProxyError(status)),
    }
}
