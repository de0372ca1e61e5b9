//! The component as a judge: what the hosts run, under wasmtime.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use tessera_fetch::chain;
use tessera_host::{
    Component, Decision, FetchRequest, InstanceError, Limits, Permit, PlainRequest, PolicyProblem, Rejection,
    Session, Step,
};
use tessera_verifier::Problem;

use super::judge::{self, Answer, Document, Judge, Question, Verdict, Want};
use crate::failure::Failure;

/// The environment variable that says where the component is.
const VARIABLE: &str = "TESSERA_COMPONENT";
/// The component beside this program.
const FILE: &str = "tessera-verifier.wasm";

/// An instance with a policy loaded, or why it can no longer be asked.
pub(super) struct Sandboxed(Result<Session, String>);

/// Compiles the component: the one that is named, or the usual one.
pub(super) fn find(named: Option<PathBuf>) -> Result<Component, Failure> {
    let path = named.or_else(|| env::var_os(VARIABLE).filter(|it| !it.is_empty()).map(PathBuf::from));
    let path = match path {
        Some(path) => path,
        None => beside_this_program().ok_or(Failure::NoComponent)?,
    };
    let bytes =
        fs::read(&path).map_err(|source| Failure::File { verb: "read", path: path.clone(), source })?;
    Component::new(&bytes, Limits::default()).map_err(|source| Failure::Component { path, source })
}

fn beside_this_program() -> Option<PathBuf> {
    let path = env::current_exe().ok()?.parent().unwrap_or(Path::new("")).join(FILE);
    path.is_file().then_some(path)
}

/// Loads a policy into an instance of its own.
pub(super) fn load(component: &Component, policy: &str) -> Result<Sandboxed, Vec<Problem>> {
    match component.load(policy) {
        Ok(Ok(session)) => Ok(Sandboxed(Ok(session))),
        Ok(Err(problems)) => Err(problems.into_iter().map(problem).collect()),
        // An instance that fails is a refusal, as in every host.
        Err(error) => Ok(Sandboxed(Err(chain(&error)))),
    }
}

impl Sandboxed {
    /// Does something with the instance, which is given up if it fails.
    fn with<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, InstanceError>) -> Result<T, String> {
        let done = match &mut self.0 {
            Ok(session) => work(session).map_err(|error| chain(&error)),
            Err(reason) => return Err(reason.clone()),
        };
        if let Err(reason) = &done {
            self.0 = Err(reason.clone());
        }
        done
    }
}

impl Judge for Sandboxed {
    fn ask(&mut self, question: Question<'_>, attempt: u64, now: u64) -> Answer {
        let Question::Request(request) = question else {
            return Answer::Decided(Verdict::Deny(judge::Rejection::failed(
                "the component judges requests only".to_owned(),
            )));
        };
        let judge::Request { method, host, target, headers } = request;
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request = PlainRequest { method, host, target, headers: &headers };
        match self.with(|session| session.authorize(&request, attempt, now)) {
            Ok(Step::Fetch { request: FetchRequest { id, url, .. }, attempt }) => {
                Answer::Fetch(Want { id, url }, attempt)
            }
            // Nobody else fetches here.
            Ok(Step::Wait { .. }) => self.ask(question, u64::MAX, now),
            Ok(Step::Done(decision)) => Answer::Decided(match decision {
                Decision::Allow(permit) => Verdict::Allow(judge::Grant::from(&permit)),
                Decision::Deny(rejection) => Verdict::Deny(judge::Rejection::from(rejection)),
                Decision::Respond(response) => Verdict::Answer { status: response.status.as_u16() },
            }),
            Err(reason) => Answer::Decided(Verdict::Deny(judge::Rejection::failed(reason))),
        }
    }

    fn supply(&mut self, id: &str, document: &Document, now: u64) {
        // A document that is no good is as good as none, and a failure is told by the next answer.
        let _ = self.with(|session| session.supply(id, &document.text, &document.cache_control, now));
    }

    fn fail(&mut self, id: &str, now: u64) {
        let _ = self.with(|session| session.fail(id, now));
    }
}

impl From<&Permit> for judge::Grant {
    fn from(permit: &Permit) -> Self {
        let identity = permit.identity().map(|identity| judge::Identity {
            issuer: identity.issuer().to_owned(),
            subject: identity.subject().to_owned(),
            client: identity.client().map(str::to_owned),
            scopes: identity.scopes().to_vec(),
            expiry: identity.expiry(),
        });
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            identity,
            remove: permit.removed_fields().map(str::to_owned).collect(),
            set: permit.set().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            target: permit.target().map(ToString::to_string),
            refusal: permit.refusal().cloned().map(|refusal| Box::new(refusal.into())),
        }
    }
}

impl From<Rejection> for judge::Rejection {
    fn from(rejection: Rejection) -> Self {
        let Rejection { status, challenge, error, reason } = rejection;
        let challenge = challenge.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self { error, reason, status: Some(status.as_u16()), challenge, evidence: None }
    }
}

fn problem(problem: PolicyProblem) -> Problem {
    let PolicyProblem { pointer, line, column, message, suggestion } = problem;
    Problem { pointer, line, column, message, suggestion }
}
