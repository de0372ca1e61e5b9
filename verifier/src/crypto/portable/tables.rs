//! What prepared keys share: the memory they may take, and the tables of the generators.

use alloc::sync::Arc;
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{ed25519, p256};
use crate::limits;

/// The tables of the curves' generators, and a budget for them and all keys' tables. Clones share both.
#[derive(Clone)]
pub(crate) struct Tables {
    free: Arc<AtomicUsize>,
    p256: Option<Arc<p256::Table>>,
    ed25519: Option<Arc<ed25519::Table>>,
}

/// Bytes taken from a budget. They are given back when this is dropped, together with what took them.
pub(super) struct Reservation {
    free: Arc<AtomicUsize>,
    bytes: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self::with_budget(limits::KEY_TABLES_BYTES)
    }
}

impl Tables {
    /// No tables yet, and so many bytes for them.
    pub(super) fn with_budget(bytes: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(bytes)), p256: None, ed25519: None }
    }

    /// Takes bytes from the budget, if they are there.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes))
            .is_ok()
            .then(|| Reservation { free: Arc::clone(&self.free), bytes })
    }

    /// The table of P-256's generator, unless the budget is used up.
    pub(super) fn p256(&mut self) -> Option<Arc<p256::Table>> {
        if self.p256.is_none() {
            self.p256 = p256::Table::of_generator(self).map(Arc::new);
        }
        self.p256.clone()
    }

    /// The table of edwards25519's generator, unless the budget is used up.
    pub(super) fn ed25519(&mut self) -> Option<Arc<ed25519::Table>> {
        if self.ed25519.is_none() {
            self.ed25519 = ed25519::Table::of_generator(self).map(Arc::new);
        }
        self.ed25519.clone()
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("free", &self.free).finish_non_exhaustive()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
