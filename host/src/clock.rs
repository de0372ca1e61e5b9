//! The clock, which the component has not.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time in whole seconds since 1970-01-01T00:00:00Z. A clock that stands before that reads as 0, at
/// which no token is valid yet.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
