//! The conformance corpus through a real Envoy: a host of the verifier (tests/vectors/README.md).
//!
//! One Envoy judges all cases of a file. Each case has a filter chain of its own, with a filter of its own in it, and
//! the address that its client connects from chooses it; so the requests go out as the cases have them. Its issuers
//! are at an address of its own, too. The service behind tells what has arrived, and the filter's attributes who it was
//! taken for. Envoy's clock is set to the time of the cases, which are asked in its order.

mod ask;
mod case;
mod config;
mod exceptions;
mod guard;
mod servers;
mod side_by_side;
mod verdict;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use self::{
    ask::Answer,
    case::{Case, Step},
    config::{CLIENTS, Config, ISSUERS, LISTENER, Listeners},
    exceptions::{Exceptions, Finding},
    guard::Guard,
    servers::{Server, loopback},
};
pub use self::{
    ask::Protocol,
    side_by_side::{SideBySide, side_by_side},
};
use super::{Envoy, EnvoyError, Options, clock::Clock};
use crate::conformance::Outcome;

/// How many requests are under way at once.
const AT_ONCE: usize = 32;

/// Some thousand filters take Envoy a dozen seconds on a quiet machine.
const CONFIGURED_WITHIN: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What came of a file of cases.
#[derive(Debug)]
pub struct Judged {
    /// The verdicts as a host prints them, in the order of the file.
    pub verdicts: Vec<Value>,
    /// How many cases came out as they expect, and how many in another way for which reason.
    pub summary: String,
}

/// Why there are no verdicts.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system refused.
    #[error("the cases could not be put to Envoy")]
    System(#[from] io::Error),
    /// A line of the file is no case.
    #[error("{}:{line} is no case", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The list of exceptions is no such list.
    #[error("tests/vectors/envoy.json is no list of exceptions")]
    Exceptions(#[source] serde_json::Error),
    /// Envoy did not run.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// Envoy did not take the listeners in.
    #[error("Envoy has no listener for the cases:\n{log}")]
    NoListener {
        /// What it said.
        log: String,
    },
}

/// Puts the cases of a file to an Envoy with our filter.
pub async fn judge(
    file: &Path,
    protocol: Protocol,
    program: &Path,
    artefact: &Path,
) -> Result<Judged, RunError> {
    let exceptions = Exceptions::read(protocol)?;
    let cases = Arc::new(Case::read_all(file)?);
    let seen = see(&cases, protocol, program, Guard::Tessera(artefact)).await?;
    let findings = || cases.iter().zip(&seen).map(|(case, seen)| exceptions.find(case, seen));
    let verdicts = cases.iter().zip(&seen).zip(findings()).map(|((case, seen), finding)| {
        let verdict = match finding {
            Finding::Excepted(_) | Finding::AsExpected => &case.expected,
            Finding::Wrong => seen,
        };
        let mut verdict = verdict.to_json();
        if let Value::Object(members) = &mut verdict {
            members.insert("id".to_owned(), json!(case.id));
        }
        verdict
    });
    let verdicts = verdicts.collect();
    let counts = exceptions::count(findings());
    let counts = counts.into_iter().map(|(finding, count)| match finding {
        Finding::AsExpected => format!("{count:>6} as expected\n"),
        Finding::Excepted(reason) => format!("{count:>6} otherwise: {reason}\n"),
        Finding::Wrong => format!("{count:>6} wrong\n"),
    });
    Ok(Judged {
        verdicts,
        summary: format!("{} through Envoy\n{}", protocol.name(), counts.collect::<String>()),
    })
}

/// What comes of each case.
async fn see(
    cases: &Arc<Vec<Case>>,
    protocol: Protocol,
    program: &Path,
    guard: Guard<'_>,
) -> Result<Vec<Outcome>, RunError> {
    let (service, issuers) = (Server::service().await?, Server::issuers(ISSUERS, cases).await?);
    let config = Config { guard, service: service.port(), issuers: issuers.port() };
    let folder = tempfile::tempdir()?;
    let rounds = rounds(cases);
    let clock = Clock::new(folder.path(), rounds.first().map_or(0, |round| round.now)).await?;

    // Which policies are refused shows first, each in a listener of its own, since one that is refused takes all of
    // its listener with it.
    let mut policies = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        policies.entry(case.policy.as_str()).or_insert((index, case));
    }
    let trials = policies.values().map(|(index, case)| config.trial(*index, case));
    let mut listeners = Listeners::new(folder.path(), trials.collect())?;
    let options = Options { environment: clock.environment(), ..Options::default() };
    let envoy = Envoy::start(program, &config.bootstrap(cases, &listeners), &options).await?;
    let refused = refused(&envoy).await?;
    let refused: HashSet<&str> = policies
        .iter()
        .filter(|(_, (_, case))| refused.contains(&case.id))
        .map(|(policy, _)| *policy)
        .collect();

    let taken = || cases.iter().enumerate().filter(|(_, case)| !refused.contains(case.policy.as_str()));
    listeners.replace(vec![config.listener(taken())])?;
    let port = port(&envoy).await?;
    let taken: BTreeSet<usize> = taken().map(|(index, _)| index).collect();
    let mut answers = BTreeMap::new();
    for Round { now, steps } in rounds {
        clock.set(now)?;
        let steps = steps.into_iter().filter(|(case, _)| taken.contains(case));
        answers.extend(ask_all(cases, steps, protocol, port).await?);
    }
    let outcome =
        |(index, case)| answers.get(&index).map_or_else(verdict::invalid, |answer| verdict::of(case, answer));
    Ok(cases.iter().enumerate().map(outcome).collect())
}

