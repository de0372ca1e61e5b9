//! Whoever judges: the library in this program, or the component under wasmtime. Both are asked the same.

use std::path::PathBuf;

use tessera_verifier::{Authentication, Backend, Decision, DocumentId, Problem, Timestamp, Verifier};

use crate::cli::Failure;

/// A request to be judged.
#[derive(Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The Host field or the authority.
    pub(super) host: String,
    /// Path and query, undecoded.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

/// What was decided.
pub(super) enum Verdict {
    Allow(Grant),
    Deny(Rejection),
    /// The verifier answers with a document of its own.
    #[expect(dead_code, reason = "the verifier has none yet")]
    Answer {
        status: u16,
    },
}

/// What goes upstream.
pub(super) struct Grant {
    pub(super) identity: Option<Identity>,
    pub(super) remove: Vec<String>,
    pub(super) set: Vec<(String, String)>,
    pub(super) target: Option<String>,
    /// The name of the refusal that a dry run lets through.
    pub(super) refusal: Option<String>,
}

pub(super) struct Identity {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) client: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) expiry: u64,
}

pub(super) struct Rejection {
    pub(super) error: String,
    pub(super) reason: String,
    /// How the caller is answered; nothing when there is no request to answer.
    pub(super) status: Option<u16>,
    pub(super) challenge: Option<String>,
    /// Where the library judged: its error, with the evidence.
    pub(super) evidence: Option<tessera_verifier::Error>,
}

/// A document that is needed for the decision.
pub(super) struct Want {
    pub(super) id: u32,
    pub(super) url: String,
}

/// A document that was fetched.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) cache_control: String,
}

/// What a judge says when asked.
pub(super) enum Answer {
    Decided(Verdict),
    Need(Vec<Want>),
}

/// A verifier with a policy loaded.
pub(super) trait Judge {
    fn ask(&mut self, question: Question<'_>, now: u64) -> Answer;
    /// Decides with what there is.
    fn conclude(&mut self, question: Question<'_>, now: u64) -> Verdict;
    fn supply(&mut self, id: u32, document: &Document, now: u64);
    fn fail(&mut self, id: u32, now: u64);
}

/// What is asked about.
#[derive(Clone, Copy)]
pub(super) enum Question<'q> {
    Request(&'q Request),
    /// A token apart from any request. Only the library is asked that.
    Token(&'q str),
}

/// Who judges.
pub(super) enum Engine {
    Native(Backend),
}

/// The library, with a policy loaded.
pub(super) struct Native(Verifier);

/// How often documents are fetched for one decision: a discovery document, and the key set that it names.
const FETCH_ROUNDS: usize = 2;

impl Engine {
    pub(super) fn component(_file: Option<PathBuf>) -> Result<Self, Failure> {
        Err(Failure::Usage("not yet"))
    }

    /// Loads a policy, or gives every problem of it.
    pub(super) fn load(&self, policy: &str) -> Result<Box<dyn Judge>, Vec<Problem>> {
        match self {
            Self::Native(backend) => {
                Native::load(policy, *backend).map(|judge| Box::new(judge) as Box<dyn Judge>)
            }
        }
    }
}

/// Asks until there is a decision. `fetch` GETs a document, if it can be had.
pub(super) fn decide(
    judge: &mut dyn Judge,
    question: Question<'_>,
    now: u64,
    mut fetch: impl FnMut(&Want) -> Option<Document>,
) -> Verdict {
    for _ in 0..FETCH_ROUNDS {
        match judge.ask(question, now) {
            Answer::Decided(verdict) => return verdict,
            Answer::Need(wants) => {
                for want in wants {
                    match fetch(&want) {
                        Some(document) => judge.supply(want.id, &document, now),
                        None => judge.fail(want.id, now),
                    }
                }
            }
        }
    }
    judge.conclude(question, now)
}

impl Request {
    /// A request to a URL, or to a path and query; as it is, nothing decoded or normalised on the way.
    pub(super) fn to(url: &str, headers: Vec<(String, String)>) -> Self {
        let (host, target) = match url.split_once("://") {
            Some((_, rest)) if !url.starts_with('/') => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                rest.split_at_checked(end).unwrap_or((rest, ""))
            }
            _ => ("", url),
        };
        let target = if target.starts_with(['?', '#']) || target.is_empty() {
            format!("/{target}")
        } else {
            target.to_owned()
        };
        let named =
            || headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| &**value);
        let host = if host.is_empty() { named().unwrap_or_default() } else { host };
        Self { method: "GET".to_owned(), host: host.to_owned(), target, headers }
    }
}

impl Native {
    pub(super) fn load(policy: &str, _backend: Backend) -> Result<Self, Vec<Problem>> {
        let verifier = Verifier::load(policy);
        verifier.map(Self).map_err(tessera_verifier::PolicyError::into_problems)
    }
}

impl Judge for Native {
    fn ask(&mut self, question: Question<'_>, now: u64) -> Answer {
        let now = Timestamp::from_seconds(now);
        let decision = match question {
            Question::Token(token) => match self.0.authenticate(token, now) {
                Authentication::Verified(token) => {
                    return Answer::Decided(Verdict::Allow(Grant::of_token(&token)));
                }
                Authentication::Refused(error) => {
                    return Answer::Decided(Verdict::Deny(Rejection::of_token(error)));
                }
                Authentication::Need(wants) => Decision::Need(wants),
            },
            Question::Request(request) => {
                let headers: Vec<(&str, &str)> =
                    request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                let Request { method, host, target, .. } = request;
                self.0.authorize(&tessera_verifier::Request { method, host, target, headers: &headers }, now)
            }
        };
        match decision {
            Decision::Allow(grant) => Answer::Decided(Verdict::Allow(Grant::from(&grant))),
            Decision::Deny(rejection) => Answer::Decided(Verdict::Deny(Rejection::from(&rejection))),
            Decision::Need(wants) => {
                let wants = wants.into_iter().map(|want| Want { id: want.id.number(), url: want.url });
                Answer::Need(wants.collect())
            }
        }
    }

    fn conclude(&mut self, question: Question<'_>, now: u64) -> Verdict {
        match self.ask(question, now) {
            Answer::Decided(verdict) => verdict,
            Answer::Need(_) => Verdict::Deny(Rejection::unavailable()),
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
            remove: Vec::new(),
            set: Vec::new(),
            target: None,
            refusal: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_not_touched() {
        for (url, host, target) in [
            ("https://orders.example/a/../b%2f?x=1", "orders.example", "/a/../b%2f?x=1"),
            ("https://orders.example:8443", "orders.example:8443", "/"),
            ("https://orders.example?x", "orders.example", "/?x"),
            ("/orders?next=https://shop.example/", "", "/orders?next=https://shop.example/"),
            ("orders", "", "orders"),
            ("", "", "/"),
        ] {
            let request = Request::to(url, Vec::new());
            assert_eq!((&*request.host, &*request.target), (host, target), "{url}");
        }
        let request = Request::to("/x", vec![("HOST".to_owned(), "orders.example".to_owned())]);
        assert_eq!(request.host, "orders.example");
    }
}
