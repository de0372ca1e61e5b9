//! How soon answers come while the issuer has some of its time to spare.

use std::time::{Duration, Instant};

use tessera_bench_report::{Row, Unit};

use super::{
    Suite,
    issuing::{lane, ours},
};
use crate::{
    error::BenchError,
    load::{AT_A_RATE, Load, Schedule},
    material::Proof,
};

/// The part of the load that it can bear.
const PART: f64 = 0.7;

impl Suite {
    pub(super) async fn latency(&self) -> Result<Vec<Row>, BenchError> {
        let stage = self.usual("ES256").await?;
        let issuer = stage.serve().await?;
        let lane = lane("latency", &issuer, ours(Proof::Post(&stage.secret))?);
        lane.turn(self.pace.warm_up).await?;
        let (mut rates, mut medians, mut tails) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=self.pace.rounds {
            eprintln!("  round {round} of {}", self.pace.rounds);
            // What it can bear is seen anew in each round: the machine may have less to give than it had.
            let (most, _) = lane.turn(self.pace.turn).await?;
            let rate = PART * f64::from(most.count) / most.took.as_secs_f64();
            let requests = lane.requests()?;
            let load = Load::open(&lane.target, AT_A_RATE).await.map_err(|error| lane.failed(error))?;
            let schedule = Schedule::new(Instant::now(), rate, self.pace.at_a_rate);
            let latencies = load.at_a_rate(&requests, schedule).await.map_err(|error| lane.failed(error))?;
            let milliseconds = |part| latencies.per_mille(part).unwrap_or(Duration::MAX).as_secs_f64() * 1e3;
            rates.push(rate);
            medians.push(milliseconds(500));
            tails.push(milliseconds(990));
        }
        Ok(vec![
            Row::alone("latency/rate", Unit::PerSecond, &rates),
            Row::alone("latency/p50", Unit::Milliseconds, &medians),
            Row::alone("latency/p99", Unit::Milliseconds, &tails),
        ])
    }
}
