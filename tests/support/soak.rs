//! The long run: a real Envoy with the filter, many requests, and everything around them that may go wrong.
//!
//! - The issuer rotates its keys, and publishes each before it signs with it. Each fetch of the key set meets another
//!   fate: it is answered, or refused, broken off, answered with rubbish, late, or never.
//! - Envoy's listener is exchanged over and over, with new virtual machines or in the old ones.
//! - Callers have good tokens of some age, and every kind of bad one; some go away without waiting.
//!
//! Every answer is held against what is known to be right. For a token whose key was just published or withdrawn two
//! answers are right from when the source gives a set out until [`SETTLED_AFTER`] later: by then every worker has it.

mod caller;
mod connection;
mod issuer;
mod source;
mod summary;

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, interval, sleep, timeout},
};

pub use self::summary::{Kind, Summary, Tally};
use self::{caller::Caller, issuer::Issuer, source::Source};
use crate::{
    envoy::{Envoy, EnvoyError, Options, bootstrap, listeners::ListenerFile},
    key_server::KeyServer,
    signing::SigningError,
};

/// How many workers Envoy has: they have to agree on what they know.
const WORKERS: u32 = 2;

/// How many connections callers hold.
const CALLERS: u64 = 16;

/// What the run takes at least: enough for a rotation, since there are 30 s between two fetches of a key set.
const AT_LEAST: Duration = Duration::from_secs(45);

/// From when the source gives a key set out until all workers have it. They look once a second.
pub const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// How often the listener is exchanged.
const RELOAD_EVERY: Duration = Duration::from_secs(15);

/// How long a replaced listener goes on with the requests that it has, in seconds: longer than one may pause.
const DRAIN_SECONDS: &str = "10";

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Within what the filter has its keys after the start.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The binary of Envoy.
    pub envoy: PathBuf,
    /// The filter.
    pub filter: PathBuf,
    /// How many requests to make.
    pub requests: u64,
}

/// How far the run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// How many requests were answered.
    pub answered: u64,
    /// How many of the answers were wrong.
    pub wrong: u64,
    /// What Envoy's process holds in memory, in bytes.
    pub memory: u64,
}

/// Why a run broke off.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// Envoy did not run.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// A file, a port or a connection could not be used.
    #[error("the machine refused")]
    Machine(#[from] io::Error),
    /// No key or token could be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A part of the run panicked.
    #[error("a part of the run ended before its time")]
    Part(#[from] JoinError),
    /// Envoy has no such listener, or no keys.
    #[error("Envoy does not serve:\n{log}")]
    Unready {
        /// What it said.
        log: String,
    },
}

/// What all parts of a run share.
#[derive(Debug, Default)]
struct Meter {
    /// How many requests were begun.
    begun: AtomicU64,
    answered: AtomicU64,
    wrong: AtomicU64,
    /// Time by which this process could do something, in [`BEAT`]s: requests are given up by that. Machines that are
    /// shared are stopped now and then, all processes on them; then nobody is late.
    beats: AtomicU64,
    /// How long it could not, in milliseconds.
    stopped: AtomicU64,
}

/// How often the process looks whether it is alive.
const BEAT: Duration = Duration::from_millis(100);

/// Makes the run, and tells of its progress.
pub async fn run(plan: &Plan, tell: impl Fn(Progress)) -> Result<Summary, SoakError> {
    let started = Instant::now();
    let server = KeyServer::start().await?;
    let issuer = Arc::new(Issuer::new().await?);
    let mut listeners = Listeners::of(plan)?;
    let clusters = [bootstrap::cluster("issuer", server.url())];
    let arguments = ["--drain-time-s", DRAIN_SECONDS, "--drain-strategy", "immediate"];
    let options =
        Options { workers: WORKERS, arguments: arguments.map(Into::into).into(), ..Options::default() };
    let mut source = tokio::spawn(Source::new(server, Arc::clone(&issuer)).run());
    let envoy = Envoy::start(&plan.envoy, &listeners.file.bootstrap(&clusters), &options).await?;
    let unready = || SoakError::Unready { log: envoy.log() };
    let address = envoy.listener("main").await.ok_or_else(unready)?;
    let address = address.socket_addrs(|| None)?.first().copied().ok_or_else(unready)?;
    timeout(READY_WITHIN, issuer.settled(0)).await.map_err(|_| unready())?;

    let meter = Arc::<Meter>::default();
    let heart = tokio::spawn(beat(Arc::clone(&meter)));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let caller = Caller::new(number, address, Arc::clone(&issuer), Arc::clone(&meter));
        callers.spawn(caller.run(plan.requests, AT_LEAST));
    }
    let mut summary = Summary::default();
    let mut telling = interval(TELL_EVERY);
    let mut reload_at = started + RELOAD_EVERY;
    loop {
        tokio::select! {
            caller = callers.join_next() => match caller {
                Some(tally) => summary.add(tally?),
                None => break,
            },
            ended = &mut source => ended??,
            () = tokio::time::sleep_until(reload_at) => {
                listeners.exchange()?;
                reload_at += RELOAD_EVERY;
            }
            _ = telling.tick() => {
                let progress = meter.progress(started, &envoy);
                if progress.answered >= plan.requests / 10 {
                    summary.memory_early.get_or_insert(progress.memory);
                }
                tell(progress);
            }
        }
    }
    source.abort();
    heart.abort();
    summary.stopped = Duration::from_millis(meter.stopped.load(Ordering::Relaxed));
    // Counters lag by up to a second, and the last old listener by its drain.
    sleep(SETTLED_AFTER).await;
    summary.elapsed = started.elapsed();
    summary.memory_late = memory(&envoy);
    summary.reloads = listeners.exchanged;
    summary.fates = issuer.fates();
    summary.rotations = issuer.versions().latest;
    summary.look_at(&envoy).await;
    Ok(summary)
}

