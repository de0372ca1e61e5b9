//! A request's header fields, in the form that the core takes, and what is done with its decision.

use std::collections::BTreeSet;

use log::{info, warn};
use proxy_wasm::{hostcalls, types::MapType};
use tessera_verifier::{Decision, Document, Grant, Rejection, Request, Timestamp, Verifier, Want};

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
    Pass(Grant),
    Reply(Reply),
    Need(Vec<Want>),
}

/// A local reply.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl RequestHead {
    /// Reads the fields of the request whose context is the effective one.
    pub(crate) fn read(fields: &[String]) -> Self {
        Self {
            method: field(":method").unwrap_or_default(),
            host: field(":authority").unwrap_or_default(),
            target: field(":path").unwrap_or_default(),
            headers: fields
                .iter()
                .filter_map(|name| field(name).map(|value| (name.clone(), value)))
                .collect(),
        }
    }

    pub(crate) fn decide(&self, verifier: &mut Verifier, now: Timestamp) -> Answer {
        self.ask(|request| verifier.authorize(request, now))
    }

    /// Decides with what there is.
    pub(crate) fn conclude(&self, verifier: &mut Verifier, now: Timestamp) -> Answer {
        self.ask(|request| verifier.conclude(request, now))
    }

    fn ask(&self, ask: impl FnOnce(&Request<'_>) -> Decision) -> Answer {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Request { method: &self.method, host: &self.host, target: &self.target, headers: &headers };
        match ask(&request) {
            Decision::Allow(grant) => {
                if let Some(refusal) = grant.refusal() {
                    warn!("let through by a dry run: {}: {}", refusal.error().name(), refusal.reason());
                }
                Answer::Pass(grant)
            }
            Decision::Need(wants) => Answer::Need(wants),
            Decision::Answer(document) => Answer::Reply(Reply::from(document)),
            Decision::Deny(rejection) => {
                info!("denied: {}: {}", rejection.error().name(), rejection.reason());
                Answer::Reply(Reply::from(&rejection))
            }
        }
    }
}

/// Changes the request whose context is the effective one as it has to be upstream. Should Envoy not take a
/// change, the SDK traps, which Envoy answers with 503.
pub(crate) fn apply(grant: &Grant) {
    let pairs = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
    let names: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    for name in names {
        let folded = name.to_ascii_lowercase().replace('_', "-");
        if grant.remove().contains(&folded) {
            let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, None);
        }
    }
    for (name, value) in grant.set() {
        let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value));
    }
    if let Some(target) = grant.target() {
        let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, ":path", Some(target));
    }
}

impl From<&Rejection> for Reply {
    fn from(rejection: &Rejection) -> Self {
        let mut headers = vec![("cache-control", "no-store".to_owned())];
        // Printable ASCII on one line by the core's word; Envoy would send anything.
        headers.extend(rejection.challenge().map(|challenge| ("www-authenticate", challenge.to_owned())));
        Self { status: rejection.status(), headers, body: None }
    }
}

impl From<Document> for Reply {
    fn from(Document { status, headers, body }: Document) -> Self {
        let own = |(name, value): (&'static str, &str)| (name, value.to_owned());
        Self { status, headers: headers.into_iter().map(own).collect(), body: Some(body) }
    }
}

impl Reply {
    /// Answers the request whose context is the effective one.
    pub(crate) fn send(&self) {
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
        let _ = hostcalls::send_http_response(
            u32::from(self.status),
            headers,
            self.body.as_deref().map(str::as_bytes),
        );
    }
}

/// A field of the request; Envoy joins several of one name by commas. What is not UTF-8 gets replacement
/// characters, with which it matches nothing.
fn field(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()?;
    Some(String::from_utf8_lossy(&value).into_owned())
}
