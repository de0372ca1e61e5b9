//! The URLs of a policy.

use alloc::{format, string::ToString};

use tessera_url::{PlainHttp, UrlFault};

use super::reader::Fault;

/// What is wrong with a URL that has to be https, or http to a loopback address where that is allowed.
pub(super) fn fault(url: &str, http_loopback: bool) -> Option<Fault> {
    let plain_http = if http_loopback { PlainHttp::Loopback } else { PlainHttp::Never };
    let fault = tessera_url::check(url, plain_http).err()?;
    let suggestion = match fault {
        UrlFault::LoopbackHttp => {
            Some("set `\"allow_http_loopback\": true` at the top of the policy".to_string())
        }
        UrlFault::RemoteHttp => url.strip_prefix("http").map(|rest| format!("write `https{rest}`")),
        _ => None,
    };
    Some(Fault { message: fault.to_string(), suggestion })
}
