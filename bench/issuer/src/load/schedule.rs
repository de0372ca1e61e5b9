//! When requests fall due, and how long they took.

use std::time::{Duration, Instant};

/// So many requests a second, evenly spaced.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    /// Requests a second.
    rate: f64,
    given: u32,
    total: u32,
}

/// From when requests fell due to when they were answered, in order of length.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Schedule {
    /// From `start`, requests at `rate` a second for that long.
    pub(crate) fn new(start: Instant, rate: f64, length: Duration) -> Self {
        let whole = format!("{:.0}", rate * length.as_secs_f64());
        Self { start, rate, given: 0, total: whole.parse().unwrap_or(0) }
    }
}

impl Iterator for Schedule {
    type Item = Instant;

    /// When the next request falls due, however late it is.
    fn next(&mut self) -> Option<Instant> {
        if self.given == self.total {
            return None;
        }
        // From the start, and not from the one before: rounding must not add up.
        let due = self.start + Duration::from_secs_f64(f64::from(self.given) / self.rate);
        self.given += 1;
        Some(due)
    }
}

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The shortest latency that so many of a thousand do not exceed (nearest rank).
    pub(crate) fn per_mille(&self, part: usize) -> Option<Duration> {
        let rank = (self.0.len() * part).div_ceil(1000);
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_due_evenly_and_not_later_for_being_fetched_late() {
        let start = Instant::now();
        let due: Vec<Duration> =
            Schedule::new(start, 4.0, Duration::from_secs(2)).map(|due| due - start).collect();
        assert_eq!(due, [0, 250, 500, 750, 1000, 1250, 1500, 1750].map(Duration::from_millis));
        // A third has no end in decimals: the thousandth is still where it belongs.
        let last = Schedule::new(start, 3.0, Duration::from_mins(10)).last().unwrap() - start;
        assert_eq!(last.as_millis(), 599_666);
        assert_eq!(Schedule::new(start, 4.0, Duration::ZERO).next(), None);
    }

    #[test]
    fn a_percentile_is_a_latency_that_occurred() {
        let milliseconds = |values: &[u64]| {
            Latencies::new(values.iter().map(|value| Duration::from_millis(*value)).collect())
        };
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let taken = milliseconds(&hundred);
        let at = |part| taken.per_mille(part).map(|latency| latency.as_millis());
        assert_eq!([at(500), at(990), at(991), at(1000)], [Some(50), Some(99), Some(100), Some(100)]);
        assert_eq!(at(0), None);
        assert_eq!(milliseconds(&[7]).per_mille(1), Some(Duration::from_millis(7)));
        assert_eq!(milliseconds(&[]).per_mille(990), None);
    }
}
