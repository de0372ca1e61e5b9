//! One who calls, on one connection after the other.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, sleep_until};

use super::{
    Meter,
    connection::{Connection, Reply},
    issuer::{CLOCK_SKEW, Issuer, Sample, Versions},
    summary::{Kind, Tally, Verdict},
};

/// Above the 6 s that a request may pause.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// Of how many requests one is given up by its caller before it is answered.
const GIVEN_UP_ONCE_IN: u64 = 500;

/// How often of a hundred each kind is sent.
const MIX: [(Kind, u64); 11] = [
    (Kind::Repeated, 52),
    (Kind::Fresh, 4),
    (Kind::ShortLived, 8),
    (Kind::EarlierKey, 8),
    (Kind::Expired, 6),
    (Kind::Tampered, 6),
    (Kind::Imposter, 3),
    (Kind::UnknownKey, 3),
    (Kind::NoToken, 5),
    (Kind::OtherScope, 3),
    (Kind::OtherAudience, 2),
];

pub(super) struct Caller {
    address: SocketAddr,
    issuer: Arc<Issuer>,
    meter: Arc<Meter>,
    lots: Lots,
    connection: Option<Connection>,
    tally: Tally,
}

/// Numbers that look like chance, the same in every run.
struct Lots(u64);

/// What holds when a request is sent, or when it is answered.
#[derive(Clone, Copy)]
struct Moment {
    versions: Versions,
    /// Since the epoch.
    seconds: u64,
}

