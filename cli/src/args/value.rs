//! Values that several commands take.

use clap::Args;
use tessera_issuer::domain::{Lifetime, LifetimeError};

/// How long something is good.
#[derive(Debug, Args)]
pub(crate) struct Expiry {
    /// For how long it is good: 90d, 12h, 30m, 45s [default: until it is removed]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) expires_in: Option<u64>,
}

/// That what breaks may break.
#[derive(Debug, Args)]
pub(crate) struct Confirmed {
    /// Do it although something breaks; without this the terminal is asked
    #[arg(long)]
    pub(crate) yes: bool,
}

/// How long tokens live.
pub(crate) fn lifetime(text: &str) -> Result<Lifetime, LifetimeError> {
    Lifetime::from_seconds(text.parse().map_err(|_| LifetimeError)?)
}

/// A number and a unit.
fn duration(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a duration is a whole number and d, h, m or s: 90d, 12h";
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or(WRONG)?;
    let unit = match unit {
        "d" => 24 * 60 * 60,
        "h" => 60 * 60,
        "m" => 60,
        "s" => 1,
        _ => return Err(WRONG),
    };
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or(WRONG)
}
