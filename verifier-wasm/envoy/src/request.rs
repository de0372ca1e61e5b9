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
    /// The fields come as Envoy holds them: some of its versions join several lines of one name by commas.
    pub(crate) fn read(fields: &[String]) -> Self {
        let lines = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        let mut head =
            Self { method: String::new(), host: String::new(), target: String::new(), headers: Vec::new() };
        for (name, value) in lines {
            // What is not UTF-8 gets replacement characters, with which it matches nothing.
            let value = String::from_utf8_lossy(&value).into_owned();
            match name.as_str() {
                ":method" => head.method = value,
                ":authority" => head.host = value,
                ":path" => head.target = value,
                _ if fields.contains(&name) => head.headers.push((name, value)),
                _ => {}
            }
        }
        head
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

/// Changes the request whose context is the effective one as it has to be upstream. Says whether that could be
/// done; should Envoy not take a change, the SDK traps, which Envoy answers with 503.
#[must_use]
pub(crate) fn apply(grant: &Grant) -> bool {
    let Ok(lines) = hostcalls::get_map_bytes(MapType::HttpRequestHeaders) else { return false };
    let names: BTreeSet<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    for name in names {
        if grant.removes(name) {
            let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, None);
        }
    }
    for (name, value) in grant.set() {
        let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value));
    }
    if let Some(target) = grant.target() {
        let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, ":path", Some(target));
    }
    true
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
    /// The answer where Envoy does not show the request.
    pub(crate) fn unavailable() -> Self {
        Self { status: 503, headers: vec![("cache-control", "no-store".to_owned())], body: None }
    }

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
