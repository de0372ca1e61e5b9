//! `tessera verify TOKEN`: a decision, step by step.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use tessera_fetch::{FetchOptions, Fetcher};
use tessera_verifier::{Backend, Error, limits};

use super::carrier::Carrier;
use super::documents::{self, Documents};
use super::engine::Engine;
use super::judge::{self, Document, Grant, Judge, Question, Rejection, Request, Verdict, Want};
use super::report;
use super::steps::{Step, Writing, duration, relative};
use crate::failure::{DENIED, Failure};
use crate::output::{self, Answer};
use crate::policy_file;
use tessera_issuer::domain::UnixTime;

const PASSED: Style = AnsiColor::Green.on_default().bold();
const REFUSED: Style = AnsiColor::Red.on_default().bold();
const REPORTED: Style = AnsiColor::Yellow.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// What is to be explained.
pub(super) struct Subject {
    pub(super) policy: PathBuf,
    pub(super) keys: Keys,
    pub(super) token: Option<String>,
    pub(super) request: Option<Request>,
    pub(super) now: UnixTime,
}

/// Where the issuer's keys come from.
pub(super) enum Keys {
    /// From the policy, if they are in it.
    OfPolicy,
    /// From a file with a key set.
    File(PathBuf),
    /// From where the policy says.
    Fetched,
}

/// What was decided about, and by what.
struct Scene<'s> {
    writing: &'s Writing,
    request: Option<&'s Request>,
    /// Where in the request the token is.
    place: &'s str,
    policy: Value,
    has_keys: bool,
    fetches: bool,
    now: u64,
}

/// A decision, and all that there is to say about it.
struct Explanation {
    steps: Vec<(Step, Outcome, String)>,
    verdict: Verdict,
    /// What to do about a refusal that is the command line's fault.
    hint: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Refused,
    NotReached,
}

pub(super) fn run(subject: Subject, backend: Backend, json: bool) -> Result<ExitCode, Failure> {
    let Subject { policy: path, keys, token, request, now } = subject;
    let now = now.as_seconds();
    let policy = policy_file::read(&path)?;
    let mut judge = Engine::Native(backend)
        .load(policy.json())
        .map_err(|problems| Failure::Policy { path, problems: policy.relocated(problems) })?;
    let writing = Writing::on(token.as_deref().unwrap_or_default());
    let has_keys = !matches!(keys, Keys::OfPolicy)
        || writing.issuer().is_some_and(|issuer| documents::has_inline_keys(policy.json(), issuer));

    let fetches = matches!(keys, Keys::Fetched);
    let document = serde_json::from_str(policy.json()).unwrap_or_default();
    let carrier = Carrier::of(&document);
    let place = token.as_ref().map(|_| carrier.to_string());
    let request = request.map(|request| match &token {
        Some(token) => carrier.put(token, request),
        None => request,
    });
    let question = match (&request, &token) {
        (Some(request), _) => Question::Request(request),
        (None, token) => Question::Token(token.as_deref().unwrap_or_default()),
    };
    let verdict = match keys {
        Keys::OfPolicy => judge::decide(&mut *judge, question, now, |_| None),
        Keys::File(file) => {
            let set = read_key_set(&file)?;
            let of_issuer = |issuer: &str| (writing.issuer() == Some(issuer)).then(|| set.clone());
            let documents = Documents::new(policy.json(), of_issuer);
            judge::decide(&mut *judge, question, now, |want| documents.get(want))
        }
        Keys::Fetched => fetching(&mut *judge, question, now)?,
    };
    let scene = Scene {
        writing: &writing,
        request: request.as_ref(),
        place: place.as_deref().unwrap_or_default(),
        policy: document,
        has_keys,
        fetches,
        now,
    };
    let explanation = Explanation::new(verdict, &scene);
    output::answer(&Answer { text: explanation.text(), json: explanation.json() }, json)?;
    Ok(match explanation.verdict {
        Verdict::Deny(_) => ExitCode::from(DENIED),
        Verdict::Allow(_) | Verdict::Answer { .. } => ExitCode::SUCCESS,
    })
}

