//! Rounds: everybody has a turn in each, and ratios are taken within a round.

use std::time::Duration;

use tessera_bench_report::{Row, Unit};

use crate::{contender::Contender, error::BenchError};

/// How much time is spent.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    rounds: usize,
    /// How long one turn takes, about.
    turn: Duration,
    /// How many decisions the guest's memory is watched over.
    pub(crate) decisions: usize,
}

impl Pace {
    pub(crate) const FULL: Self = Self { rounds: 101, turn: Duration::from_millis(4), decisions: 10_000_000 };
    pub(crate) const QUICK: Self = Self { rounds: 15, turn: Duration::from_millis(1), decisions: 100_000 };
}

/// A contender in a race.
struct Lane {
    row: String,
    contender: Box<dyn Contender>,
    calls: u32,
    /// µs per decision, one for each round.
    times: Vec<f64>,
}

/// Contenders that are to be compared.
pub(crate) struct Race {
    lanes: Vec<Lane>,
    pace: Pace,
}

/// Decisions before anything is measured: keys get their tables, caches their entries, branches their history.
const WARM_UP: u32 = 20;

impl Race {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { lanes: Vec::new(), pace }
    }

    /// Enters a contender for the row of this name.
    pub(crate) fn enter(&mut self, row: impl Into<String>, contender: impl Contender + 'static) {
        let row = row.into();
        self.lanes.push(Lane { row, contender: Box::new(contender), calls: 1, times: Vec::new() });
    }

    /// Runs it. Ratios are against the first that was entered.
    pub(crate) fn run(mut self) -> Result<Vec<Row>, BenchError> {
        for lane in &mut self.lanes {
            lane.warm_up(self.pace.turn)?;
        }
        for _ in 0..self.pace.rounds {
            for lane in &mut self.lanes {
                lane.take_turn()?;
            }
        }
        let Some(first) = self.lanes.first() else { return Ok(Vec::new()) };
        Ok(self
            .lanes
            .iter()
            .map(|lane| Row::against(&lane.row, Unit::Microseconds, &lane.times, &first.row, &first.times))
            .collect())
    }
}

impl Lane {
    fn warm_up(&mut self, turn: Duration) -> Result<(), BenchError> {
        self.contender.sample(WARM_UP)?;
        let one = self.contender.sample(WARM_UP)? / WARM_UP;
        let calls = turn.as_nanos() / one.as_nanos().max(1);
        self.calls = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        Ok(())
    }

    fn take_turn(&mut self) -> Result<(), BenchError> {
        // Brings back what the others' turns drove out of the processor's caches.
        self.contender.sample(1)?;
        let time = self.contender.sample(self.calls)?;
        self.times.push(time.as_secs_f64() * 1e6 / f64::from(self.calls));
        Ok(())
    }
}
