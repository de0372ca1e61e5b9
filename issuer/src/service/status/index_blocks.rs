//! The blocks that this process has, and what is left of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{
    Block, ListId, MAX_BLOCK, MIN_BLOCK, Revocations, StatusList, TokenParties, UnixTime, WINDOW,
};

/// Most holders and windows whose blocks are at hand, at some 300 bytes each. If there are more, all are given up: that
/// costs positions, which there are enough of, and never a token.
const MAX_HELD: usize = 100_000;

/// All blocks of this process.
#[derive(Debug, Default)]
pub(super) struct IndexBlocks {
    held: Mutex<BlocksAtHand>,
}

#[derive(Debug, Default)]
struct BlocksAtHand {
    blocks: HashMap<(TokenParties, UnixTime), Arc<PartyBlocks>>,
    /// The lists of these blocks: one copy of each, since its permutation takes a while to compute.
    lists: HashMap<ListId, Arc<StatusList>>,
    /// When expired blocks were last dropped.
    swept: UnixTime,
}

/// The block of one holder and window.
#[derive(Debug)]
pub(super) struct PartyBlocks {
    open: Mutex<PartyState>,
    refilling: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct PartyState {
    block: Option<CurrentBlock>,
    /// How long the next block is.
    length: u32,
}

#[derive(Debug)]
struct CurrentBlock {
    block: Block,
    /// Which key signs its tokens.
    kid: String,
    /// How many of its positions are taken.
    used: u32,
}

/// A position that is taken.
#[derive(Debug)]
pub(super) struct Allocated {
    pub(super) list: Arc<StatusList>,
    pub(super) position: u32,
}

/// The right to be the one who asks for a holder's next block.
#[derive(Debug)]
pub(super) struct Refilling<'a> {
    places: &'a PartyBlocks,
    _alone: tokio::sync::MutexGuard<'a, ()>,
}

impl IndexBlocks {
    /// Those of a holder and a window.
    pub(super) fn of(&self, parties: &TokenParties, window: UnixTime, now: UnixTime) -> Arc<PartyBlocks> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (parties.clone(), window);
        if let Some(places) = held.blocks.get(&key) {
            return Arc::clone(places);
        }
        held.sweep(now);
        // A client that needed much in the last window will need as much in this one; one that slowed down, less.
        let before = held.blocks.get(&(parties.clone(), window.minus(WINDOW)));
        let length = before.map_or(MIN_BLOCK, |before| (before.lock().length / 4).max(MIN_BLOCK));
        let places = Arc::new(PartyBlocks {
            open: Mutex::new(PartyState { block: None, length }),
            refilling: tokio::sync::Mutex::default(),
        });
        held.blocks.insert(key, Arc::clone(&places));
        places
    }

    /// The block, in a list whose permutation may be there already.
    pub(super) fn with_known_list(&self, block: Block, now: UnixTime) -> Block {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Block { list: held.known_list(block.list, now), ..block }
    }
}

impl BlocksAtHand {
    fn known_list(&mut self, list: Arc<StatusList>, now: UnixTime) -> Arc<StatusList> {
        if let Some(known) = self.lists.get(&list.id) {
            return Arc::clone(known);
        }
        self.lists.retain(|_, list| list.is_alive(now));
        self.lists.insert(list.id, Arc::clone(&list));
        list
    }

    fn sweep(&mut self, now: UnixTime) {
        if self.blocks.len() >= MAX_HELD || self.swept.plus(WINDOW) <= now {
            self.blocks.retain(|(_, window), _| now < *window);
            self.swept = now;
        }
        if self.blocks.len() >= MAX_HELD {
            self.blocks.clear();
        }
    }
}

impl PartyBlocks {
    /// A position at hand for a token that `kid` signs. What is left of a block goes when it is revoked, or another key
    /// signs.
    pub(super) fn take(&self, kid: &str, revocations: &Revocations) -> Option<Allocated> {
        let mut open = self.lock();
        let held = open.block.as_mut()?;
        let position = held.block.start + held.used;
        let list = Arc::clone(&held.block.list);
        if held.used == held.block.length || held.kid != kid || revocations.covers(list.id, position) {
            open.block = None;
            return None;
        }
        held.used += 1;
        Some(Allocated { list, position })
    }

    /// Waits for the right to ask for the next block.
    pub(super) async fn refilling(&self) -> Refilling<'_> {
        Refilling { places: self, _alone: self.refilling.lock().await }
    }

    fn lock(&self) -> MutexGuard<'_, PartyState> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refilling<'_> {
    /// How long the block has to be.
    pub(super) fn length(&self) -> u32 {
        self.places.lock().length
    }

    /// Puts the block at hand, after its first position is taken.
    pub(super) fn refill(self, block: Block, kid: &str) -> Allocated {
        let taken = Allocated { list: Arc::clone(&block.list), position: block.start };
        let mut open = self.places.lock();
        open.length = (block.length * 2).min(MAX_BLOCK);
        open.block = Some(CurrentBlock { block, kid: kid.to_owned(), used: 1 });
        taken
    }
}
