//! Tokens that were verified, so that the next request with one costs a digest and not a signature.
//!
//! A token is found by all of it: letter by letter up to the middle of its signature, and by the SHA-256 of the
//! rest. The signature alone is no identity, and is not kept in full either: a whole token could be stolen from
//! here. Half of a signature lets nobody complete it, not even with an RSA key of exponent 3, for which all but a
//! third of the bits would do (Coppersmith). All of a token is not digested, since that
//! would cost more than everything else about a request.
//! What changes with time or from route to route is asked again of a remembered token: expiry, audience, scopes,
//! conditions.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc};
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use hashbrown::HashTable;
use sha2::{Digest as _, Sha256};

use crate::{decision::VerifiedToken, policy::CacheBounds};

/// What a token is known by.
#[derive(Clone, Copy)]
pub(crate) struct TokenIdentity<'t> {
    /// Header, payload, and half of the signature.
    head: &'t str,
    tail: TailDigest,
}

/// The SHA-256 of the other half of a token's signature, as it is written in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TailDigest([u8; 32]);

/// Verified tokens, bounded by number and by bytes.
#[derive(Clone, Debug)]
pub(crate) struct TokenCache {
    bounds: CacheBounds,
    entries: HashTable<Arc<Entry>>,
    /// What the entries take, in bytes.
    bytes: usize,
    /// The order of leaving: who comes first and was not asked for since goes (the clock algorithm).
    queue: VecDeque<TailDigest>,
}

/// A verified token, as it is remembered.
pub(crate) struct Entry {
    head: Box<str>,
    digest: TailDigest,
    token: Arc<VerifiedToken>,
    /// Whether it was asked for since it was last at the head of the queue.
    used: AtomicBool,
}

impl<'t> TokenIdentity<'t> {
    /// Of any text: one that is no token is not remembered.
    pub(crate) fn of(token: &'t str) -> Self {
        let signature = token.rfind('.').map_or(0, |dot| dot + 1);
        let (head, tail) = token.split_at_checked(signature.midpoint(token.len())).unwrap_or(("", token));
        Self { head, tail: TailDigest(Sha256::digest(tail).into()) }
    }

    pub(crate) fn digest(&self) -> TailDigest {
        self.tail
    }
}

impl TailDigest {
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

    pub(crate) fn get(&self, token: &TokenIdentity<'_>) -> Option<Arc<VerifiedToken>> {
        let entry = self
            .entries
            .find(token.tail.hash(), |entry| entry.digest == token.tail)
            .filter(|entry| is_same(&entry.head, token.head))?;
        // Written once only, so that threads which ask for the same token do not disturb each other.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.token))
    }

    pub(crate) fn insert(&mut self, entry: Arc<Entry>) {
        let size = entry.bytes();
        if size > self.bounds.bytes {
            return;
        }
        self.remove(&entry.digest);
        self.compact();
        while self.entries.len() >= self.bounds.entries || self.bytes + size > self.bounds.bytes {
            if !self.make_room() {
                return;
            }
        }
        self.queue.push_back(entry.digest);
        self.entries.insert_unique(entry.digest.hash(), entry, |entry| entry.digest.hash());
        self.bytes += size;
    }

    /// Lets one entry go, or gives the first of the queue its second chance. Says whether there was one.
    fn make_room(&mut self) -> bool {
        let Some(first) = self.queue.pop_front() else { return false };
        match self.entries.find(first.hash(), |entry| entry.digest == first) {
            Some(entry) if entry.used.swap(false, Ordering::Relaxed) => self.queue.push_back(first),
            _ => self.remove(&first),
        }
        true
    }

    /// Forgets a token that is good no longer. Its place in the queue stays, until it comes up there.
    pub(crate) fn remove(&mut self, digest: &TailDigest) {
        if let Ok(entry) = self.entries.find_entry(digest.hash(), |entry| entry.digest == *digest) {
            let (entry, _) = entry.remove();
            self.bytes -= entry.bytes();
        }
    }

    /// Forgets every token of which this does not hold.
    pub(crate) fn retain(&mut self, keep: impl Fn(&VerifiedToken) -> bool) {
        let mut freed = 0;
        self.entries.retain(|entry| {
            let kept = keep(&entry.token);
            freed += if kept { 0 } else { entry.bytes() };
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

impl Entry {
    pub(crate) fn new(identity: &TokenIdentity<'_>, token: Arc<VerifiedToken>) -> Arc<Self> {
        Arc::new(Self {
            head: identity.head.into(),
            digest: identity.tail,
            token,
            used: AtomicBool::new(false),
        })
    }

    /// What it takes, in bytes, with its places in the table and the queue.
    fn bytes(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        let places = 2 * size_of::<Arc<Self>>() + size_of::<TailDigest>();
        self.token.bytes() + self.head.len() + size_of::<Self>() + counts + places
    }
}

impl fmt::Debug for Entry {
    /// The head holds claims, which are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Whether two texts are the same. Eight bytes at a time: WebAssembly has no comparison of memory, and what stands
/// in for it goes byte by byte.
fn is_same(one: &str, other: &str) -> bool {
    let ((ones, one_rest), (others, other_rest)) = (one.as_bytes().as_chunks(), other.as_bytes().as_chunks());
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    one.len() == other.len()
        && ones.iter().zip(others).all(|(one, other)| word(one) == word(other))
        && one_rest == other_rest
}

#[cfg(test)]
mod tests;
