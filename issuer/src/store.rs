//! Where the state lives, and the in-memory copy that answers requests.
//!
//! [`Store`] is the seam: load everything, tell the revision, apply one [`Change`] with its audit record in one
//! transaction. [`Snapshots`] hold the copy that every token decision reads; [`follow`] keeps it within
//! [`POLL_INTERVAL`] of the store, whoever changes it.

mod batcher;
mod changed;
mod column;
mod error;
mod follow;
mod purge;
mod read;
mod replay_guard;
mod sqlite;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;

pub use batcher::BatchError;
pub(crate) use batcher::Batcher;
pub use error::StoreError;
pub use follow::{FollowError, MAX_AGE, POLL_INTERVAL, Snapshot, Snapshots, Stale, follow};
pub use purge::keep_purging;
pub use replay_guard::ReplayGuard;
pub use sqlite::{SqliteFile, SqliteStore};

use crate::domain::{
    Actor, Applied, Block, BlockRequest, Change, ClientId, CredentialId, Directory, Entry, RevocationChanges,
    Revocations, StoredKey, UnixTime,
};

/// Everything the store holds, as of one revision.
#[derive(Clone, Debug)]
pub struct State {
    /// Counts the changes.
    pub revision: i64,
    /// Clients with their credentials and grants.
    pub directory: Directory,
    /// The signing keys.
    pub keys: Vec<StoredKey>,
    /// The status lists, and what is revoked.
    pub revocations: Arc<Revocations>,
}

/// What is different at one revision from an earlier one.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Counts the changes.
    pub revision: i64,
    /// The clients that are different now, and those that are no more.
    pub clients: Vec<(ClientId, Option<Entry>)>,
    /// All keys, if any of them is different.
    pub keys: Option<Vec<StoredKey>>,
    /// New status lists and revocations, if there are any.
    pub revocations: Option<RevocationChanges>,
}

/// An assertion that may be used once: the client that signed it, its `jti`, and until when it could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedAssertion {
    /// Who signed it.
    pub client: ClientId,
    /// What it calls itself, of whatever length.
    pub jti: String,
    /// From when on it is refused anyway, so that it need not be remembered.
    pub expires_at: UnixTime,
}

/// A database of clients, credentials, grants and keys. Several processes may have it open at once.
pub trait Store: Send + Sync {
    /// The number of changes so far; cheap, made for polling.
    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>>;

    /// Reads everything, consistent as of one revision.
    fn load(&self) -> BoxFuture<'_, Result<State, StoreError>>;

    /// Reads what is different since revision `since`, consistent as of one revision; `None` if that is so much, or so
    /// long ago, that [`load`](Self::load) is the way.
    fn changes(&self, since: i64) -> BoxFuture<'_, Result<Option<Changes>, StoreError>>;

    /// Makes one change, or none: the change, its audit record and the new revision are one transaction.
    fn apply<'a>(
        &'a self,
        actor: &'a Actor,
        change: &'a Change,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Applied, StoreError>>;

    /// Uses up assertions, in one transaction that is durable when this returns. For each, whether it is used for the
    /// first time, by any process on this database.
    fn mark_used<'a>(
        &'a self,
        assertions: &'a [UsedAssertion],
    ) -> BoxFuture<'a, Result<Vec<bool>, StoreError>>;

    /// Hands out positions of status lists, in one transaction that is durable when this returns: nobody gets them again.
    /// One block for each request, in their order.
    fn allocate<'a>(
        &'a self,
        requests: &'a [BlockRequest],
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Vec<Block>, StoreError>>;

    /// Notes when credentials were used. No change: it makes no revision and no audit record.
    fn touch<'a>(&'a self, used: &'a [(CredentialId, UnixTime)]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// When each credential was last used, as noted, by its name.
    fn last_used(&self) -> BoxFuture<'_, Result<HashMap<String, UnixTime>, StoreError>>;

    /// Forgets what has no use after `now`.
    fn purge(&self, now: UnixTime) -> BoxFuture<'_, Result<(), StoreError>>;
}

impl UsedAssertion {
    /// What is stored of `jti`: of one length, whatever the client wrote.
    fn jti_sha256(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.jti.as_bytes()))
    }
}
