//! What prepared keys share: the memory they may take, and the tables of the generators.

use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use once_cell::race::OnceBox;

use super::{ed25519, p256};
use crate::limits;

/// The tables of the curves' generators, and a budget for them and all keys' tables. Clones share both.
#[derive(Clone)]
pub(crate) struct Tables(Arc<Generators>);

struct Generators {
    free: Arc<AtomicUsize>,
    p256: OnceBox<Arc<p256::Table>>,
    ed25519: OnceBox<Arc<ed25519::Table>>,
}

/// The tables of one key, made once it has verified some signatures.
pub(super) struct KeyTables<T> {
    made: OnceBox<T>,
    /// How many good signatures the key verified without them.
    verified: AtomicU32,
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
        let free = Arc::new(AtomicUsize::new(bytes));
        Self(Arc::new(Generators { free, p256: OnceBox::new(), ed25519: OnceBox::new() }))
    }

    /// Takes bytes from the budget, if they are there.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let free = &self.0.free;
        free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes))
            .is_ok()
            .then(|| Reservation { free: Arc::clone(free), bytes })
    }

    /// The table of P-256's generator, unless the budget is used up.
    pub(super) fn p256(&self) -> Option<Arc<p256::Table>> {
        shared(&self.0.p256, || p256::Table::of_generator(self))
    }

    /// The table of edwards25519's generator, unless the budget is used up.
    pub(super) fn ed25519(&self) -> Option<Arc<ed25519::Table>> {
        shared(&self.0.ed25519, || ed25519::Table::of_generator(self))
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.free.load(Ordering::Relaxed)
    }
}

/// The content of a cell, made if it is empty. Of threads that make it at the same time one wins.
fn shared<T>(cell: &OnceBox<Arc<T>>, make: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
    let make = || make().map(|table| Box::new(Arc::new(table))).ok_or(());
    cell.get_or_try_init(make).ok().cloned()
}

impl<T> KeyTables<T> {
    pub(super) const fn new() -> Self {
        Self { made: OnceBox::new(), verified: AtomicU32::new(0) }
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.made.get()
    }

    /// Notes a good signature. Each [`limits::KEY_TABLE_SIGNATURES`] of them, until it succeeds, the tables are made: by
    /// the one thread whose signature it was, while others go on without.
    pub(super) fn verified(&self, make: impl FnOnce() -> Option<T>) {
        if self.made.get().is_none()
            && (self.verified.fetch_add(1, Ordering::Relaxed) + 1)
                .is_multiple_of(limits::KEY_TABLE_SIGNATURES)
        {
            self.make(make);
        }
    }

    /// Makes the tables, if there are none and the budget has room for them.
    pub(super) fn make(&self, make: impl FnOnce() -> Option<T>) {
        if self.made.get().is_none()
            && let Some(tables) = make()
        {
            // Somebody else may have been quicker; both are the same.
            drop(self.made.set(Box::new(tables)));
        }
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("free", &self.0.free).finish_non_exhaustive()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
