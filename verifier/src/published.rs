//! The keys that an issuer publishes: where they are, what they are, and which there are not.

mod absent;
pub(crate) mod metadata;

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use sha2::{Digest as _, Sha256};

use self::absent::AbsentKeys;
use crate::{
    keys::KeySet,
    refresh::{Ask, Remote},
    time::Timestamp,
};

/// The keys that an issuer publishes.
#[derive(Clone, Debug)]
pub(crate) struct PublishedKeys {
    /// The document that says where they are, if the policy does not.
    metadata: Option<Remote<()>>,
    /// They; none while nobody knows where they are.
    set: Option<Remote<KeySet>>,
    absent: AbsentKeys,
    max_stale: u64,
}

/// The documents of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    KeySet,
    Metadata,
    /// Of which there are many, each with its own tag.
    StatusList,
}

/// What a token lacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Any keys.
    Keys,
    /// The key of this `kid`.
    Key(Option<String>),
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cure<T> {
    /// Fetch this.
    Fetch(T),
    /// It is being fetched.
    Wait,
    /// Nothing: it was fetched, or tried, too short a time ago.
    None,
}

impl PublishedKeys {
    /// Keys at a known URL.
    pub(crate) fn at(url: String, max_stale: u64) -> Self {
        Self { set: Some(Remote::new(url, max_stale)), ..Self::nowhere(max_stale) }
    }

    /// Keys at a URL that a metadata document names.
    pub(crate) fn discovered_at(metadata_url: String, max_stale: u64) -> Self {
        Self { metadata: Some(Remote::new(metadata_url, max_stale)), ..Self::nowhere(max_stale) }
    }

    fn nowhere(max_stale: u64) -> Self {
        Self { metadata: None, set: None, absent: AbsentKeys::default(), max_stale }
    }

    /// The keys, while there is a copy young enough.
    pub(crate) fn keys(&mut self, now: Timestamp) -> Option<&mut KeySet> {
        self.set.as_mut().and_then(|set| set.document_mut(now))
    }

    /// Whether there is a copy young enough.
    pub(crate) fn serves(&self, now: Timestamp) -> bool {
        self.set.as_ref().is_some_and(|set| set.document(now).is_some())
    }

    /// The documents to fetch, request or no request, with their URLs.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(Document, String)> {
        let mut due = Vec::new();
        if let Some(metadata) = &mut self.metadata
            && metadata.is_due(now)
            && metadata.ask(now) == Ask::Fetch
        {
            due.push((Document::Metadata, metadata.url().to_owned()));
        }
        if let Some(set) = &mut self.set
            && set.is_due(now)
            && set.ask(now) == Ask::Fetch
        {
            due.push((Document::KeySet, set.url().to_owned()));
        }
        due
    }

    /// Asks to fetch what a token lacked.
    pub(crate) fn cure(&mut self, lack: &Lack, now: Timestamp) -> Cure<(Document, String)> {
        let Some(set) = &mut self.set else {
            let Some(metadata) = &mut self.metadata else { return Cure::None };
            return cure(metadata.ask(now), Document::Metadata, metadata.url());
        };
        if let Lack::Key(kid) = lack
            && self.absent.holds(kid.as_deref(), set.fetched_at(), now)
        {
            return Cure::None;
        }
        let ask = set.ask(now);
        // Whoever waits is answered from a document that may have been made before the question.
        if let (Lack::Key(kid), Ask::Fetch) = (lack, ask) {
            self.absent.asked_for(kid.as_deref(), now);
        }
        cure(ask, Document::KeySet, set.url())
    }

    /// A status list lacked a key: the set is due, unless it was fetched for that key already.
    pub(crate) fn renew_for(&mut self, kid: Option<&str>, now: Timestamp) {
        if let Some(set) = &mut self.set
            && !self.absent.holds(kid, set.fetched_at(), now)
        {
            self.absent.asked_for(kid, now);
            set.expire();
        }
    }

    /// A good key set came.
    pub(crate) fn supply_keys(&mut self, keys: KeySet, cache_control: &str, now: Timestamp) {
        let Some(set) = &mut self.set else { return };
        let replaced = set.supply(keys, cache_control, now);
        if let (Some(older), Some(keys)) = (replaced, set.document_mut(now)) {
            keys.adopt(older);
        }
    }

    /// Good metadata came, which say where the keys are.
    pub(crate) fn supply_metadata(&mut self, jwks_uri: String, cache_control: &str, now: Timestamp) {
        let Some(metadata) = &mut self.metadata else { return };
        metadata.supply((), cache_control, now);
        match &mut self.set {
            None => self.set = Some(Remote::new(jwks_uri, self.max_stale)),
            Some(set) if set.url() == jwks_uri => {}
            Some(set) => set.relocate(jwks_uri),
        }
    }

    /// A document did not come, or not a good one.
    pub(crate) fn fail(&mut self, document: Document, now: Timestamp) {
        match document {
            Document::KeySet => {
                let Some(set) = &mut self.set else { return };
                set.fail(now);
                // Perhaps the keys are elsewhere by now.
                if set.failures() > 1
                    && let Some(metadata) = &mut self.metadata
                {
                    metadata.expire();
                }
            }
            Document::Metadata => {
                if let Some(metadata) = &mut self.metadata {
                    metadata.fail(now);
                }
            }
            Document::StatusList => {}
        }
    }

    /// What tells a document from another that was in its place before: of a key set that was discovered,
    /// some bits of a digest of its URL. A fetch from the old place may end after the keys have moved.
    pub(crate) fn tag(&self, document: Document) -> u16 {
        match (document, &self.metadata, &self.set) {
            (Document::KeySet, Some(_), Some(set)) => {
                let digest = Sha256::digest(set.url());
                digest.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
            }
            _ => 0,
        }
    }

    /// Whether this issuer has such a document to fetch.
    pub(crate) fn has(&self, document: Document) -> bool {
        match document {
            Document::KeySet => self.set.is_some(),
            Document::Metadata => self.metadata.is_some(),
            Document::StatusList => false,
        }
    }
}

impl<T> Cure<T> {
    /// What to fetch, told in another way.
    pub(crate) fn map<U>(self, tell: impl FnOnce(T) -> U) -> Cure<U> {
        match self {
            Cure::Fetch(what) => Cure::Fetch(tell(what)),
            Cure::Wait => Cure::Wait,
            Cure::None => Cure::None,
        }
    }
}

fn cure(ask: Ask, document: Document, url: &str) -> Cure<(Document, String)> {
    match ask {
        Ask::Fetch => Cure::Fetch((document, url.to_owned())),
        Ask::Wait => Cure::Wait,
        Ask::TooSoon => Cure::None,
    }
}

#[cfg(test)]
mod tests;