impl Caller {
    pub(super) fn new(number: u64, address: SocketAddr, issuer: Arc<Issuer>, meter: Arc<Meter>) -> Self {
        let lots = Lots(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { address, issuer, meter, lots, connection: None, tally: Tally::default() }
    }

    /// Calls until all callers together have made so many requests, over this time at least.
    pub(super) async fn run(mut self, requests: u64, at_least: Duration) -> Tally {
        let started = Instant::now();
        loop {
            let number = self.meter.begun.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return self.tally;
            }
            // The n-th request has its time, before which it is not sent: that matters to short runs only.
            let due = at_least.mul_f64(share(number, requests));
            if started.elapsed() < due {
                sleep_until(started + due).await;
            }
            let lot = self.lots.next();
            let kind = kind(lot % 100);
            let before = self.now();
            let state = self.issuer.state();
            match self.issuer.sample(&state, kind, self.lots.next()) {
                Ok(Some(sample)) => self.call(&sample, before).await,
                // There are no such tokens yet.
                Ok(None) => self.tally.skipped += 1,
                Err(error) => self.tally.broken(format!("no token: {error}")),
            }
            self.meter.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn call(&mut self, sample: &Sample, before: Moment) {
        if self.lots.next().is_multiple_of(GIVEN_UP_ONCE_IN) {
            return self.give_up(sample).await;
        }
        let meter = Arc::clone(&self.meter);
        let reply = tokio::select! {
            biased;
            reply = self.exchange(sample) => Some(reply),
            () = meter.patience(ANSWERED_WITHIN) => None,
        };
        let reply = match reply {
            Some(Ok(reply)) => reply,
            Some(Err(error)) => {
                self.connection = None;
                return self.tally.broken(format!("{:?} got no answer: {error}", sample.kind));
            }
            None => {
                self.connection = None;
                return self.tally.hung(format!("{:?} was not answered in time", sample.kind));
            }
        };
        if reply.closes {
            self.connection = None;
        }
        let (found, right) =
            (Verdict::of(reply.status, reply.invalid_token), verdicts(sample, before, self.now()));
        self.tally.count(sample.kind, found);
        if right.len() > 1 {
            self.tally.either += 1;
        }
        if !right.contains(&found) {
            self.meter.wrong.fetch_add(1, Ordering::Relaxed);
            let (versions, key) = (before.versions, sample.key);
            self.tally.wrong(format!(
                "{:?} of key {key:?}, with sets {} to {}: {found:?} instead of {right:?} ({})",
                sample.kind, versions.settled, versions.latest, reply.status
            ));
        }
    }

    async fn exchange(&mut self, sample: &Sample) -> io::Result<Reply> {
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => Connection::open(self.address).await?,
            };
            let reply = match connection.send(&sample.request).await {
                Ok(()) => connection.receive().await,
                Err(error) => Err(error),
            };
            match reply {
                Ok(reply) => {
                    self.connection = Some(connection);
                    return Ok(reply);
                }
                // The server may close a connection between two requests; a GET is sent again (RFC 9110 §9.2.2).
                Err(_) if connection.is_used() => self.tally.sent_again += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the request and goes away.
    async fn give_up(&mut self, sample: &Sample) {
        if let Ok(mut connection) = Connection::open(self.address).await {
            drop(connection.send(&sample.request).await);
        }
        self.tally.given_up += 1;
    }

    fn now(&self) -> Moment {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Moment { versions: self.issuer.versions(), seconds }
    }
}

/// The verdicts that are right for a request that was sent and answered between two moments.
fn verdicts(sample: &Sample, before: Moment, after: Moment) -> Vec<Verdict> {
    let good = match sample.kind {
        Kind::Repeated | Kind::Fresh | Kind::ShortLived | Kind::EarlierKey => Verdict::Allowed,
        Kind::OtherScope => Verdict::Forbidden,
        Kind::NoToken => return vec![Verdict::NoToken],
        Kind::Expired | Kind::Tampered | Kind::Imposter | Kind::UnknownKey | Kind::OtherAudience => {
            return vec![Verdict::BadToken];
        }
    };
    let versions = before.versions.settled..=after.versions.latest;
    let has = |version| sample.key.is_some_and(|key| Versions::has(version, key));
    let end = sample.expiry.unwrap_or(u64::MAX).saturating_add(CLOCK_SKEW);
    let may_pass = versions.clone().any(has) && before.seconds < end;
    let may_fail = !versions.clone().all(has) || after.seconds >= end;
    let mut right = Vec::new();
    right.extend(may_pass.then_some(good));
    right.extend(may_fail.then_some(Verdict::BadToken));
    right
}

fn kind(percent: u64) -> Kind {
    let mut below = 0;
    for (kind, share) in MIX {
        below += share;
        if percent < below {
            return kind;
        }
    }
    Kind::Repeated
}

/// The share of all requests that a number is.
#[expect(clippy::cast_precision_loss, reason = "a pace, in which nobody misses a few requests")]
fn share(number: u64, requests: u64) -> f64 {
    number as f64 / requests.max(1) as f64
}

impl Lots {
    /// xorshift64*: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(settled: u64, latest: u64, seconds: u64) -> Moment {
        Moment { versions: Versions { settled, latest }, seconds }
    }

    fn sample(kind: Kind, key: u64, expiry: u64) -> Sample {
        Sample { kind, key: Some(key), expiry: Some(expiry), request: Vec::new() }
    }

    #[test]
    fn the_mix_is_a_whole() {
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<u64>(), 100);
    }

    #[test]
    fn a_key_counts_while_a_set_has_it() {
        let right = |key, before, after| verdicts(&sample(Kind::EarlierKey, key, 1000), before, after);
        let (settled, changing) = (moment(5, 5, 100), moment(5, 6, 100));
        assert_eq!(right(5, settled, settled), [Verdict::Allowed]);
        assert_eq!(right(6, settled, settled), [Verdict::Allowed]);
        assert_eq!(right(4, settled, settled), [Verdict::BadToken]);
        assert_eq!(right(5, settled, changing), [Verdict::Allowed, Verdict::BadToken]);
        assert_eq!(right(6, changing, changing), [Verdict::Allowed]);
        assert_eq!(right(4, changing, changing), [Verdict::BadToken]);
    }

    #[test]
    fn a_token_counts_until_its_end_and_the_skew() {
        let right = |before, after| {
            let short = sample(Kind::ShortLived, 5, 1000);
            verdicts(&short, moment(5, 5, before), moment(5, 5, after))
        };
        assert_eq!(right(999, 1000), [Verdict::Allowed]);
        assert_eq!(right(1000, 1001), [Verdict::Allowed, Verdict::BadToken]);
        assert_eq!(right(1001, 1001), [Verdict::BadToken]);
    }
}
