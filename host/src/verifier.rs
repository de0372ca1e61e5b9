//! The verifier as an async Rust value.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use tessera_fetch::{FetchError, FetchOptions, Fetcher, chain};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tracing::{error, info, warn};

use crate::{
    clock,
    documents::{Documents, Event, Outcome, Want},
    instance::{Answer, Document, Grant, InstanceError, PolicyProblem, Rejection},
    pool::{NewInstanceError, Pool},
    runtime::{Limits, Runtime, RuntimeError},
};

/// Decides who may pass, by one policy document, in instances of the component. Clones share everything.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    documents: Arc<Documents>,
    reads: Vec<String>,
}

/// How a verifier is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The bounds of each instance.
    pub limits: Limits,
    /// How many instances there may be, one at least. A decision is pure computation, so more than there
    /// are processors gain nothing.
    pub instances: usize,
}

/// A request as it arrived. Its fields hold tokens, so it does not show in logs.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The method.
    pub method: &'r str,
    /// The Host field or the authority.
    pub host: &'r str,
    /// Path and query, undecoded.
    pub target: &'r str,
    /// All header fields; the instance is given those that its policy reads.
    pub headers: &'r HeaderMap,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Pass it on.
    Allow(Grant),
    /// Refuse it.
    Deny(Rejection),
    /// Answer it with this document.
    Answer(Document),
}

/// Why a verifier cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component cannot be run.
    #[error("the verifier component cannot be run")]
    Runtime(#[from] RuntimeError),
    /// The policy has problems: all of them.
    #[error("the policy has problems:\n{}", lines(.0))]
    Policy(Vec<PolicyProblem>),
    /// The component failed while it read the policy.
    #[error("the verifier failed on the policy")]
    Instance(#[from] InstanceError),
    /// There is no HTTP client to fetch key sets with.
    #[error("nothing can be fetched on this machine")]
    Fetcher(#[from] FetchError),
}

/// How often key sets are looked at to see whether one is due.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a request waits for key sets at most: what the verifier allows a fetch, and a second.
const FETCH_WAIT: Duration = Duration::from_secs(6);

/// How often instances are asked about one request before the last time, at which they have to decide by what there is.
const STEPS: u32 = 64;

impl Default for Options {
    fn default() -> Self {
        let instances = std::thread::available_parallelism().map_or(1, usize::from);
        Self { limits: Limits::default(), instances }
    }
}

impl Verifier {
    /// Compiles the component, and loads the policy (JSON) into a first instance.
    ///
    /// Compiling takes some tenths of a second. No key set is fetched yet: see
    /// [`keep_fresh`](Self::keep_fresh).
    pub fn load(component: &[u8], policy: &str, options: Options) -> Result<Self, LoadError> {
        let runtime = Runtime::new(component, options.limits)?;
        // Whether http to a loopback address will do is the policy's to say: the verifier wants no such
        // document otherwise.
        let fetcher = Fetcher::new(FetchOptions { allow_http_loopback: true, ..FetchOptions::default() })?;
        let documents = Arc::new(Documents::new(fetcher));
        let pool = Pool::new(runtime, policy, Arc::clone(&documents), options.instances);
        let first = match pool.new_instance() {
            Ok(instance) => instance,
            Err(NewInstanceError::Policy(problems)) => return Err(LoadError::Policy(problems)),
            Err(NewInstanceError::Failed(error)) => return Err(error.into()),
            Err(NewInstanceError::Closed) => return Err(LoadError::Policy(Vec::new())),
        };
        let reads = first.reads();
        pool.admit(first);
        Ok(Self { shared: Arc::new(Shared { pool, documents, reads }) })
    }

    /// Fetches key sets when they are due, for ever: the first time at once. To be run as a task of its
    /// own. Without it key sets are fetched by the requests that miss them.
    pub async fn keep_fresh(&self) {
        let mut interval = tokio::time::interval(REFRESH_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match self.shared.due().await {
                // Not waited for: a source that does not answer holds up no other.
                Ok((wants, seen)) => drop(self.fetch(wants, seen)),
                Err(error) => warn!(error = chain(&error), "cannot look for documents that are due"),
            }
        }
    }

    /// Decides about a request. Takes some microseconds, or as long as a fetch where one is needed.
    pub async fn authorize(&self, request: &Request<'_>) -> Decision {
        let mut attempt = 0;
        for step in 0..=STEPS {
            let attempt_now = if step == STEPS { u64::MAX } else { attempt };
            let (answer, seen) = self.shared.ask(request, attempt_now).await;
            match answer {
                Answer::Allow(grant) => return Decision::Allow(grant),
                Answer::Deny(rejection) => return Decision::Deny(rejection),
                Answer::Document(document) => return Decision::Answer(document),
                Answer::Fetch(want, next) => {
                    attempt = next;
                    self.fetch(vec![want], seen).join_all().await;
                }
                Answer::Wait(until, next) => {
                    attempt = next;
                    // Any event may be the one, or about another document.
                    let seconds = until.saturating_sub(clock::now());
                    let until = Instant::now() + Duration::from_secs(seconds).min(FETCH_WAIT);
                    self.shared.documents.wait(seen, until).await;
                }
            }
        }
        let reason = format!("the verifier does not decide within {STEPS} steps");
        Decision::Deny(Rejection::undecided("verifier-failed", reason))
    }

    /// Fetches documents, each in a task of its own, so that a caller who goes away ends none of them.
    fn fetch(&self, wants: Vec<Want>, seen: u64) -> Fetches {
        let spawn = |want| tokio::spawn(Arc::clone(&self.shared).fetch(want, seen));
        Fetches(wants.into_iter().map(spawn).collect())
    }
}

/// Fetches under way. Dropping this leaves them alone.
struct Fetches(Vec<JoinHandle<()>>);

impl Fetches {
    async fn join_all(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                error!(error = chain(&error), "a fetch ended early");
            }
        }
    }
}

