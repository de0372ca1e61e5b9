//! Status lists.

use sqlx_macros::FromRow;

use crate::domain::{Capacity, Seed, StatusList, UnixTime};
use crate::store::StoreError;
use crate::store::column::{malformed, parse, position, time};

/// A row of `status_list`.
#[derive(FromRow)]
pub(crate) struct StatusListRow {
    id: String,
    algorithm: String,
    expires_at: i64,
    capacity: i64,
    seed: String,
    created_at: i64,
}

impl StatusListRow {
    /// When the list was added.
    pub(super) fn created_at(&self) -> Result<UnixTime, StoreError> {
        time(self.created_at)
    }

    /// The list.
    pub(crate) fn list(self) -> Result<StatusList, StoreError> {
        let positions = position(self.capacity)?;
        Ok(StatusList::new(
            parse("status list", &self.id)?,
            parse("algorithm", &self.algorithm)?,
            time(self.expires_at)?,
            Capacity::of_positions(positions).ok_or_else(|| malformed("capacity", &positions.to_string()))?,
            // What stands there is secret.
            &Seed::decode(&self.seed).ok_or_else(|| malformed("seed of the status list", &self.id))?,
        ))
    }
}
