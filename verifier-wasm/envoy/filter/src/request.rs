//! A request: in the form in which the core is asked about it, and with what is done to it then.

use std::borrow::Cow;

use log::{info, warn};
use tessera_verifier::{Attempt, Permit, Request, Step, Timestamp, Verifier};

use crate::{
    attributes::Attribute,
    decided::Decided,
    fields::Fields,
    proxy::{Action, LocalReply, Proxy, ProxyError, RequestId},
};

/// What of a request decides about it: its fields, as Envoy holds them. Some of its versions join several lines of
/// one name by commas. Kept while the request is paused, so that it is decided about what the caller sent.
#[derive(Default)]
pub(crate) struct RequestHead(Fields);

/// The reason of a refusal where no decision could be made.
pub(crate) const FAILED: &str = "verifier-failed";

impl RequestHead {
    pub(crate) fn new(fields: Fields) -> Self {
        Self(fields)
    }

    /// Takes the next step of an attempt to decide.
    pub(crate) fn decide(
        &self,
        verifier: &mut Verifier,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<Decided> {
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
        let step = verifier.authorize(&request, attempt, now).map(Decided::from);
        match &step {
            Step::Done(Decided::Allow(permit)) => {
                if let Some(refusal) = permit.refusal() {
                    warn!("let through by a dry run: {}: {}", refusal.error().name(), refusal.reason());
                }
            }
            Step::Done(Decided::Deny(rejection)) => {
                info!("denied: {}: {}", rejection.error().name(), rejection.reason());
            }
            _ => {}
        }
        step
    }

    /// Does to the request what was decided about it, and leaves these attributes.
    pub(crate) fn carry_out(
        &self,
        decided: &Decided,
        attributes: &[Attribute],
        proxy: &dyn Proxy,
        request: RequestId,
    ) -> Result<Action, ProxyError> {
        if let Decided::Allow(permit) = decided {
            self.change(permit, proxy, request)?;
        }
        for attribute in attributes {
            if let Some(value) = attribute.value(decided) {
                proxy.set_attribute(request, attribute.path(), &value)?;
            }
        }
        let no_store = [("cache-control", "no-store")];
        let (status, headers, body) = match decided {
            Decided::Allow(_) => return Ok(Action::Continue),
            Decided::Respond(response) => (response.status, response.headers.clone(), response.body.as_str()),
            Decided::Deny(rejection) => {
                // Printable ASCII on one line by the core's word; Envoy would send anything.
                let challenge = rejection.challenge().map(|challenge| ("www-authenticate", challenge));
                (rejection.status(), no_store.into_iter().chain(challenge).collect(), "")
            }
            Decided::Failed(_) => (503, no_store.into(), ""),
        };
        // The form in which Envoy's own filters say why: %RESPONSE_CODE_DETAILS% in the access log.
        let details = format!("tessera{{{}}}", decided.reason().unwrap_or(decided.name()));
        let reply = LocalReply { status, details: &details, headers: &headers, body: body.as_bytes() };
        proxy.reply(request, &reply)?;
        Ok(Action::Pause)
    }

    /// Changes the request as it has to be upstream.
    fn change(&self, permit: &Permit, proxy: &dyn Proxy, request: RequestId) -> Result<(), ProxyError> {
        for (name, _) in self.0.iter() {
            if std::str::from_utf8(name).is_ok_and(|name| permit.removes(name)) {
                // All lines of it; where there are several, again.
                proxy.remove_field(request, name)?;
            }
        }
        for (name, value) in permit.set() {
            proxy.set_field(request, name, value)?;
        }
        permit.target().map_or(Ok(()), |target| proxy.set_field(request, ":path", target))
    }
}

/// A value as text. What is not UTF-8 gets replacement characters, with which it matches nothing.
fn text(value: &[u8]) -> Cow<'_, str> {
    // Asked first, since the other goes byte by byte.
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}
