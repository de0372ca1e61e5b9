//! A proxy-wasm plug-in that guards and traps on request, to test what Envoy makes of a plug-in's end.
//!
//! The request's field `x-fault` says how: `none` lets it pass, `trap` ends the virtual machine, `hold` pauses the
//! request for good. Any other request is refused with 401: that is the guard which is gone when the plug-in is.

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext},
    types::{Action, LogLevel, MapType},
};

/// Private, since the macro makes a public function without documentation: the one that Envoy calls first.
mod start {
    use super::{Guard, HttpContext, LogLevel};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_http_context(|_, _| -> Box<dyn HttpContext> { Box::new(Guard) });
    }}
}

/// The context of a request.
struct Guard;

impl Context for Guard {}

impl HttpContext for Guard {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let fault = hostcalls::get_map_value(MapType::HttpRequestHeaders, "x-fault").ok().flatten();
        match fault.as_deref() {
            Some("none") => Action::Continue,
            Some("hold") => Action::Pause,
            fault => {
                // A failed assertion is how a plug-in traps.
                assert!(fault != Some("trap"), "as asked");
                let _ = hostcalls::send_http_response(401, vec![], None);
                Action::Pause
            }
        }
    }
}
