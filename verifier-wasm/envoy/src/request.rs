//! A request's header fields, in the form that the core takes, and what is done with its decision.

use std::{borrow::Cow, rc::Rc};

use log::{info, warn};
use tessera_verifier::{
    Attempt, Decision, FetchRequest, LocalResponse, Permit, Rejection, Request, Step, Timestamp, Verifier,
};

use crate::{
    abi::{self, Fields, Map, Status},
    attributes::{Attribute, Outcome},
};

/// What of a request decides about it: its fields, as Envoy holds them. Some of its versions join several lines of
/// one name by commas. Kept while the request is paused, since its header cannot be read from another context.
pub(crate) struct RequestHead(Rc<Fields>);

/// The reason of a refusal where no decision could be made.
pub(crate) const FAILED: &str = "verifier-failed";

/// How far a request got.
pub(crate) enum Answer {
    Decided(Decided),
    Fetch(FetchRequest),
    Wait,
}

/// The end of a decision.
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    effect: Effect,
    /// Those of the request.
    fields: Rc<Fields>,
    /// What Envoy is told of the decision.
    attributes: Rc<[Attribute]>,
}

enum Effect {
    Pass(Permit),
    Reply(Reply),
}

/// A local reply.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl RequestHead {
    pub(crate) fn new(fields: Fields) -> Self {
        Self(Rc::new(fields))
    }

    /// Takes the next step of an attempt to decide.
    pub(crate) fn decide(
        &self,
        verifier: &mut Verifier,
        attributes: &Rc<[Attribute]>,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Answer {
        let (mut method, mut host, mut target) = (Cow::default(), Cow::default(), Cow::default());
        let mut headers = Vec::new();
        for (name, value) in self.0.iter() {
            match name {
                b":method" => method = text(value),
                b":authority" => host = text(value),
                b":path" => target = text(value),
                _ if verifier.required_headers().iter().any(|read| read.as_bytes() == name) => {
                    headers.push((text(name), text(value)));
                }
                _ => {}
            }
        }
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        let request = Request { method: &method, host: &host, target: &target, headers: &headers };
        let decision = match verifier.authorize(&request, attempt, now) {
            Step::Done(decision) => decision,
            Step::Fetch(request) => return Answer::Fetch(request),
            Step::Wait { .. } => return Answer::Wait,
        };
        let (outcome, effect) = match decision {
            Decision::Allow(permit) => {
                let outcome = permit.refusal().map_or(Outcome::Allow, |refusal| {
                    warn!("let through by a dry run: {}: {}", refusal.error().name(), refusal.reason());
                    Outcome::DryRun(refusal.error().name())
                });
                (outcome, Effect::Pass(permit))
            }
            Decision::Respond(local) => (Outcome::Answer, Effect::Reply(Reply::from(local))),
            Decision::Deny(rejection) => {
                info!("denied: {}: {}", rejection.error().name(), rejection.reason());
                (Outcome::Deny(rejection.error().name()), Effect::Reply(Reply::from(&rejection)))
            }
        };
        let (fields, attributes) = (Rc::clone(&self.0), Rc::clone(attributes));
        Answer::Decided(Decided { outcome, effect, fields, attributes })
    }
}

/// A value as text. What is not UTF-8 gets replacement characters, with which it matches nothing.
fn text(value: &[u8]) -> Cow<'_, str> {
    // Asked first, since the other goes byte by byte.
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}

impl Decided {
    /// What is answered without a verifier.
    pub(crate) fn unavailable(reason: &'static str, attributes: Rc<[Attribute]>) -> Self {
        let headers = vec![("cache-control", "no-store".to_owned())];
        let effect = Effect::Reply(Reply { status: 503, headers, body: String::new() });
        Self { outcome: Outcome::Deny(reason), effect, fields: Rc::default(), attributes }
    }

    /// Does to the request whose context is the effective one what was decided about it. Says whether it passes.
    pub(crate) fn effect(&self) -> Result<bool, Status> {
        let permit = match &self.effect {
            Effect::Pass(permit) => Some(permit),
            Effect::Reply(_) => None,
        };
        if let Some(permit) = permit {
            self.change_request(permit)?;
        }
        for attribute in self.attributes.iter() {
            attribute.write(self.outcome, permit)?;
        }
        if let Effect::Reply(reply) = &self.effect {
            reply.send(self.outcome)?;
        }
        Ok(permit.is_some())
    }

    /// Changes the request as it has to be upstream.
    fn change_request(&self, permit: &Permit) -> Result<(), Status> {
        for (name, _) in self.fields.iter() {
            if std::str::from_utf8(name).is_ok_and(|name| permit.removes(name)) {
                // All lines of it; where there are several, again.
                abi::remove_field(Map::RequestHeaders, name)?;
            }
        }
        for (name, value) in permit.set() {
            abi::set_field(Map::RequestHeaders, name, value)?;
        }
        permit.target().map_or(Ok(()), |target| abi::set_field(Map::RequestHeaders, ":path", target))
    }
}

impl From<&Rejection> for Reply {
    fn from(rejection: &Rejection) -> Self {
        let mut headers = vec![("cache-control", "no-store".to_owned())];
        // Printable ASCII on one line by the core's word; Envoy would send anything.
        headers.extend(rejection.challenge().map(|challenge| ("www-authenticate", challenge.to_owned())));
        Self { status: rejection.status(), headers, body: String::new() }
    }
}

impl From<LocalResponse> for Reply {
    fn from(LocalResponse { status, headers, body }: LocalResponse) -> Self {
        let own = |(name, value): (&'static str, &str)| (name, value.to_owned());
        Self { status, headers: headers.into_iter().map(own).collect(), body }
    }
}

impl Reply {
    /// Answers the request whose context is the effective one.
    fn send(&self, outcome: Outcome) -> Result<(), Status> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // The form in which Envoy's own filters say why: %RESPONSE_CODE_DETAILS% in the access log.
        let details = format!("tessera{{{}}}", outcome.reason().unwrap_or(outcome.name()));
        let status = u32::from(self.status);
        let body = self.body.as_bytes();
        abi::respond(&abi::LocalResponse { status, details: &details, headers: &headers, body })
    }
}
