//! Rounds: every server has its turn in each, and ratios are taken within a round.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tessera_bench_report::{Row, Unit};

use crate::{
    cost,
    error::{BenchError, refused},
    load::{Answered, BUSY, Load, LoadError, Requests, Target},
    material::{Order, SCOPE},
};

/// How much time is spent.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    /// How long a turn takes.
    pub(crate) turn: Duration,
    /// How long each has its first turn, which does not count: V8 compiles what runs often.
    pub(crate) warm_up: Duration,
    /// For how long requests come at a fixed rate.
    pub(crate) at_a_rate: Duration,
}

/// A server with what is asked of it.
pub(crate) struct Lane<'a> {
    pub(crate) row: String,
    /// The row that its ratio is against.
    pub(crate) against: Option<String>,
    pub(crate) target: Target,
    pub(crate) process: u32,
    /// What its tokens are signed with.
    pub(crate) algorithm: &'static str,
    pub(crate) supply: Supply<'a>,
}

/// Where a turn's requests come from.
pub(crate) enum Supply<'a> {
    /// The same in every turn.
    Repeated(Arc<Requests>),
    /// New ones for each turn, each good for once.
    Fresh(Order<'a>),
}

impl Pace {
    pub(crate) const FULL: Self = Self {
        rounds: 7,
        turn: Duration::from_secs(2),
        warm_up: Duration::from_secs(5),
        at_a_rate: Duration::from_secs(20),
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        turn: Duration::from_secs(1),
        warm_up: Duration::from_secs(2),
        at_a_rate: Duration::from_secs(5),
    };
}

/// Runs all lanes, one after the other in every round.
pub(crate) async fn run(lanes: &[Lane<'_>], pace: Pace) -> Result<Vec<Row>, BenchError> {
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); lanes.len()];
    for lane in lanes {
        lane.verify().await?;
        lane.turn(pace.warm_up).await?;
    }
    for round in 1..=pace.rounds {
        eprintln!("  round {round} of {}", pace.rounds);
        for (lane, rates) in lanes.iter().zip(&mut rounds) {
            rates.push(lane.rate(pace.turn).await?);
        }
    }
    let rates_of =
        |row: &str| lanes.iter().zip(&rounds).find(|(lane, _)| lane.row == row).map(|(_, rates)| rates);
    Ok(lanes
        .iter()
        .zip(&rounds)
        .map(|(lane, rates)| {
            let other = lane.against.as_deref().and_then(|row| Some((row, rates_of(row)?)));
            match other {
                Some((row, others)) => Row::against(&lane.row, Unit::PerCpuSecond, rates, row, others),
                None => Row::alone(&lane.row, Unit::PerCpuSecond, rates),
            }
        })
        .collect())
}

impl Lane<'_> {
    /// Sees that what is issued is a token of the kind that is meant.
    pub(crate) async fn verify(&self) -> Result<(), BenchError> {
        let requests = self.requests()?;
        let load = Load::open(&self.target, 1).await.map_err(|error| self.failed(error))?;
        let answer =
            load.once(requests.next().unwrap_or_default()).await.map_err(|error| self.failed(error))?;
        if is_token(&answer, self.algorithm) {
            return Ok(());
        }
        Err(BenchError::Token { row: self.row.clone(), algorithm: self.algorithm })
    }

    /// Tokens in a second of the server's processor time.
    async fn rate(&self, turn: Duration) -> Result<f64, BenchError> {
        let (answered, time) = self.turn(turn).await?;
        Ok(f64::from(answered.count) / time.as_secs_f64())
    }

    /// A turn under load, and the processor time that it took.
    pub(crate) async fn turn(&self, length: Duration) -> Result<(Answered, Duration), BenchError> {
        let requests = self.requests()?;
        let load = Load::open(&self.target, BUSY).await.map_err(|error| self.failed(error))?;
        let before = self.processor_time()?;
        let answered = load.flat_out(&requests, length).await.map_err(|error| self.failed(error))?;
        Ok((answered, self.processor_time()?.saturating_sub(before)))
    }

    pub(crate) fn requests(&self) -> Result<Arc<Requests>, BenchError> {
        match &self.supply {
            Supply::Repeated(requests) => Ok(Arc::clone(requests)),
            Supply::Fresh(order) => Ok(Requests::once(order.write()?)),
        }
    }

    pub(crate) fn failed(&self, source: LoadError) -> BenchError {
        BenchError::Load { row: self.row.clone(), source }
    }

    fn processor_time(&self) -> Result<Duration, BenchError> {
        cost::processor_time(self.process).map_err(refused(format!("read /proc/{}/stat", self.process)))
    }
}

/// Whether an answer (RFC 6749 §5.1) has an access token (RFC 9068 §2.1) with this algorithm, for a scope.
fn is_token(answer: &[u8], algorithm: &str) -> bool {
    let read = || {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let (header, _) = answer.get("access_token")?.as_str()?.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        Some(
            header.get("alg")? == algorithm
                && header.get("typ")? == "at+jwt"
                && answer.get("scope")? == SCOPE,
        )
    };
    read().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_that_is_meant_counts() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt"}"#);
        let answer = format!(r#"{{"access_token":"{header}.e30.AA","scope":"read"}}"#);
        assert!(is_token(answer.as_bytes(), "ES256"));
        assert!(!is_token(answer.as_bytes(), "RS256"));
        assert!(!is_token(answer.replace("read", "write").as_bytes(), "ES256"));
        assert!(!is_token(br#"{"error":"invalid_client"}"#, "ES256"));
    }
}
