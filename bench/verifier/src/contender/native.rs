//! The verifier as a library, in native code.

use std::hint::black_box;

use tessera_verifier::{Attempt, Backend, Decision, Request, Step, Timestamp, Verifier};

use crate::{
    contender::Contender,
    error::BenchError,
    material::{HOST, METHOD, TARGET, now},
};

/// A verifier with a policy, and the field that carries the token.
pub(crate) struct Native {
    name: &'static str,
    verifier: Verifier,
    authorization: String,
    now: Timestamp,
}

impl Native {
    pub(crate) fn new(
        name: &'static str,
        backend: Backend,
        policy: &str,
        token: &str,
    ) -> Result<Self, BenchError> {
        let verifier =
            Verifier::load(policy, backend).map_err(|error| BenchError::Policy(format!("{error:?}")))?;
        let now = Timestamp::from_seconds(now());
        Ok(Self { name, verifier, authorization: format!("Bearer {token}"), now })
    }

    /// Supplies the document that the token needs.
    pub(crate) fn supply(&mut self, text: &str) -> Result<(), BenchError> {
        let contender = self.name;
        let refused = |reason| BenchError::Refused { contender, reason };
        let headers = [("authorization", self.authorization.as_str())];
        let request = Request { method: METHOD, host: HOST, target: TARGET, headers: &headers };
        match self.verifier.authorize(&request, &mut Attempt::new(), self.now) {
            Step::Fetch(fetch) => {
                let supplied = self.verifier.supply(fetch.id, text, "", self.now);
                supplied.map(drop).map_err(|error| refused(error.to_string()))
            }
            other => Err(refused(format!("{other:?}"))),
        }
    }
}

impl Contender for Native {
    fn decide(&mut self) -> Result<(), BenchError> {
        let headers = [("authorization", self.authorization.as_str())];
        let request = Request { method: METHOD, host: HOST, target: TARGET, headers: &headers };
        match self.verifier.authorize(&request, &mut Attempt::new(), self.now) {
            Step::Done(Decision::Allow(permit)) => {
                black_box(permit);
                Ok(())
            }
            other => Err(BenchError::Refused { contender: self.name, reason: format!("{other:?}") }),
        }
    }
}
