//! A request's header fields, in the form that the core takes, and what is done with its decision.

use log::{info, warn};
use proxy_wasm::{hostcalls, types::MapType};
use tessera_verifier::{Decision, Document, Grant, Rejection, Request, Timestamp, Verifier, Want};

use crate::attributes::{Attribute, Outcome};

/// What of a request decides about it. Kept while the request is paused, since its header cannot be read
/// from another context.
pub(crate) struct RequestHead {
    method: String,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
    /// The names of the fields that decide nothing.
    others: Vec<String>,
}

/// How far a request got.
pub(crate) enum Answer {
    Decided(Decided),
    Need(Vec<Want>),
}

/// The end of a decision.
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    effect: Effect,
}

enum Effect {
    Pass(Grant),
    Reply(Reply),
}

/// A local reply.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl RequestHead {
    /// Reads the fields of the request whose context is the effective one.
    /// The fields come as Envoy holds them: some of its versions join several lines of one name by commas.
    pub(crate) fn read(fields: &[String]) -> Self {
        let lines = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        let mut head = Self {
            method: String::new(),
            host: String::new(),
            target: String::new(),
            headers: Vec::new(),
            others: Vec::with_capacity(lines.len()),
        };
        for (name, value) in lines {
            // What is not UTF-8 gets replacement characters, with which it matches nothing.
            let text = |value: Vec<u8>| {
                String::from_utf8(value)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
            };
            match name.as_str() {
                ":method" => head.method = text(value),
                ":authority" => head.host = text(value),
                ":path" => head.target = text(value),
                _ if fields.contains(&name) => head.headers.push((name, text(value))),
                _ => head.others.push(name),
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
        let (outcome, effect) = match ask(&request) {
            Decision::Need(wants) => return Answer::Need(wants),
            Decision::Allow(grant) => {
                let outcome = grant.refusal().map_or(Outcome::Allow, |refusal| {
                    warn!("let through by a dry run: {}: {}", refusal.error().name(), refusal.reason());
                    Outcome::DryRun(refusal.error().name())
                });
                (outcome, Effect::Pass(grant))
            }
            Decision::Answer(document) => (Outcome::Answer, Effect::Reply(Reply::from(document))),
            Decision::Deny(rejection) => {
                info!("denied: {}: {}", rejection.error().name(), rejection.reason());
                (Outcome::Deny(rejection.error().name()), Effect::Reply(Reply::from(&rejection)))
            }
        };
        Answer::Decided(Decided { outcome, effect })
    }

    /// Changes the request whose context is the effective one as it has to be upstream. Should Envoy not take a
    /// change, the SDK traps, which Envoy answers with 503.
    fn apply(&self, grant: &Grant) {
        let read = self.headers.iter().map(|(name, _)| name);
        let mut removed: Vec<&String> = read.chain(&self.others).filter(|name| grant.removes(name)).collect();
        removed.sort_unstable();
        removed.dedup();
        for name in removed {
            let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, None);
        }
        for (name, value) in grant.set() {
            let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value));
        }
        if let Some(target) = grant.target() {
            let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, ":path", Some(target));
        }
    }
}

impl Decided {
    /// What is answered without a verifier.
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        let headers = vec![("cache-control", "no-store".to_owned())];
        Self {
            outcome: Outcome::Deny(reason),
            effect: Effect::Reply(Reply { status: 503, headers, body: None }),
        }
    }

    /// Does to the request whose context is the effective one what was decided about it. Says whether it passes.
    pub(crate) fn carry_out(&self, head: &RequestHead, attributes: &[Attribute]) -> bool {
        let grant = match &self.effect {
            Effect::Pass(grant) => Some(grant),
            Effect::Reply(_) => None,
        };
        for attribute in attributes {
            attribute.write(self.outcome, grant);
        }
        match &self.effect {
            Effect::Pass(grant) => head.apply(grant),
            Effect::Reply(reply) => reply.send(),
        }
        grant.is_some()
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
    fn send(&self) {
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Should Envoy not take it, the SDK traps, which Envoy answers with 503.
        let _ = hostcalls::send_http_response(
            u32::from(self.status),
            headers,
            self.body.as_deref().map(str::as_bytes),
        );
    }
}
