//! Requests, and the rules that each of them is held to.

use crate::key_server::{KNOWN, token};

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A token of an issuer by its key of a generation.
    With {
        issuer: &'static str,
        generation: u8,
        forged: bool,
    },
    Without,
    /// A route that needs no token.
    Public,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The filter is asked about it.
    Asked,
    Paused,
    Passed,
    Replied(u16),
    /// Its client went away.
    Left,
    /// Its worker died while it was paused, or the proxy did not take the answer: Envoy's idle timeout ends it.
    Hangs,
}

pub(crate) struct Request {
    pub(crate) worker: usize,
    pub(crate) caller: Caller,
    /// Since when, in real milliseconds.
    pub(crate) since: u64,
    pub(crate) fate: Fate,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) policy: Option<&'static str>,
    /// The proxy refused something about it.
    pub(crate) refused: bool,
}

impl Caller {
    pub(crate) const GOOD: Self = Self::With { issuer: KNOWN, generation: 0, forged: false };
    pub(crate) const FORGED: Self = Self::With { issuer: KNOWN, generation: 0, forged: true };
}

impl Request {
    pub(crate) fn new(worker: usize, caller: Caller, since: u64) -> Self {
        let path = if caller == Caller::Public { "/healthz" } else { "/orders" };
        let mut fields = vec![(":method", "GET".to_owned()), (":path", path.to_owned())];
        fields.extend([(":authority", "orders".to_owned()), ("x-subject", "mallory".to_owned())]);
        if let Caller::With { issuer, generation, forged } = caller {
            fields.push(("authorization", format!("Bearer {}", token(issuer, generation, forged))));
        }
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { worker, caller, since, fate: Fate::Asked, fields, policy: None, refused: false }
    }

    /// Nothing passes without leave, and nothing with what callers may not say.
    pub(crate) fn assert_may_pass(&self, published: u8) {
        let subject =
            self.fields.iter().find(|(name, _)| name == "x-subject").map(|(_, value)| value.as_str());
        match self.caller {
            Caller::With { generation, forged: false, .. } => {
                assert!(generation < published, "a key that nobody published");
                assert_eq!(subject, Some("alice"));
            }
            Caller::Public => assert_eq!(subject, None),
            other => panic!("passes: {other:?}"),
        }
        assert!(!self.fields.iter().any(|(name, _)| name == "authorization"), "the token goes on");
    }

    /// Refusals are of those who may not pass, or may not yet.
    pub(crate) fn assert_may_be_told(&self, status: u16) {
        let told: &[u16] = match self.caller {
            Caller::Public if self.refused => &[503],
            Caller::Public => &[],
            // 503 while there are no keys, 401 for one that is not among them yet.
            Caller::With { .. } | Caller::Without => &[401, 503],
        };
        assert!(told.contains(&status), "{:?} is told {status}", self.caller);
    }
}