/// A key set file, of at most one byte more than is taken.
pub(super) fn read_key_set(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let limit = u64::try_from(limits::KEY_SET_BYTES).map_or(u64::MAX, |limit| limit.saturating_add(1));
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|source| Failure::File { verb: "read", path: path.to_owned(), source })?;
    Ok(text)
}

fn fetching(judge: &mut dyn Judge, question: Question<'_>, now: u64) -> Result<Verdict, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    // Whether http to a loopback address will do is the policy's to say: the verifier wants no such document otherwise.
    let fetcher = Fetcher::new(FetchOptions { allow_http_loopback: true, ..FetchOptions::default() })?;
    let fetch = |want: &Want| {
        let got = runtime.block_on(fetcher.get(&want.url, FETCH_TIMEOUT, limits::KEY_SET_BYTES));
        match got {
            Ok(document) => Some(Document { text: document.text, cache_control: document.cache_control }),
            Err(error) => {
                output::warn(&tessera_fetch::chain(&error));
                None
            }
        }
    };
    Ok(judge::decide(judge, question, now, fetch))
}

/// How long a fetch may take.
const FETCH_TIMEOUT: Duration = limits::FETCH_TIMEOUT;

impl Scene<'_> {
    /// Whether a step is one of this decision.
    fn has(&self, step: Step, token_was_read: bool) -> bool {
        match step {
            Step::Target | Step::Credentials | Step::Route => self.request.is_some(),
            Step::Requirement => self.request.is_some() && token_was_read,
            Step::Conditions => token_was_read && self.issuer_has("claims"),
            Step::Status => token_was_read && self.issuer_has("status"),
            _ => token_was_read,
        }
    }

    /// What there is to say about a step that was passed.
    fn detail(&self, step: Step, token_was_read: bool) -> String {
        match (step, self.request) {
            (Step::Target, Some(request)) => format!("{} {}", request.method, without_query(&request.target)),
            (Step::Credentials, _) if !token_was_read => "no token is asked for".to_owned(),
            (Step::Credentials, _) => self.place.to_owned(),
            (Step::Route, _) => "the policy lets such requests pass".to_owned(),
            _ => self.writing.at(step, self.now),
        }
    }

    /// Whether the policy says something of this kind about the token's issuer.
    fn issuer_has(&self, member: &str) -> bool {
        let issuers = self.policy.get("issuers").and_then(Value::as_array).into_iter().flatten();
        let own = |issuer: &&Value| issuer.get("issuer").and_then(Value::as_str) == self.writing.issuer();
        issuers.filter(own).any(|issuer| issuer.get(member).is_some())
    }

    fn has_alternatives(&self) -> bool {
        let routes = self.policy.get("routes").and_then(Value::as_array).into_iter().flatten();
        routes.into_iter().any(|route| route.get("any_of").or(route.get("all_of")).is_some())
    }
}

