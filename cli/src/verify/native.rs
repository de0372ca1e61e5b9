//! The library in this program as a judge.

use tessera_verifier::{
    Authentication, Backend, Decision, DocumentId, PolicyError, Problem, Timestamp, Verifier,
};

use super::judge::{Answer, Document, Grant, Identity, Judge, Question, Rejection, Request, Verdict, Want};

/// The library, with a policy loaded.
pub(super) struct Native(Verifier);

/// Loads a policy for this cryptography.
pub(super) fn load(policy: &str, backend: Backend) -> Result<Native, Vec<Problem>> {
    Verifier::load_with(policy, backend).map(Native).map_err(PolicyError::into_problems)
}

impl Judge for Native {
    fn ask(&mut self, question: Question<'_>, patient: bool, now: u64) -> Answer {
        let now = Timestamp::from_seconds(now);
        let decision = match question {
            Question::Token(token) => match self.0.authenticate(token, now) {
                Authentication::Verified(token) => {
                    return Answer::Decided(Verdict::Allow(Grant::of_token(&token)));
                }
                Authentication::Refused(error) => {
                    return Answer::Decided(Verdict::Deny(Rejection::of_token(error)));
                }
                // Nothing else is ever fetched for a token alone, so it is asked the same way again.
                Authentication::Need(_) if !patient => {
                    return Answer::Decided(Verdict::Deny(Rejection::unavailable()));
                }
                Authentication::Need(wants) => Decision::Need(wants),
            },
            Question::Request(request) => {
                let headers: Vec<(&str, &str)> =
                    request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                let Request { method, host, target, .. } = request;
                let request = tessera_verifier::Request { method, host, target, headers: &headers };
                if patient { self.0.authorize(&request, now) } else { self.0.conclude(&request, now) }
            }
        };
        match decision {
            Decision::Allow(grant) => Answer::Decided(Verdict::Allow(Grant::from(&grant))),
            Decision::Answer(document) => Answer::Decided(Verdict::Answer { status: document.status }),
            Decision::Deny(rejection) => Answer::Decided(Verdict::Deny(Rejection::from(&rejection))),
            Decision::Need(wants) => {
                let wants = wants.into_iter().map(|want| Want { id: want.id.number(), url: want.url });
                Answer::Need(wants.collect())
            }
        }
    }

    fn supply(&mut self, id: u32, document: &Document, now: u64) {
        let Document { text, cache_control } = document;
        // A document that is no good is as good as none; the decision says so.
        let _ = self.0.supply(DocumentId::from_number(id), text, cache_control, Timestamp::from_seconds(now));
    }

    fn fail(&mut self, id: u32, now: u64) {
        self.0.fail(DocumentId::from_number(id), Timestamp::from_seconds(now));
    }
}

impl Grant {
    fn of_token(token: &tessera_verifier::VerifiedToken) -> Self {
        let identity = Some(Identity::from(token));
        Self { identity, remove: Vec::new(), set: Vec::new(), target: None, refusal: None }
    }
}

impl From<&tessera_verifier::Grant> for Grant {
    fn from(grant: &tessera_verifier::Grant) -> Self {
        Self {
            identity: grant.token().map(Identity::from),
            remove: grant.remove().to_vec(),
            set: grant.set().to_vec(),
            target: grant.target().map(str::to_owned),
            refusal: grant.refusal().map(|refusal| Box::new(refusal.into())),
        }
    }
}

impl From<&tessera_verifier::VerifiedToken> for Identity {
    fn from(token: &tessera_verifier::VerifiedToken) -> Self {
        Self {
            issuer: token.issuer().to_owned(),
            subject: token.subject().to_owned(),
            client: token.client().map(str::to_owned),
            scopes: token.scopes().to_vec(),
            expiry: token.expiry().as_seconds(),
        }
    }
}

impl Rejection {
    /// What a host says when the keys do not come.
    fn unavailable() -> Self {
        Self {
            error: "keys-unavailable".to_owned(),
            reason: "the keys could not be had".to_owned(),
            status: Some(503),
            challenge: None,
            evidence: None,
        }
    }

    fn of_token(error: tessera_verifier::Error) -> Self {
        Self {
            error: error.name().to_owned(),
            reason: error.to_string(),
            status: None,
            challenge: None,
            evidence: Some(error),
        }
    }
}

impl From<&tessera_verifier::Rejection> for Rejection {
    fn from(rejection: &tessera_verifier::Rejection) -> Self {
        Self {
            status: Some(rejection.status()),
            challenge: rejection.challenge().map(str::to_owned),
            ..Self::of_token(rejection.error().clone())
        }
    }
}
