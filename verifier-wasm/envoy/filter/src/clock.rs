//! Time, by two clocks: one that all workers share, and may be put back, and one of a worker's own, which only goes on.

use std::time::Duration;

use tessera_verifier::Timestamp;

/// A reading of both clocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockReading {
    /// Since 1970, by the proxy.
    pub(crate) wall: u64,
    /// Since this worker began, as far as it can tell. For pauses and timeouts: they end however the other is put back.
    pub(crate) steady: u64,
}

/// The clocks of a worker.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: ClockReading,
    /// When the time until the next tick began, by the steady clock.
    tick_began: u64,
    /// Between two ticks.
    period: Duration,
}

impl Clock {
    /// Takes a reading of the wall clock. If that was put back, no time has passed that one could tell.
    pub(crate) fn read(&mut self, wall: u64) -> ClockReading {
        // The first reading is no time after none.
        let passed = if self.last.wall == 0 { 0 } else { wall.saturating_sub(self.last.wall) };
        self.last = ClockReading { wall, steady: self.last.steady.saturating_add(passed) };
        self.last
    }

    /// The same at a tick, which comes by a clock that nobody puts back: a period has passed, at least.
    pub(crate) fn tick(&mut self, wall: u64) -> ClockReading {
        let earliest = self.tick_began.saturating_add(millis(self.period));
        let now = self.read(wall);
        self.last.steady = now.steady.max(earliest);
        self.tick_began = self.last.steady;
        self.last
    }

    /// Time between two ticks.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// From now on ticks come at such intervals.
    pub(crate) fn set_period(&mut self, period: Duration) {
        (self.period, self.tick_began) = (period, self.last.steady);
    }
}

impl ClockReading {
    pub(crate) fn timestamp(self) -> Timestamp {
        timestamp(self.wall)
    }
}

/// The time for the core, which counts in seconds.
pub(crate) fn timestamp(wall: u64) -> Timestamp {
    Timestamp::from_seconds(wall / 1_000)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
