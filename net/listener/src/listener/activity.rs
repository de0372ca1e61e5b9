//! What a connection is doing, and until when it may go on doing it. Sans-IO: time is an argument.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Version;
use tokio::time::Instant;

use super::Limits;

/// The state that the socket, the service and the watchdog of one connection share.
#[derive(Debug)]
pub(super) struct Activity {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// Requests whose answer has not been sent whole.
    in_flight: usize,
    multiplexed: bool,
    /// Answers of which a part was handed over that the peer has not made room for.
    waiting: usize,
    /// When the last part of an answer was handed over or taken.
    moved: Instant,
    /// Since when the peer has accepted nothing of a pending write.
    stalled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Bytes of a header are due: at the opening, and after the first byte of a next request.
    Header { since: Instant },
    /// Between requests.
    Idle { since: Instant },
    /// A graceful close is under way.
    Closing { since: Instant },
}

/// The limit that a connection has run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    HeaderRead,
    Idle,
    Closing,
    WriteStall,
    Unread,
}

impl Activity {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        let state = State {
            stage: Stage::Header { since: now },
            in_flight: 0,
            multiplexed: false,
            waiting: 0,
            moved: now,
            stalled: None,
        };
        Self { limits, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes arrived.
    pub(super) fn read(&self, now: Instant) {
        let mut state = self.state();
        // On HTTP/2 these may be answers to pings; there a header has its own bounds within the connection.
        if state.in_flight == 0 && !state.multiplexed && matches!(state.stage, Stage::Idle { .. }) {
            state.stage = Stage::Header { since: now };
        }
    }

    /// The peer accepted bytes, or (`stalled`) had no room for any.
    pub(super) fn write(&self, stalled: bool, now: Instant) {
        let mut state = self.state();
        state.stalled = stalled.then(|| state.stalled.unwrap_or(now));
    }

    /// A whole header arrived and its request goes to the service.
    pub(super) fn begin(&self, version: Version) {
        let mut state = self.state();
        state.in_flight += 1;
        state.multiplexed = version == Version::HTTP_2;
    }

    /// The service handed over a part of an answer, for which there need not be room yet.
    pub(super) fn handed(&self, now: Instant) {
        let mut state = self.state();
        state.waiting += 1;
        state.moved = now;
    }

    /// The part that was handed over is on its way, or given up.
    pub(super) fn taken(&self, now: Instant) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(1);
        state.moved = now;
    }