impl Shared {
    /// The documents that are due, and the number of the newest event when that was said.
    async fn due(&self) -> Result<(Vec<Want>, u64), NewInstanceError> {
        let lease = self.pool.lease().await?;
        Ok(lease.call(|instance| Ok((instance.wants(clock::now())?, instance.seen)))?)
    }

    async fn ask(&self, request: &Request<'_>, attempt: u64) -> (Answer, u64) {
        let undecided = |error: &dyn std::error::Error| {
            (Answer::Deny(Rejection::undecided("verifier-failed", chain(error))), 0)
        };
        let lease = match self.pool.lease().await {
            Ok(lease) => lease,
            Err(error) => return undecided(&error),
        };
        let answer = lease.call(|instance| {
            Ok((instance.authorize(request, &self.reads, attempt, clock::now())?, instance.seen))
        });
        answer.unwrap_or_else(|error| undecided(&error))
    }

    /// Fetches a document, unless that was done since the event numbered `seen`.
    async fn fetch(self: Arc<Self>, want: Want, seen: u64) {
        let _turn = self.documents.turn(&want.id).await;
        if self.documents.since(seen).iter().any(|event| event.url == want.url) {
            return;
        }
        let mut event = self.documents.get(&want).await;
        if matches!(event.outcome, Outcome::Fetched(_)) {
            // Reading what somebody else wrote may take as long as the bounds allow: on a thread for that.
            let (judge, read) = (Arc::clone(&self), event.clone());
            let good = tokio::task::spawn_blocking(move || judge.is_good(&read)).await;
            // What is not good counts as a failure: the copy before it stays.
            if !matches!(good, Ok(true)) {
                event.outcome = Outcome::Failed;
            }
        }
        self.documents.record(event);
    }

    /// Whether a document that came is one to use. A new instance is asked, and thrown away: what comes
    /// over the network meets no instance that requests use before it was seen to do no harm.
    fn is_good(&self, event: &Event) -> bool {
        let said = self.pool.new_instance().and_then(|mut instance| {
            // What came before may say where this one is.
            instance.learn_all(self.documents.lasting())?;
            Ok(instance.learn(event)?)
        });
        match said {
            Ok(Ok(notes)) => {
                for note in notes {
                    info!(note, "about a document");
                }
                true
            }
            Ok(Err(reason)) => {
                warn!(reason, "a document is refused; the last good one stays in use");
                false
            }
            Err(error) => {
                error!(error = chain(&error), "an instance failed on a document, which is refused");
                false
            }
        }
    }
}

fn lines(problems: &[PolicyProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
