//! Where the status of each token is: blocks in status lists for new tokens, and the lists themselves.

mod index_blocks;
mod list;

use std::fmt;
use std::sync::Arc;

use index_blocks::{Allocated, IndexBlocks, PartyBlocks};
pub use list::{ListError, SignedList};
use list::{SignedLists, Signing};

use super::Endpoints;
use crate::domain::{
    Algorithm, Block, BlockRequest, IssuerId, ListId, Revocations, StatusIndex, StatusTtl, TokenParties,
    UnixTime, window_end,
};
use crate::store::{BatchError, Batcher, Snapshots, Store};

/// Status lists of one issuer.
pub struct Statuses {
    ttl: StatusTtl,
    store: Arc<dyn Store>,
    allocation: Batcher<BlockRequest, Block>,
    blocks: IndexBlocks,
    lists: SignedLists,
}

/// The token that a place is for.
#[derive(Clone, Debug)]
pub(super) struct NewToken<'a> {
    pub(super) parties: TokenParties,
    /// Which key will sign it.
    pub(super) kid: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) expires_at: UnixTime,
}

impl Statuses {
    /// Lists in `store`, each of which may be kept for `ttl`.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ttl: StatusTtl, clock: fn() -> UnixTime) -> Self {
        let allocation = Batcher::start({
            let store = Arc::clone(&store);
            move |requests: Vec<BlockRequest>| {
                let store = Arc::clone(&store);
                async move { store.allocate(&requests, clock()).await }
            }
        });
        Self { ttl, store, allocation, blocks: IndexBlocks::default(), lists: SignedLists::default() }
    }

    /// How long a list may be kept.
    #[must_use]
    pub const fn ttl(&self) -> StatusTtl {
        self.ttl
    }

    /// The list of that name, signed; not older than half the time for which it may be kept.
    pub(super) async fn list(
        &self,
        id: ListId,
        snapshots: &Snapshots,
        issuer: &IssuerId,
        endpoints: &Endpoints,
        now: UnixTime,
    ) -> Result<SignedList, ListError> {
        let signing = Signing { issuer, url: endpoints.status_list(id), ttl: self.ttl, now };
        self.lists.get(id, snapshots, signing).await
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A place that is this token's alone, on all replicas and for as long as its list lives. Mostly one that is at hand;
    /// otherwise this waits for the store.
    pub(super) async fn place(
        &self,
        token: NewToken<'_>,
        revocations: &Revocations,
        now: UnixTime,
    ) -> Result<StatusIndex, BatchError> {
        let window = window_end(token.expires_at);
        let held = self.blocks.of(&token.parties, window, now);
        let allocated = match held.take(token.kid, revocations) {
            Some(allocated) => allocated,
            None => self.refill(&held, token, window, revocations, now).await?,
        };
        Ok(StatusIndex { list: allocated.list.id, index: allocated.list.index(allocated.position) })
    }

    /// Gets the holder another block, and the token its first position. Of those who wait one asks for it, and the others
    /// find it.
    async fn refill(
        &self,
        held: &PartyBlocks,
        token: NewToken<'_>,
        window: UnixTime,
        revocations: &Revocations,
        now: UnixTime,
    ) -> Result<Allocated, BatchError> {
        let refilling = held.refilling().await;
        if let Some(allocated) = held.take(token.kid, revocations) {
            return Ok(allocated);
        }
        let NewToken { parties, kid, algorithm, .. } = token;
        let request = BlockRequest {
            parties,
            kid: kid.to_owned(),
            algorithm,
            expires_at: window,
            length: refilling.length(),
        };
        let block = self.allocation.ask(request).await?;
        Ok(refilling.refill(self.blocks.with_known_list(block, now), kid))
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuses").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
