//! The keys that are known not to be in a key set.
//!
//! A token with a `kid` that its issuer does not know would otherwise be worth a fetch each time the
//! cooldown is over, for as long as somebody keeps sending it.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::{limits, time::Timestamp};

/// A bounded memory of `kid`s that a fetch was made for.
#[derive(Clone, Debug, Default)]
pub(super) struct AbsentKeys {
    /// The latest last.
    asked: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    kid: Option<String>,
    at: Timestamp,
}

impl AbsentKeys {
    /// Remembers that a key set is being fetched for this key.
    pub(super) fn asked_for(&mut self, kid: Option<&str>, now: Timestamp) {
        self.asked.retain(|asked| asked.kid.as_deref() != kid);
        if self.asked.len() >= limits::ABSENT_KEYS {
            self.asked.remove(0);
        }
        self.asked.push(Asked { kid: kid.map(ToOwned::to_owned), at: now });
    }

    /// Whether a key set that came after this key was asked for did not bring it, not long ago.
    pub(super) fn holds(&self, kid: Option<&str>, fetched_at: Option<Timestamp>, now: Timestamp) -> bool {
        let known = self.asked.iter().find(|asked| asked.kid.as_deref() == kid);
        known.is_some_and(|asked| {
            fetched_at.is_some_and(|fetched_at| fetched_at >= asked.at)
                && asked.at <= now
                && now < asked.at.plus(limits::ABSENT_KEY_SECONDS)
        })
    }
}
