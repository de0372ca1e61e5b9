//! Where the status of each token is: places in status lists for new tokens, and the lists themselves.

mod list;
mod places;

use std::fmt;
use std::sync::Arc;

use list::SignedLists;
pub use list::{ListError, SignedList};
use places::{HolderPlaces, Places, Taken};

use crate::domain::{
    Algorithm, BlockRequest, Holder, Revocations, StatusPlace, StatusTtl, UnixTime, window_end,
};
use crate::store::{Allocation, AllocationError, Store};

/// Status lists of one issuer.
pub struct Statuses {
    ttl: StatusTtl,
    store: Arc<dyn Store>,
    allocation: Allocation,
    places: Places,
    lists: SignedLists,
}

/// The token that a place is for.
#[derive(Clone, Debug)]
pub(super) struct NewToken<'a> {
    pub(super) holder: Holder,
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
        let allocation = Allocation::new(Arc::clone(&store), clock);
        Self { ttl, store, allocation, places: Places::default(), lists: SignedLists::default() }
    }

    /// How long a list may be kept.
    #[must_use]
    pub const fn ttl(&self) -> StatusTtl {
        self.ttl
    }

    pub(super) const fn lists(&self) -> &SignedLists {
        &self.lists
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
    ) -> Result<StatusPlace, AllocationError> {
        let window = window_end(token.expires_at);
        let held = self.places.of(&token.holder, window, now);
        let place = match held.take(token.kid, revocations) {
            Some(place) => place,
            None => self.refill(&held, token, window, revocations, now).await?,
        };
        Ok(StatusPlace { list: place.list.id, index: place.list.index(place.position) })
    }

    /// Gets the holder another block, and the token its first position. Of those who wait one asks for it, and the others
    /// find it.
    async fn refill(
        &self,
        held: &HolderPlaces,
        token: NewToken<'_>,
        window: UnixTime,
        revocations: &Revocations,
        now: UnixTime,
    ) -> Result<Taken, AllocationError> {
        let refilling = held.refilling().await;
        if let Some(place) = held.take(token.kid, revocations) {
            return Ok(place);
        }
        let NewToken { holder, kid, algorithm, .. } = token;
        let request = BlockRequest {
            holder,
            kid: kid.to_owned(),
            algorithm,
            expires_at: window,
            length: refilling.length(),
        };
        let block = self.allocation.allocate(request).await?;
        Ok(refilling.refill(self.places.with_known_list(block, now), kid))
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuses").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
