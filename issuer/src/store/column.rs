//! Values in columns. Whatever a row says is parsed again: the database is input too.

use std::str::FromStr;

use super::StoreError;
use crate::domain::{Lifetime, UnixTime};

/// Characters of a malformed value that an error shows.
const SHOWN: usize = 64;

/// The value that a text stands for.
pub(super) fn parse<T: FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| malformed(what, text))
}

/// A time of Unix seconds.
pub(super) fn time(seconds: i64) -> Result<UnixTime, StoreError> {
    let seconds = u64::try_from(seconds).map_err(|_| malformed("time", &seconds.to_string()))?;
    Ok(UnixTime::from_seconds(seconds))
}

/// A lifetime of seconds.
pub(super) fn lifetime(seconds: i64) -> Result<Lifetime, StoreError> {
    u64::try_from(seconds)
        .ok()
        .and_then(|seconds| Lifetime::from_seconds(seconds).ok())
        .ok_or_else(|| malformed("lifetime", &seconds.to_string()))
}

/// A position in a status list.
pub(super) fn position(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| malformed("position", &value.to_string()))
}

/// The error for a value that the domain does not allow.
pub(super) fn malformed(what: &'static str, value: &str) -> StoreError {
    StoreError::Malformed { what, value: format!("{:?}", value.chars().take(SHOWN).collect::<String>()) }
}

/// Unix seconds as a `BIGINT`; a time beyond its range is the end of time.
pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_seconds()).unwrap_or(i64::MAX)
}

/// A lifetime as a `BIGINT`.
pub(super) fn lifetime_seconds(lifetime: Lifetime) -> i64 {
    seconds(UnixTime::from_seconds(lifetime.as_seconds()))
}

/// A value as JSON.
pub(super) fn json<T: serde::Serialize>(
    value: &T,
    what: &'static str,
    of: &str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Malformed { what, value: of.to_owned() })
}
