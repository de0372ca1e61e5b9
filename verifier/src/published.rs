//! The keys that an issuer publishes: where they are, what they are, and which there are not.

mod absent;
pub(crate) mod metadata;

use alloc::{string::String, sync::Arc, vec::Vec};

use self::absent::AbsentKeys;
use crate::{
    fetch::{DocumentId, DocumentKind, FetchPlan, FetchRequest, MayFetch},
    keys::KeySet,
    refresh::CachedDocument,
    time::Timestamp,
};

/// The keys that an issuer publishes.
#[derive(Clone, Debug)]
pub(crate) struct PublishedKeys {
    /// The index of the issuer in the policy.
    issuer: usize,
    /// The metadata that name the key set's URL; `None` if the policy does.
    metadata: Option<CachedDocument<()>>,
    /// The key set; `None` until discovery has found its URL.
    set: Option<CachedDocument<Arc<KeySet>>>,
    absent: AbsentKeys,
    /// How long a copy serves while fetching fails, in seconds.
    max_stale: u64,
}

/// What a token lacked of its issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MissingKey {
    /// Any keys.
    All,
    /// The key of this `kid`.
    Key(Option<String>),
}

impl PublishedKeys {
    /// Keys at a known URL, of the issuer at this index.
    pub(crate) fn at(issuer: usize, url: String, max_stale: u64) -> Self {
        let set = CachedDocument::new(DocumentKind::KeySet, issuer, url, max_stale);
        Self { set: Some(set), ..Self::nowhere(issuer, max_stale) }
    }

    /// Keys at a URL that a metadata document names, of the issuer at this index.
    pub(crate) fn discovered_at(issuer: usize, metadata_url: String, max_stale: u64) -> Self {
        let metadata = CachedDocument::new(DocumentKind::Metadata, issuer, metadata_url, max_stale);
        Self { metadata: Some(metadata), ..Self::nowhere(issuer, max_stale) }
    }

    fn nowhere(issuer: usize, max_stale: u64) -> Self {
        Self { issuer, metadata: None, set: None, absent: AbsentKeys::default(), max_stale }
    }

    /// The keys, while there is a copy young enough.
    pub(crate) fn keys(&self, now: Timestamp) -> Option<&KeySet> {
        self.set.as_ref().and_then(|set| set.document(now)).map(Arc::as_ref)
    }

    /// Whether there is a copy young enough.
    pub(crate) fn serves(&self, now: Timestamp) -> bool {
        self.set.as_ref().is_some_and(|set| set.document(now).is_some())
    }

    /// The documents to fetch, request or no request.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<FetchRequest> {
        let metadata = self.metadata.as_mut().and_then(|metadata| metadata.fetch_if_due(now));
        let set = self.set.as_mut().and_then(|set| set.fetch_if_due(now));
        metadata.into_iter().chain(set).collect()
    }

    /// Says what to do about the keys that a token lacked.
    pub(crate) fn plan(&mut self, missing: &MissingKey, may_fetch: MayFetch, now: Timestamp) -> FetchPlan {
        let Some(set) = &mut self.set else {
            let metadata = self.metadata.as_mut();
            return metadata.map_or(FetchPlan::Nothing, |metadata| metadata.plan(may_fetch, now));
        };
        if let MissingKey::Key(kid) = missing
            && self.absent.holds(kid.as_deref(), set.fetched_at(), now)
        {
            return FetchPlan::Nothing;
        }
        let plan = set.plan(may_fetch, now);
        // Whoever waits is answered from a document that may have been made before the question.
        if let (MissingKey::Key(kid), FetchPlan::Fetch(_)) = (missing, &plan) {
            self.absent.asked_for(kid.as_deref(), now);
        }
        plan
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
    pub(crate) fn supply_keys(&mut self, mut keys: KeySet, cache_control: &str, now: Timestamp) {
        let Some(set) = &mut self.set else { return };
        if let Some(older) = set.copy() {
            keys.adopt(older);
        }
        set.supply(Arc::new(keys), cache_control, now);
    }

    /// Good metadata came, which say where the keys are.
    pub(crate) fn supply_metadata(&mut self, jwks_uri: String, cache_control: &str, now: Timestamp) {
        let Some(metadata) = &mut self.metadata else { return };
        metadata.supply((), cache_control, now);
        match &mut self.set {
            None => {
                let set = CachedDocument::new(DocumentKind::KeySet, self.issuer, jwks_uri, self.max_stale);
                self.set = Some(set);
            }
            Some(set) if set.url() == jwks_uri => {}
            Some(set) => set.relocate(jwks_uri),
        }
    }

    /// A document did not come, or not a good one.
    pub(crate) fn fail(&mut self, kind: DocumentKind, now: Timestamp) {
        match kind {
            DocumentKind::KeySet => {
                let Some(set) = &mut self.set else { return };
                set.fail(now);
                // Perhaps the keys are elsewhere by now.
                if set.failures() > 1
                    && let Some(metadata) = &mut self.metadata
                {
                    metadata.expire();
                }
            }
            DocumentKind::Metadata => {
                if let Some(metadata) = &mut self.metadata {
                    metadata.fail(now);
                }
            }
            DocumentKind::StatusList => {}
        }
    }

    /// Whether this document is one of the issuer's to fetch. A fetch from an old place may end after the keys have
    /// moved.
    pub(crate) fn has(&self, id: DocumentId) -> bool {
        let known = match id.kind() {
            DocumentKind::KeySet => self.set.as_ref().map(CachedDocument::id),
            DocumentKind::Metadata => self.metadata.as_ref().map(CachedDocument::id),
            DocumentKind::StatusList => None,
        };
        known == Some(id)
    }
}

#[cfg(test)]
mod tests;
