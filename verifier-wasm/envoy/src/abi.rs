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

mod fields;

use std::{ptr, time::Duration};

pub(crate) use fields::Fields;
use fields::{serialize, serialize_path};

/// An answer of the proxy that is no success, by its number in the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u32);

/// A map of names and values that the proxy has.
#[derive(Clone, Copy)]
pub(crate) enum Map {
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

/// An answer that the proxy gives by itself.
pub(crate) struct LocalResponse<'r> {
    pub(crate) status: u32,
    /// Why, for the access log.
    pub(crate) details: &'r str,
    pub(crate) headers: &'r [(&'r str, &'r str)],
    pub(crate) body: &'r [u8],
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, length: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        limit: usize,
        bytes: *mut *mut u8,
        length: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, bytes: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_set_header_map_pairs(map: u32, bytes: *const u8, length: usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_length: usize,
        value: *mut *mut u8,
        value_length: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_length: usize,
        value: *const u8,
        value_length: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, length: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_length: usize,
        value: *mut *mut u8,
        value_length: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_length: usize, value: *const u8, value_length: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_length: usize,
        value: *mut *mut u8,
        value_length: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_length: usize,
        value: *const u8,
        value_length: usize,
        version: u32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_length: usize,
        body: *const u8,
        body_length: usize,
        headers: *const u8,
        headers_length: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        upstream: *const u8,
        upstream_length: usize,
        headers: *const u8,
        headers_length: usize,
        body: *const u8,
        body_length: usize,
        trailers: *const u8,
        trailers_length: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_length: usize,
        arguments: *const u8,
        arguments_length: usize,
        results: *mut *mut u8,
        results_length: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, length: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, by: i64) -> u32;
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
pub(crate) fn log_level() -> Result<log::LevelFilter, Status> {
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

/// The proxy's clock, in nanoseconds since 1970.
pub(crate) fn time() -> Result<u64, Status> {
    let mut time = 0;
    // SAFETY: a number comes in.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

/// Has the root context called at such intervals.
pub(crate) fn set_tick(period: Duration) -> Result<(), Status> {
    let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: numbers only.
    check(unsafe { proxy_set_tick_period_milliseconds(period) })
}

/// Has what is asked from now on asked for a context.
pub(crate) fn act_for(context: u32) -> Result<(), Status> {
    // SAFETY: numbers only.
    check(unsafe { proxy_set_effective_context(context) })
}

/// The first bytes of a buffer.
pub(crate) fn buffer(buffer: Buffer, limit: usize) -> Result<Vec<u8>, Status> {
    // SAFETY: see `received`.
    received(|bytes, length| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, limit, bytes, length) })
        .map(Option::unwrap_or_default)
}

/// All fields of a map.
pub(crate) fn fields(map: Map) -> Result<Fields, Status> {
    // SAFETY: see `received`.
    let bytes = received(|bytes, length| unsafe { proxy_get_header_map_pairs(map as u32, bytes, length) })?;
    Ok(Fields::new(bytes.unwrap_or_default()))
}

/// Leaves no field in a map.
pub(crate) fn clear(map: Map) -> Result<(), Status> {
    let none = serialize(&[]);
    // SAFETY: a slice goes out.
    check(unsafe { proxy_set_header_map_pairs(map as u32, none.as_ptr(), none.len()) })
}

/// A field of a map.
pub(crate) fn field(map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
    // SAFETY: a slice goes out; see `received`.
    received(|bytes, length| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), bytes, length)
    })
}

/// Gives a field one value.
pub(crate) fn set_field(map: Map, name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: slices go out.
    check(unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes a field, all lines of it.
pub(crate) fn remove_field(map: Map, name: &[u8]) -> Result<(), Status> {
    // SAFETY: a slice goes out.
    check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Something that the proxy knows, by its path.
pub(crate) fn property(path: &[&str]) -> Result<Option<Vec<u8>>, Status> {
    let path = serialize_path(path);
    // SAFETY: a slice goes out; see `received`.
    received(|bytes, length| unsafe { proxy_get_property(path.as_ptr(), path.len(), bytes, length) })
}

/// Has the proxy know something of the request.
pub(crate) fn set_property(name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: slices go out.
    check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// An entry of what the workers share, with its version.
pub(crate) fn shared_data(key: &str) -> Result<(Option<Vec<u8>>, u32), Status> {
    let mut version = 0;
    // SAFETY: a slice goes out, a number comes in; see `received`.
    let value = received(|bytes, length| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), bytes, length, &raw mut version)
    })?;
    Ok((value, version))
}

/// Writes an entry of what the workers share; unless the version is 0, only over the value that has this version.
pub(crate) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), Status> {
    // SAFETY: slices go out.
    check(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) })
}

/// Lets the request go on that was paused.
pub(crate) fn resume_request() -> Result<(), Status> {
    // SAFETY: numbers only.
    check(unsafe { proxy_continue_stream(HTTP_REQUEST) })
}

/// Has the proxy answer the request.
pub(crate) fn respond(response: &LocalResponse<'_>) -> Result<(), Status> {
    let LocalResponse { status, details, headers, body } = response;
    let headers = serialize(headers);
    // SAFETY: slices go out.
    check(unsafe {
        proxy_send_local_response(
            *status,
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

/// Starts an HTTP call without a body. Returns what it is known by when it ends.
pub(crate) fn call(cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<u32, Status> {
    let (headers, trailers) = (serialize(headers), serialize(&[]));
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut call = 0;
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
            timeout,
            &raw mut call,
        )
    })?;
    Ok(call)
}

/// Calls a function that this proxy has beside those of the ABI.
pub(crate) fn call_foreign(name: &str, arguments: &[u8]) -> Result<Vec<u8>, Status> {
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

/// Makes a counter known, or finds the one of this name.
pub(crate) fn counter(name: &str) -> Result<u32, Status> {
    let mut metric = 0;
    // SAFETY: a slice goes out, a number comes in.
    check(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut metric) })?;
    Ok(metric)
}

/// Adds to a counter.
pub(crate) fn count(metric: u32, number: u64) -> Result<(), Status> {
    // SAFETY: numbers only.
    check(unsafe { proxy_increment_metric(metric, i64::try_from(number).unwrap_or(i64::MAX)) })
}

/// Room for what the proxy hands over: it writes there, and the filter takes it as its own in [`received`].
pub(crate) fn allocate(size: usize) -> *mut u8 {
    let room: Box<[u8]> = vec![0; size].into_boxed_slice();
    Box::into_raw(room).cast()
}

fn check(status: u32) -> Result<(), Status> {
    if status == 0 { Ok(()) } else { Err(Status(status)) }
}

/// Bytes that the proxy hands over, by a call that is given the places for their address and their number; nothing, if
/// what is asked for is not there.
fn received(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, Status> {
    let (mut bytes, mut length) = (ptr::null_mut(), 0);
    match call(&raw mut bytes, &raw mut length) {
        // Of something that is empty there is no address.
        0 if bytes.is_null() => Ok(Some(Vec::new())),
        // SAFETY: the proxy got the address from `allocate`, for exactly so many bytes, and has forgotten it.
        0 => Ok(Some(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(bytes, length)) }.into_vec())),
        NOT_FOUND => Ok(None),
        status => Err(Status(status)),
    }
}
