//! The proxy as a worker of a simulated Envoy sees it.

use std::{rc::Weak, time::Duration};

use tessera_envoy_filter::{
    CallId, CounterId, Fields, HttpCall, LocalReply, PluginId, Proxy, ProxyError, RequestId, Version,
};
use tessera_verifier::SignatureInput;

use crate::{
    envoy::{Envoy, State},
    requests::{Fate, Request},
};

pub(crate) struct SimulatedProxy {
    pub(crate) envoy: Weak<Envoy>,
    pub(crate) worker: usize,
}

const REFUSED: ProxyError = ProxyError(10);
const CAS_MISMATCH: ProxyError = ProxyError(8);

impl SimulatedProxy {
    fn ask<T>(&self, work: impl FnOnce(&Envoy) -> T) -> T {
        let envoy = self.envoy.upgrade().expect("Envoy outlives its workers");
        envoy.asked(self.worker);
        work(&envoy)
    }

    fn ask_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        self.ask(|envoy| work(&mut envoy.state.borrow_mut()))
    }

    /// Asks about a request, which the proxy may refuse.
    fn ask_about<T>(&self, id: RequestId, work: impl FnOnce(&mut Request) -> T) -> Result<T, ProxyError> {
        self.ask(|envoy| {
            let refused = Self::refuse(envoy);
            let mut state = envoy.state.borrow_mut();
            let request = state.requests.get_mut(&id).ok_or(REFUSED)?;
            request.refused |= refused.is_err();
            refused.map(|()| work(request))
        })
    }

    fn refuse(envoy: &Envoy) -> Result<(), ProxyError> {
        let mut state = envoy.state.borrow_mut();
        state.refusal = state.refusal.and_then(|calls| calls.checked_sub(1));
        if state.refusal == Some(0) { Err(REFUSED) } else { Ok(()) }
    }
}

impl Proxy for SimulatedProxy {
    fn now(&self) -> Result<u64, ProxyError> {
        Ok(self.ask(Envoy::wall))
    }

    fn set_tick(&self, _: PluginId, period: Duration) -> Result<(), ProxyError> {
        self.ask(|envoy| envoy.set_tick(self.worker, period));
        Ok(())
    }

    fn call(&self, _: PluginId, call: &HttpCall<'_>) -> Result<CallId, ProxyError> {
        let field = |name| call.headers.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!((field(":method"), field(":scheme")), ("GET", "https"));
        // Servers and firewalls in the field refuse calls without either.
        assert!(field("user-agent").starts_with("tessera/"), "{}", field("user-agent"));
        let mut accepted = field("accept").split(", ");
        assert!(accepted.any(|media_type| media_type == "application/jwk-set+json"), "{}", field("accept"));
        let origin = format!("https://{}", field(":authority"));
        let timeout = u64::try_from(call.timeout.as_millis()).unwrap();
        self.ask(|envoy| envoy.call(self.worker, &origin, field(":path"), timeout))
    }

    fn shared_data(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, ProxyError> {
        self.ask_state(|state| {
            let entry = state.shared.get(key).cloned();
            Ok(entry.map(|(value, version)| (value, Version(version))))
        })
    }

    fn set_shared_data(&self, key: &str, value: &[u8], over: Option<Version>) -> Result<(), ProxyError> {
        self.ask_state(|state| {
            state.versions += 1;
            if over.is_some() && state.lost > 0 {
                state.lost -= 1;
                return Err(CAS_MISMATCH);
            }
            let entry = (value.to_vec(), state.versions);
            match (state.shared.get_mut(key), over) {
                (Some((_, version)), Some(over)) if *version != over.0 => return Err(CAS_MISMATCH),
                (Some(old), _) => *old = entry,
                (None, _) => {
                    state.shared.insert(key.to_owned(), entry);
                }
            }
            Ok(())
        })
    }

    fn counter(&self, _: &str) -> Result<CounterId, ProxyError> {
        Ok(CounterId(0))
    }

    fn count(&self, _: CounterId, _: u64) -> Result<(), ProxyError> {
        Ok(())
    }

    fn verify_signature(&self) -> fn(&SignatureInput<'_>) -> Option<bool> {
        |_| None
    }

    fn header(&self, id: RequestId) -> Result<Fields, ProxyError> {
        self.ask_about(id, |request| {
            let fields: Vec<(&str, &str)> =
                request.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Fields::new(&fields)
        })
    }

    fn set_field(&self, id: RequestId, name: &str, value: &str) -> Result<(), ProxyError> {
        self.ask_about(id, |request| {
            request.fields.retain(|(known, _)| known != name);
            request.fields.push((name.to_owned(), value.to_owned()));
        })
    }

    fn remove_field(&self, id: RequestId, name: &[u8]) -> Result<(), ProxyError> {
        self.ask_about(id, |request| request.fields.retain(|(known, _)| known.as_bytes() != name))
    }

    fn clear_trailers(&self, _: RequestId) -> Result<(), ProxyError> {
        Ok(())
    }

    fn route_policy(&self, id: RequestId) -> Result<Option<Vec<u8>>, ProxyError> {
        self.ask_about(id, |request| request.policy.map(|name| name.as_bytes().to_vec()))
    }

    fn set_attribute(&self, id: RequestId, _: &str, _: &str) -> Result<(), ProxyError> {
        self.ask_about(id, |_| ())
    }

    fn reply(&self, id: RequestId, reply: &LocalReply<'_>) -> Result<(), ProxyError> {
        self.ask(|envoy| {
            let was = envoy.fate(id);
            Self::refuse(envoy).inspect_err(|_| envoy.set_fate(id, Fate::Hangs))?;
            if was == Fate::Hangs {
                return Err(REFUSED);
            }
            envoy.replied(id, reply.status);
            if was == Fate::Paused {
                // That is the request's end, of which the filter is told at once.
                envoy.delete(self.worker, id);
            }
            Ok(())
        })
    }

    fn resume(&self, id: RequestId) -> Result<(), ProxyError> {
        self.ask(|envoy| {
            Self::refuse(envoy).inspect_err(|_| envoy.set_fate(id, Fate::Hangs))?;
            envoy.passed(id);
            envoy.delete(self.worker, id);
            Ok(())
        })
    }
}
