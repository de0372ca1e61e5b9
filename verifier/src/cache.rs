//! Tokens that were verified, so that the next request with one costs a digest and not a signature.
//!
//! A token is found by its whole SHA-256: the bytes of a signature are no identity, since a signature can
//! have several forms, and a token kept here in full could be stolen from here. What changes with time or
//! from route to route is asked again of a remembered token: expiry, audience, scopes, conditions.

use alloc::{collections::VecDeque, sync::Arc};

use hashbrown::HashTable;
use sha2::{Digest as _, Sha256};

use crate::{decision::VerifiedToken, policy::CacheBounds};

/// The SHA-256 of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenDigest([u8; 32]);

/// Verified tokens, bounded by number and by bytes.
#[derive(Clone, Debug)]
pub(crate) struct TokenCache {
    bounds: CacheBounds,
    entries: HashTable<Entry>,
    /// What the entries take, in bytes.
    bytes: usize,
    /// The order of leaving: who comes first and was not asked for since goes (the clock algorithm).
    queue: VecDeque<TokenDigest>,
}

#[derive(Clone, Debug)]
struct Entry {
    digest: TokenDigest,
    token: Arc<VerifiedToken>,
    /// Asked for since it was last at the head of the queue.
    used: bool,
}

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Some bits of it: whoever could make them collide could make all of it.
    fn hash(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

impl TokenCache {
    pub(crate) fn new(bounds: CacheBounds) -> Self {
        Self { bounds, entries: HashTable::new(), bytes: 0, queue: VecDeque::new() }
    }

    /// Whether it holds anything, ever.
    pub(crate) fn is_on(&self) -> bool {
        self.bounds.entries > 0 && self.bounds.bytes > 0
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&mut self, digest: &TokenDigest) -> Option<Arc<VerifiedToken>> {
        let entry = self.entries.find_mut(digest.hash(), |entry| entry.digest == *digest)?;
        entry.used = true;
        Some(Arc::clone(&entry.token))
    }

    pub(crate) fn insert(&mut self, digest: TokenDigest, token: &Arc<VerifiedToken>) {
        let size = size(token);
        if size > self.bounds.bytes {
            return;
        }
        self.remove(&digest);
        self.compact();
        while self.entries.len() >= self.bounds.entries || self.bytes + size > self.bounds.bytes {
            if !self.make_room() {
                return;
            }
        }
        let entry = Entry { digest, token: Arc::clone(token), used: false };
        self.entries.insert_unique(digest.hash(), entry, |entry| entry.digest.hash());
        self.bytes += size;
        self.queue.push_back(digest);
    }

    /// Lets one entry go, or gives the first of the queue its second chance. Says whether there was one.
    fn make_room(&mut self) -> bool {
        let Some(first) = self.queue.pop_front() else { return false };
        match self.entries.find_mut(first.hash(), |entry| entry.digest == first) {
            Some(entry) if entry.used => {
                entry.used = false;
                self.queue.push_back(first);
            }
            _ => self.remove(&first),
        }
        true
    }

    /// Forgets a token that is good no longer. Its place in the queue stays, until it comes up there.
    pub(crate) fn remove(&mut self, digest: &TokenDigest) {
        if let Ok(entry) = self.entries.find_entry(digest.hash(), |entry| entry.digest == *digest) {
            let (entry, _) = entry.remove();
            self.bytes -= size(&entry.token);
        }
    }

    /// Forgets every token of which this does not hold.
    pub(crate) fn retain(&mut self, keep: impl Fn(&VerifiedToken) -> bool) {
        let mut freed = 0;
        self.entries.retain(|entry| {
            let kept = keep(&entry.token);
            freed += if kept { 0 } else { size(&entry.token) };
            kept
        });
        self.bytes -= freed;
    }

    /// Rids the queue of places whose entries are gone, once they are as many as the others.
    fn compact(&mut self) {
        if self.queue.len() > 2 * self.entries.len() + QUEUE_SLACK {
            self.queue = self.entries.iter().map(|entry| entry.digest).collect();
        }
    }
}

/// How many places without an entry the queue may have, besides as many as there are entries.
const QUEUE_SLACK: usize = 64;

/// What an entry takes, in bytes, with its places in the table and the queue.
fn size(token: &VerifiedToken) -> usize {
    token.bytes() + 2 * size_of::<Entry>() + size_of::<TokenDigest>()
}

#[cfg(test)]
mod tests;
