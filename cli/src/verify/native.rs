//! The library in this program as a judge.

use tessera_verifier::{
    AcceptedAudience, Attempt, Backend, Decision, DocumentId, PolicyError, Problem, Step, Timestamp, Verifier,
};

use super::judge::{Answer, Document, Grant, Identity, Judge, Question, Rejection, Request, Verdict, Want};

/// The library, with a policy loaded.
pub(super) struct Native(Verifier);

/// Loads a policy for this cryptography.
pub(super) fn load(policy: &str, backend: Backend) -> Result<Native, Vec<Problem>> {
    Verifier::load(policy, backend).map(Native).map_err(PolicyError::into_problems)
}

impl Judge for Native {
    fn ask(&mut self, question: Question<'_>, attempt: u64, now: u64) -> Answer {
        let (mut attempt, now) = (Attempt::from_number(attempt), Timestamp::from_seconds(now));
        let step = match question {
            Question::Token(token) => {
                let step = self.0.authenticate(token, AcceptedAudience::OfPolicy, &mut attempt, now);
                step.map(|verdict| match verdict {
                    Ok(token) => Verdict::Allow(Grant::of_token(&token)),
                    Err(error) => Verdict::Deny(Rejection::of_token(error)),
                })
            }
            Question::Request(request) => {
                let headers: Vec<(&str, &str)> =
                    request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                let Request { method, host, target, .. } = request;
                let request = tessera_verifier::Request { method, host, target, headers: &headers };
                self.0.authorize(&request, &mut attempt, now).map(|decision| match decision {
                    Decision::Allow(permit) => Verdict::Allow(Grant::from(&permit)),
                    Decision::Respond(response) => Verdict::Answer { status: response.status },
                    Decision::Deny(rejection) => Verdict::Deny(Rejection::from(&rejection)),
                })
            }
        };
        match step {
            Step::Done(verdict) => Answer::Decided(verdict),
            Step::Fetch(request) => {
                Answer::Fetch(Want { id: request.id.to_string(), url: request.url }, attempt.number())
            }
            // Nobody else fetches here.
            Step::Wait { .. } => self.ask(question, Attempt::last().number(), now.as_seconds()),
        }
    }

    fn supply(&mut self, id: &str, document: &Document, now: u64) {
        let Document { text, cache_control } = document;
        if let Some(id) = DocumentId::parse(id) {
            // A document that is no good is as good as none; the decision says so.
            let _ = self.0.supply(id, text, cache_control, Timestamp::from_seconds(now));
        }
    }

    fn fail(&mut self, id: &str, now: u64) {
        if let Some(id) = DocumentId::parse(id) {
            self.0.fail(id, Timestamp::from_seconds(now));
        }
    }
}

impl Grant {
    fn of_token(token: &tessera_verifier::VerifiedToken) -> Self {
        let identity = Some(Identity::from(token));
        Self { identity, remove: Vec::new(), set: Vec::new(), target: None, refusal: None }
    }
}

impl From<&tessera_verifier::Permit> for Grant {
    fn from(permit: &tessera_verifier::Permit) -> Self {
        Self {
            identity: permit.token().map(Identity::from),
            remove: permit.removed_fields().map(str::to_owned).collect(),
            set: permit.set().to_vec(),
            target: permit.target().map(str::to_owned),
            refusal: permit.refusal().map(|refusal| Box::new(refusal.into())),
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
