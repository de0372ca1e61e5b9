//! Time as an argument. Nothing in this crate reads a clock.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored, as in a JWT's
/// `NumericDate` (RFC 7519 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point that lies this many seconds after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The seconds since the epoch.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// This point moved later by some seconds, as far as there is room.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point in time that threads share. Whoever reads it may read the one before.
#[derive(Debug)]
pub(crate) struct SharedTimestamp(AtomicU64);

impl SharedTimestamp {
    pub(crate) const fn new(time: Timestamp) -> Self {
        Self(AtomicU64::new(time.0))
    }

    pub(crate) fn get(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Written only where that changes something, so that threads do not disturb each other.
    pub(crate) fn set(&self, time: Timestamp) {
        if self.get() != time {
            self.0.store(time.0, Ordering::Relaxed);
        }
    }
}

impl Clone for SharedTimestamp {
    fn clone(&self) -> Self {
        Self::new(self.get())
    }
}
