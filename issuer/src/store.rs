//! Where the state lives, and the in-memory copy that answers requests.
//!
//! [`Store`] is the seam: load everything, tell the revision, apply one [`Change`] with its audit record in one
//! transaction. [`Snapshots`] hold the copy that every token decision reads; [`follow`] keeps it within
//! [`POLL_INTERVAL`] of the store, whoever changes it.

mod apply;
mod error;
mod follow;
mod rows;
mod sqlite;

use futures_util::future::BoxFuture;

pub use error::StoreError;
pub use follow::{FollowError, MAX_AGE, POLL_INTERVAL, Snapshot, Snapshots, Stale, follow};
pub use sqlite::{SqliteFile, SqliteStore};

use crate::domain::{Actor, Applied, Change, Directory, StoredKey, UnixTime};

/// Everything the store holds, as of one revision.
#[derive(Clone, Debug)]
pub struct State {
    /// Counts the changes.
    pub revision: i64,
    /// Clients, grants and trusts.
    pub directory: Directory,
    /// The signing keys, sealed.
    pub keys: Vec<StoredKey>,
}

/// A database of clients, grants, trusts and keys. Several processes may have it open at once.
pub trait Store: Send + Sync {
    /// The number of changes so far; cheap, made for polling.
    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>>;

    /// Reads everything, consistent as of one revision.
    fn load(&self) -> BoxFuture<'_, Result<State, StoreError>>;

    /// Makes one change, or none: the change, its audit record and the new revision are one transaction.
    fn apply<'a>(
        &'a self,
        actor: &'a Actor,
        change: &'a Change,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Applied, StoreError>>;
}