    /// The answer was sent, or given up.
    pub(super) fn end(&self, now: Instant) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        if state.in_flight == 0 && !matches!(state.stage, Stage::Closing { .. }) {
            state.stage = Stage::Idle { since: now };
        }
    }

    /// The connection was asked to close when its requests are done.
    pub(super) fn close(&self, now: Instant) {
        self.state().stage = Stage::Closing { since: now };
    }

    /// Since when no request is in flight; `None` while one is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let state = self.state();
        let (Stage::Header { since } | Stage::Idle { since } | Stage::Closing { since }) = state.stage;
        (state.in_flight == 0).then_some(since)
    }

    /// Whether HTTP/2 is spoken; told by the first request.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.state().multiplexed
    }

    /// The next limit and when it is reached; `None` while nothing but the service is at work.
    pub(super) fn deadline(&self) -> Option<(Instant, Expired)> {
        let state = self.state();
        let stalled = state.stalled.map(|since| (since + self.limits.write_stall, Expired::WriteStall));
        let quiet = (state.in_flight == 0).then(|| match state.stage {
            Stage::Header { since } => (since + self.limits.header_read, Expired::HeaderRead),
            Stage::Idle { since } => (since + self.limits.idle, Expired::Idle),
            Stage::Closing { since } => (since + self.limits.header_read, Expired::Closing),
        });
        // An HTTP/2 peer paces each answer by its window (RFC 9113 §5.2), so without the socket ever being full.
        // While the service still works on any answer, the peer is not what is waited for.
        let unread = (state.multiplexed && state.waiting > 0 && state.waiting == state.in_flight)
            .then(|| (state.moved + self.limits.write_stall, Expired::Unread));
        stalled.into_iter().chain(quiet).chain(unread).min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: fn() -> Limits = Limits::default;

    fn start() -> (Activity, Instant) {
        let now = Instant::now();
        (Activity::new(LIMITS(), now), now)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_silent_or_dripping_connection_has_one_header_time() {
        let (activity, t0) = start();
        activity.read(t0 + seconds(5));
        assert_eq!(activity.deadline(), Some((t0 + LIMITS().header_read, Expired::HeaderRead)));
    }

    #[test]
    fn the_service_may_take_its_time() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_11);
        activity.read(t0 + seconds(1));
        assert_eq!(activity.deadline(), None);
    }

    #[test]
    fn between_requests_the_idle_limit_holds_until_the_first_byte_of_the_next() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_11);
        let answered = t0 + seconds(3);
        activity.end(answered);
        assert_eq!(activity.deadline(), Some((answered + LIMITS().idle, Expired::Idle)));

        let first_byte = answered + seconds(20);
        activity.read(first_byte);
        activity.read(first_byte + seconds(9));
        assert_eq!(activity.deadline(), Some((first_byte + LIMITS().header_read, Expired::HeaderRead)));
    }

    #[test]
    fn pings_on_a_quiet_http2_connection_neither_keep_nor_hurt_it() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_2);
        activity.end(t0);
        activity.read(t0 + seconds(20));
        assert_eq!(activity.deadline(), Some((t0 + LIMITS().idle, Expired::Idle)));
    }

    #[test]
    fn an_http2_connection_is_idle_when_its_last_request_ends() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_2);
        activity.begin(Version::HTTP_2);
        activity.end(t0 + seconds(1));
        assert_eq!(activity.deadline(), None);
        activity.end(t0 + seconds(2));
        assert_eq!(activity.deadline(), Some((t0 + seconds(2) + LIMITS().idle, Expired::Idle)));
    }

    #[test]
    fn a_stalled_write_is_limited_and_any_progress_clears_it() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_11);
        activity.write(true, t0);
        activity.write(true, t0 + seconds(10));
        assert_eq!(activity.deadline(), Some((t0 + LIMITS().write_stall, Expired::WriteStall)));
        activity.write(false, t0 + seconds(11));
        assert_eq!(activity.deadline(), None);
    }

    #[test]
    fn an_http2_peer_that_takes_no_part_of_any_answer_is_limited() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_2);
        activity.begin(Version::HTTP_2);
        activity.handed(t0 + seconds(1));
        assert_eq!(activity.deadline(), None, "the service works on the other answer");
        activity.handed(t0 + seconds(2));
        assert_eq!(activity.deadline(), Some((t0 + seconds(2) + LIMITS().write_stall, Expired::Unread)));
        activity.read(t0 + seconds(20));
        activity.write(false, t0 + seconds(20));
        assert_eq!(
            activity.deadline(),
            Some((t0 + seconds(2) + LIMITS().write_stall, Expired::Unread)),
            "pings are no progress"
        );

        activity.taken(t0 + seconds(25));
        assert_eq!(activity.deadline(), None, "the service is asked for more");
        activity.end(t0 + seconds(25));
        assert_eq!(activity.deadline(), Some((t0 + seconds(25) + LIMITS().write_stall, Expired::Unread)));
    }

    #[test]
    fn an_http1_answer_is_limited_by_its_socket_alone() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_11);
        activity.handed(t0);
        assert_eq!(activity.deadline(), None);
    }

    #[test]
    fn a_close_that_the_peer_ignores_ends_too() {
        let (activity, t0) = start();
        activity.begin(Version::HTTP_2);
        activity.close(t0);
        assert_eq!(activity.deadline(), None);
        activity.end(t0 + seconds(1));
        assert_eq!(activity.deadline(), Some((t0 + LIMITS().header_read, Expired::Closing)));
    }
}
