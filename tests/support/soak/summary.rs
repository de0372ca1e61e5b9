//! What came of a long run.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::envoy::Envoy;

/// Of how many findings the words are kept.
const FINDINGS: usize = 10;

/// The kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A good token that was sent before.
    Repeated,
    /// A good token that nobody has seen.
    Fresh,
    /// A token that is good until it expires, in the middle of the run.
    ShortLived,
    /// A token of a key that is about to be withdrawn, or was.
    EarlierKey,
    /// A token that expired before the run.
    Expired,
    /// A token whose claims were changed after it was signed.
    Tampered,
    /// A token by another key under a known name.
    Imposter,
    /// A token of a key that was never published, each of another.
    UnknownKey,
    /// No token.
    NoToken,
    /// A good token without the scope that is needed.
    OtherScope,
    /// A token for somebody else.
    OtherAudience,
}

/// What a caller was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// 200.
    Allowed,
    /// 401, without an error in the challenge.
    NoToken,
    /// 401, `invalid_token`.
    BadToken,
    /// 403.
    Forbidden,
    /// Anything else; never right.
    Other,
}

/// What one caller, or all of them, saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By kind and verdict.
    pub verdicts: BTreeMap<(Kind, Verdict), u64>,
    /// Answers that were wrong.
    pub wrong: u64,
    /// Requests that were not answered in time.
    pub hung: u64,
    /// Requests that were broken off.
    pub broken: u64,
    /// Requests for which two verdicts were right.
    pub either: u64,
    /// Requests that were sent again, since Envoy had closed the connection between two.
    pub sent_again: u64,
    /// Requests whose callers went away.
    pub given_up: u64,
    /// Requests of kinds that there were not yet.
    pub skipped: u64,
    /// The first things that were wrong, in words.
    pub findings: Vec<String>,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// What all callers saw.
    pub tally: Tally,
    /// How long it took.
    pub elapsed: Duration,
    /// How long of that the machine was stopped.
    pub stopped: Duration,
    /// How often the keys were rotated.
    pub rotations: u64,
    /// What became of the fetches, by name.
    pub fates: BTreeMap<&'static str, u64>,
    /// How often the listener was exchanged.
    pub reloads: u64,
    /// How many exchanges Envoy took, and refused.
    pub reloads_taken: Option<u64>,
    /// What Envoy's process held after a tenth of the requests, in bytes.
    pub memory_early: Option<u64>,
    /// What it held in the end.
    pub memory_late: u64,
    /// Virtual machines at the end.
    pub machines: Option<u64>,
    /// Whether Envoy's log holds a token.
    pub token_in_log: bool,
    /// What Envoy's log has of errors, the first ones.
    pub errors_in_log: Vec<String>,
}

impl Verdict {
    pub(super) fn of(status: u16, invalid_token: bool) -> Self {
        match status {
            200 => Self::Allowed,
            401 if invalid_token => Self::BadToken,
            401 => Self::NoToken,
            403 => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

impl Tally {
    pub(super) fn count(&mut self, kind: Kind, verdict: Verdict) {
        *self.verdicts.entry((kind, verdict)).or_default() += 1;
    }

    pub(super) fn wrong(&mut self, words: String) {
        self.wrong += 1;
        self.find(words);
    }

    pub(super) fn hung(&mut self, words: String) {
        self.hung += 1;
        self.find(words);
    }

    pub(super) fn broken(&mut self, words: String) {
        self.broken += 1;
        self.find(words);
    }

    fn find(&mut self, words: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(words);
        }
    }

    /// How many requests were answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.verdicts.values().sum()
    }
}

impl Summary {
    pub(super) fn add(&mut self, other: Tally) {
        let tally = &mut self.tally;
        for (key, count) in other.verdicts {
            *tally.verdicts.entry(key).or_default() += count;
        }
        tally.wrong += other.wrong;
        tally.hung += other.hung;
        tally.broken += other.broken;
        tally.either += other.either;
        tally.sent_again += other.sent_again;
        tally.given_up += other.given_up;
        tally.skipped += other.skipped;
        other.findings.into_iter().for_each(|words| tally.find(words));
    }

    /// Takes down what Envoy says of the run.
    pub(super) async fn look_at(&mut self, envoy: &Envoy) {
        self.machines = envoy.stat("wasm.envoy.wasm.runtime.v8.active").await;
        // The first version counts as an update, too.
        let taken = envoy.stat("listener_manager.lds.update_success").await;
        self.reloads_taken = taken.map(|taken| taken.saturating_sub(1));
        let log = envoy.log();
        self.token_in_log = log.contains("eyJ");
        let errors = log.lines().filter(|line| line.contains("[error]") || line.contains("[critical]"));
        self.errors_in_log = errors.take(FINDINGS).map(str::to_owned).collect();
    }

    /// What is not as it has to be, in words; nothing for a good run.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let tally = &self.tally;
        let counted = [
            (tally.wrong, "wrong verdicts"),
            (tally.hung, "requests hung"),
            (tally.broken, "requests were broken off"),
        ];
        faults.extend(
            counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
        );
        if self.reloads_taken != Some(self.reloads) {
            faults.push(format!("{} reloads, of which Envoy took {:?}", self.reloads, self.reloads_taken));
        }
        if self.token_in_log {
            faults.push("the log holds a token".to_owned());
        }
        let early = self.memory_early.unwrap_or(0);
        if self.memory_late > early + GROWTH_BYTES {
            faults.push(format!("memory grew from {early} to {} bytes", self.memory_late));
        }
        faults.extend(self.errors_in_log.iter().map(|line| format!("Envoy's log says: {line}")));
        faults.extend(tally.findings.iter().cloned());
        faults
    }
}

/// What memory may differ by between two moments of a run, in bytes: the machines of a listener that drains, each
/// with a token cache, are there at one and not at the other.
const GROWTH_BYTES: u64 = 48 * 1024 * 1024;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MB: u64 = 1024 * 1024;
        let tally = &self.tally;
        let (answered, seconds) = (tally.answered(), self.elapsed.as_secs());
        writeln!(f, "{answered} requests answered in {seconds} s, {} given up by callers", tally.given_up)?;
        writeln!(f, "{:>9}  s of that the machine was stopped", self.stopped.as_secs())?;
        writeln!(f, "{:>9}  wrong verdicts", tally.wrong)?;
        writeln!(f, "{:>9}  requests without an answer", tally.hung + tally.broken)?;
        for ((kind, verdict), count) in &tally.verdicts {
            writeln!(f, "{count:>9}  {kind:?}: {verdict:?}")?;
        }
        writeln!(f, "{:>9}  of these while two verdicts were right", tally.either)?;
        writeln!(f, "{:>9}  sent again after Envoy closed the connection", tally.sent_again)?;
        writeln!(f, "{:>9}  rotations of the keys", self.rotations)?;
        for (fate, count) in &self.fates {
            writeln!(f, "{count:>9}  fetches: {fate}")?;
        }
        writeln!(f, "{:>9}  exchanges of the listener", self.reloads)?;
        writeln!(f, "{:>9}  virtual machines at the end", self.machines.unwrap_or(0))?;
        writeln!(f, "{:>9}  MB after a tenth of the requests", self.memory_early.unwrap_or(0) / MB)?;
        writeln!(f, "{:>9}  MB at the end", self.memory_late / MB)
    }
}
