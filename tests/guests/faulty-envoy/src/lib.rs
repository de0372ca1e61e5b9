//! A proxy-wasm plug-in that guards and traps on request, to test what Envoy makes of a plug-in's end.
//!
//! The request's field `x-fault` says how: `none` lets it pass, `trap` ends the virtual machine, `hold` pauses the
//! request for good. Any other request is refused with 401: that is the guard which is gone when the plug-in is.

#![expect(unsafe_code, reason = "proxy-wasm's ABI is pointers and lengths")]

use std::ptr;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_length: usize,
        value: *mut *mut u8,
        value_length: *mut usize,
    ) -> u32;
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
}

const REQUEST_HEADERS: u32 = 0;
const FAULT: &[u8] = b"x-fault";
const NO_GRPC_STATUS: i32 = -1;
/// Fields in the form in which they cross the ABI begin with their number.
const NO_FIELDS: [u8; 4] = [0; 4];

/// What Envoy does next with the request.
#[repr(u32)]
enum Action {
    Continue = 0,
    Pause = 1,
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_context: u32, _root: u32) {}

/// Room for what Envoy hands over.
#[unsafe(export_name = "malloc")]
extern "C" fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0; size].into_boxed_slice()).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_context: u32, _headers: u32, _last: u32) -> Action {
    match fault().as_slice() {
        b"none" => Action::Continue,
        b"hold" => Action::Pause,
        // A failed assertion is how a plug-in traps.
        fault => {
            assert!(fault != b"trap", "as asked");
            // SAFETY: pointers and lengths are those of slices, or null and 0.
            let _ = unsafe {
                let (fields, length) = (NO_FIELDS.as_ptr(), NO_FIELDS.len());
                proxy_send_local_response(401, ptr::null(), 0, ptr::null(), 0, fields, length, NO_GRPC_STATUS)
            };
            Action::Pause
        }
    }
}

/// What the request asks for; nothing, if it does not say.
fn fault() -> Vec<u8> {
    let (mut value, mut length) = (ptr::null_mut(), 0);
    // SAFETY: a slice goes out; the places are those of variables of the right types.
    let status = unsafe {
        proxy_get_header_map_value(
            REQUEST_HEADERS,
            FAULT.as_ptr(),
            FAULT.len(),
            &raw mut value,
            &raw mut length,
        )
    };
    if status != 0 || value.is_null() {
        return Vec::new();
    }
    // SAFETY: Envoy got the address from `allocate`, for exactly so many bytes, and has forgotten it.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(value, length)) }.into_vec()
}