/// Beats for good.
async fn beat(meter: Arc<Meter>) {
    loop {
        let before = Instant::now();
        sleep(BEAT).await;
        meter.beats.fetch_add(1, Ordering::Relaxed);
        let late = before.elapsed().saturating_sub(BEAT);
        // Below that it is the ordinary delay of a busy machine.
        if late > 10 * BEAT {
            let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            meter.stopped.fetch_add(late, Ordering::Relaxed);
        }
    }
}

impl Meter {
    /// Waits for a time that this process is alive for.
    async fn patience(&self, time: Duration) {
        let beats = u64::try_from(time.as_millis() / BEAT.as_millis()).unwrap_or(u64::MAX);
        let end = self.beats.load(Ordering::Relaxed) + beats;
        while self.beats.load(Ordering::Relaxed) < end {
            sleep(BEAT).await;
        }
    }

    fn progress(&self, started: Instant, envoy: &Envoy) -> Progress {
        Progress {
            elapsed: started.elapsed(),
            answered: self.answered.load(Ordering::Relaxed),
            wrong: self.wrong.load(Ordering::Relaxed),
            memory: memory(envoy),
        }
    }
}

/// What Envoy's process holds in memory, in bytes; 0 where the system does not say.
fn memory(envoy: &Envoy) -> u64 {
    let status = envoy.id().and_then(|id| fs::read_to_string(format!("/proc/{id}/status")).ok());
    let status = status.unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    kilobytes.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The one listener, in its versions.
struct Listeners {
    file: ListenerFile,
    filter: PathBuf,
    exchanged: u64,
}

impl Listeners {
    fn of(plan: &Plan) -> Result<Self, SoakError> {
        let filter = plan.filter.clone();
        let file = ListenerFile::with(&[listener(&filter, 0)])?;
        Ok(Self { file, filter, exchanged: 0 })
    }

    fn exchange(&mut self) -> Result<(), SoakError> {
        self.exchanged += 1;
        Ok(self.file.replace(&[listener(&self.filter, self.exchanged)])?)
    }
}

/// The listener in a version. Each second one has virtual machines of its own; the others are new filters in the
/// machines that there are.
fn listener(filter: &std::path::Path, version: u64) -> Value {
    let plugin = json!({
        "policy": {
            "issuers": [{
                "issuer": issuer::NAME,
                "jwks_uri": format!("{}{}", issuer::NAME, source::KEYS),
                "clock_skew": issuer::CLOCK_SKEW,
            }],
            "audiences": [issuer::AUDIENCE],
            "routes": [{ "path": { "prefix": "/orders" }, "scopes": [issuer::SCOPE] }],
            "challenge": { "realm": format!("orders, version {version}") },
        },
        "clusters": { issuer::NAME: "issuer" },
    });
    let mut filter = bootstrap::filter(filter, &plugin);
    if let Some(machine) = filter.pointer_mut("/typed_config/config/vm_config").and_then(Value::as_object_mut)
    {
        let configuration = json!({ "value": format!("machines {}", version / 2) });
        machine.insert(
            "configuration".to_owned(),
            bootstrap::typed("google.protobuf.StringValue", configuration),
        );
    }
    bootstrap::listener("main", &[filter], &[bootstrap::route_answered()])
}