impl Explanation {
    fn new(verdict: Verdict, scene: &Scene<'_>) -> Self {
        let evidence = verdict.refusal().and_then(|rejection| rejection.evidence.clone());
        let refused = evidence.as_ref().map(Step::of);
        let token_was_read = match &verdict {
            Verdict::Allow(grant) => grant.identity.is_some() || grant.refusal.is_some(),
            Verdict::Deny(_) => true,
            Verdict::Answer { .. } => false,
        };
        let steps = Step::ALL.into_iter().filter(|step| scene.has(*step, token_was_read)).map(|step| {
            let outcome = match refused {
                Some(refused) if step == refused => Outcome::Refused,
                Some(refused) if step > refused => Outcome::NotReached,
                // Alternatives ask for the audience each by itself.
                Some(Step::Requirement) if step == Step::Audience && scene.has_alternatives() => {
                    Outcome::NotReached
                }
                _ => Outcome::Passed,
            };
            let detail = match outcome {
                Outcome::Passed => scene.detail(step, token_was_read),
                Outcome::Refused => evidence.as_ref().map(|error| said(error, scene.now)).unwrap_or_default(),
                Outcome::NotReached => String::new(),
            };
            (step, outcome, detail)
        });
        let steps = steps.collect();
        let hint = match evidence {
            Some(Error::KeysUnavailable { .. }) if !scene.has_keys => Some(
                "the policy does not have the keys itself: give the issuer's key set with `--jwks FILE`, or let it \
                 be fetched with `--fetch`",
            ),
            Some(Error::StatusUnavailable { .. }) if !scene.fetches => {
                Some("whether the token was revoked says its issuer's list: let it be fetched with `--fetch`")
            }
            _ => None,
        };
        Self { steps, verdict, hint }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let mut not_reached = Vec::new();
        for (step, outcome, detail) in &self.steps {
            let (style, mark) = match outcome {
                Outcome::Passed => (PASSED, "✓"),
                Outcome::Refused => (REFUSED, "✗"),
                Outcome::NotReached => {
                    not_reached.push(step.name());
                    continue;
                }
            };
            let line = format!("{style}{mark}{style:#} {:<12} {detail}", step.name());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if !not_reached.is_empty() {
            let _ = writeln!(text, "{QUIET}· not looked at: {}{QUIET:#}", not_reached.join(", "));
        }
        text.push('\n');
        match &self.verdict {
            Verdict::Allow(grant) => allowed(&mut text, grant),
            Verdict::Answer { status } => {
                let _ =
                    writeln!(text, "{PASSED}answered{PASSED:#}: {status}, a document of the verifier's own");
            }
            Verdict::Deny(rejection) => denied(&mut text, rejection),
        }
        if let Some(hint) = self.hint {
            let _ = writeln!(text, "  {hint}");
        }
        text
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|(step, outcome, detail)| {
                let outcome = match outcome {
                    Outcome::Passed => "passed",
                    Outcome::Refused => "refused",
                    Outcome::NotReached => "not-reached",
                };
                json!({ "step": step.name(), "outcome": outcome, "detail": detail })
            })
            .collect();
        let mut json = report::verdict(&self.verdict);
        if let Some(members) = json.as_object_mut() {
            let reason = self.verdict.refusal().map(|rejection| &*rejection.reason);
            members.insert("reason".to_owned(), json!(reason));
            members.insert("steps".to_owned(), steps.into());
            members.insert("hint".to_owned(), json!(self.hint));
        }
        json
    }
}

fn allowed(text: &mut String, grant: &Grant) {
    let Grant { identity, remove, set, target, refusal } = grant;
    let _ = match refusal {
        Some(refusal) => {
            writeln!(text, "{REPORTED}allowed, in a dry run{REPORTED:#}: it would be {}", refusal.error)
        }
        None => writeln!(text, "{PASSED}allowed{PASSED:#}"),
    };
    if identity.is_none() {
        let _ = writeln!(text, "  without anybody's identity");
    }
    if !remove.is_empty() {
        let _ = writeln!(text, "  upstream: without the fields {}", remove.join(", "));
    }
    for (name, value) in set {
        let _ = writeln!(text, "  upstream: {name}: {value}");
    }
    if let Some(target) = target {
        let _ = writeln!(text, "  upstream: {target}");
    }
}

fn denied(text: &mut String, rejection: &Rejection) {
    let Rejection { error, status, challenge, .. } = rejection;
    let _ = writeln!(text, "{REFUSED}denied{REFUSED:#}: {error}");
    if let Some(status) = status {
        let _ = match challenge {
            Some(challenge) => writeln!(text, "  the caller hears: {status}, WWW-Authenticate: {challenge}"),
            None => writeln!(text, "  the caller hears: {status}, and no challenge"),
        };
    }
}

/// What an error says to a person, for whom times count from now.
fn said(error: &Error, now: u64) -> String {
    match error {
        Error::Expired { expiry, .. } => relative(expiry.as_seconds(), now, "expired", "expires"),
        Error::NotYetValid { not_before, .. } => {
            relative(not_before.as_seconds(), now, "valid since", "valid")
        }
        Error::IssuedInFuture { issued, .. } => relative(issued.as_seconds(), now, "issued", "issued"),
        Error::LifetimeTooLong { seconds, limit } => {
            format!("it lives {}; the policy allows {}", duration(*seconds), duration(*limit))
        }
        other => other.to_string(),
    }
}

/// A target without its query, which may hold a token.
fn without_query(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    path.chars().flat_map(char::escape_default).collect()
}
