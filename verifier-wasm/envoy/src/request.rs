//! A request's header fields, in the form that the core takes, and what is done with its decision.

use log::info;
use proxy_wasm::{hostcalls, types::MapType};
use tessera_verifier::{Decision, Request, Timestamp, Verifier, Want};

/// What of a request decides about it. Kept while the request is paused, since its header cannot be read
/// from another context.
#[derive(Clone)]
pub(crate) struct RequestHead {
    method: String,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
}

/// The answer to a request, as far as Envoy is concerned.
pub(crate) enum Answer {
    Pass,
    Refuse(Refusal),
    Need(Vec<Want>),
}

/// A local reply.
pub(crate) struct Refusal {
    status: u16,
    challenge: Option<String>,
}

impl RequestHead {
    /// Reads the fields of the request whose context is the effective one.
    pub(crate) fn read(fields: &[&str]) -> Self {
        Self {
            method: field(":method").unwrap_or_default(),
            host: field(":authority").unwrap_or_default(),
            target: field(":path").unwrap_or_default(),
            headers: fields
                .iter()
                .filter_map(|&name| field(name).map(|value| (name.to_owned(), value)))
                .collect(),
        }
    }

    pub(crate) fn decide(&self, verifier: &mut Verifier, now: Timestamp) -> Answer {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Request { method: &self.method, host: &self.host, target: &self.target, headers: &headers };
        match verifier.authorize(&request, now) {
            Decision::Allow(_) => Answer::Pass,
            Decision::Need(wants) => Answer::Need(wants),
            Decision::Deny(rejection) => {
                info!("denied: {}: {}", rejection.error().name(), rejection.reason());
                Answer::Refuse(Refusal {
                    status: rejection.status(),
                    challenge: rejection.challenge().map(ToOwned::to_owned),
                })
            }
        }
    }
}

impl Refusal {
    /// The refusal of a request whose keys did not come.
    pub(crate) fn keys_unavailable() -> Self {
        info!("denied: keys-unavailable: the key set that the request needs did not come in time");
        Self { status: 503, challenge: None }
    }

    /// Answers the request whose context is the effective one.
    pub(crate) fn send(&self) {
        let mut headers = vec![("cache-control", "no-store")];
        // Printable ASCII on one line by the core's word; Envoy would send anything.
        if let Some(challenge) = &self.challenge {
            headers.push(("www-authenticate", challenge));
        }
        // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
        let _ = hostcalls::send_http_response(u32::from(self.status), headers, None);
    }
}

/// A field of the request; Envoy joins several of one name by commas. What is not UTF-8 gets replacement
/// characters, with which it matches nothing.
fn field(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()?;
    Some(String::from_utf8_lossy(&value).into_owned())
}