/// The steps that are taken at one time: of each case those of its steps, in order.
struct Round {
    now: u64,
    steps: BTreeMap<usize, Vec<Step>>,
}

/// All steps, in an order in which time goes forward; but cases in which it goes back come first, one by one.
fn rounds(cases: &[Case]) -> Vec<Round> {
    let (forward, back): (Vec<_>, Vec<_>) =
        cases.iter().enumerate().partition(|(_, case)| case.steps.is_sorted_by_key(|step| step.now));
    let back = back.into_iter().flat_map(|(index, case)| {
        case.steps
            .iter()
            .map(move |step| Round { now: step.now, steps: [(index, vec![step.clone()])].into() })
    });
    let mut by_time: BTreeMap<u64, BTreeMap<usize, Vec<Step>>> = BTreeMap::new();
    for (index, case) in forward {
        for step in &case.steps {
            by_time.entry(step.now).or_default().entry(index).or_default().push(step.clone());
        }
    }
    back.chain(by_time.into_iter().map(|(now, steps)| Round { now, steps })).collect()
}

/// Asks what is asked at one time. Returns the last answer to each case.
async fn ask_all(
    cases: &Arc<Vec<Case>>,
    steps: impl Iterator<Item = (usize, Vec<Step>)>,
    protocol: Protocol,
    port: u16,
) -> Result<BTreeMap<usize, Answer>, RunError> {
    let free = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (case, steps) in steps {
        let (cases, free) = (Arc::clone(cases), Arc::clone(&free));
        tasks.spawn(async move {
            let _place = free.acquire().await.map_err(io::Error::other)?;
            let mut last = Answer::Closed;
            for step in &steps {
                last = protocol.ask(loopback(CLIENTS, case), port, &step.request).await.map_err(|error| {
                    let id = cases.get(case).map_or("", |case| &case.id);
                    io::Error::other(format!("{id}: {error}"))
                })?;
            }
            Ok::<_, io::Error>((case, last))
        });
    }
    tasks.join_all().await.into_iter().collect::<Result<_, _>>().map_err(RunError::System)
}

/// The names of the listeners whose filter has refused its configuration.
async fn refused(envoy: &Envoy) -> Result<HashSet<String>, RunError> {
    let dump = envoy.ask("/config_dump?resource=dynamic_listeners").await;
    let dump: Value = dump.and_then(|dump| serde_json::from_str(&dump).ok()).unwrap_or_default();
    let Some(listeners) = dump.get("configs").and_then(Value::as_array) else {
        return Err(RunError::NoListener { log: envoy.log() });
    };
    let by_its_filter = |listener: &&Value| {
        let details = listener.pointer("/error_state/details").and_then(Value::as_str);
        details.is_some_and(|details| details.contains("Unable to create Wasm"))
    };
    let refused = listeners.iter().filter(by_its_filter);
    Ok(refused.filter_map(|listener| Some(listener.get("name")?.as_str()?.to_owned())).collect())
}

/// The port of the listener for the cases, once it is there.
async fn port(envoy: &Envoy) -> Result<u16, RunError> {
    let deadline = Instant::now() + CONFIGURED_WITHIN;
    while Instant::now() < deadline {
        // Envoy's main thread has better to do than to answer this, as long as it sets up filters.
        if let Some(port) = envoy.listener(LISTENER).await.and_then(|url| url.port()) {
            return Ok(port);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(RunError::NoListener { log: envoy.log() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(times: &[u64]) -> Case {
        let request = serde_json::json!({ "method": "GET", "url": "https://a/", "headers": [] });
        let step = |now: &u64| serde_json::from_value(json!({ "request": request, "now": now })).unwrap();
        Case {
            id: String::new(),
            policy: String::new(),
            jwks: [].into(),
            documents: [].into(),
            steps: times.iter().map(step).collect(),
            expected: verdict::invalid(),
        }
    }

    #[test]
    fn time_goes_forward_after_the_cases_in_which_it_goes_back() {
        let rounds = rounds(&[case(&[20]), case(&[10, 10, 30]), case(&[40, 15]), case(&[10])]);
        let shown: Vec<(u64, Vec<(usize, usize)>)> = rounds
            .iter()
            .map(|round| (round.now, round.steps.iter().map(|(case, steps)| (*case, steps.len())).collect()))
            .collect();
        let expected = vec![
            (40, vec![(2, 1)]),
            (15, vec![(2, 1)]),
            (10, vec![(1, 2), (3, 1)]),
            (20, vec![(0, 1)]),
            (30, vec![(1, 1)]),
        ];
        assert_eq!(shown, expected);
    }
}
