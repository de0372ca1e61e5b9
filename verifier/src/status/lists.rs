//! The status lists that tokens refer to: which are fetched, which are kept, and what they say.
//!
//! A list is met through a token whose signature is good, never through another. It is fetched as long as tokens refer
//! to it, and forgotten when the last of them has expired or none came for a while. How many there are and how much
//! memory they take is bounded; the one that was not asked for longest makes room.

use alloc::{string::String, sync::Arc, vec::Vec};

use hashbrown::HashTable;

use super::{ListName, StatusList, StatusListToken, StatusReference};
use crate::{
    document::DocumentError,
    fetch::{DocumentId, DocumentKind, FetchPlan, FetchRequest, MayFetch},
    keys::Fingerprint,
    limits,
    policy::StatusRules,
    refresh::{CachedDocument, Freshness, max_age},
    time::{SharedTimestamp, Timestamp},
};

/// Status lists, of all issuers.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusLists {
    entries: HashTable<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: ListName,
    document: CachedDocument<ListCopy>,
    /// When a token was last held against it.
    used_at: SharedTimestamp,
    /// Until when there are tokens that refer to it; [`NEVER`] if no token of this verifier did.
    needed_until: SharedTimestamp,
}

/// What there is of a list.
#[derive(Clone, Debug)]
struct ListCopy {
    list: Arc<StatusList>,
    issued: Timestamp,
    /// The key that signed it.
    key: Fingerprint,
}

/// What the list of a token says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Its status.
    Status(u8),
    /// The list has only so many statuses.
    Beyond(u64),
    /// There is no list that could be relied on.
    Missing {
        /// Whether fetching it was tried already, in vain.
        failing: bool,
    },
}

impl StatusLists {
    /// Looks up the status of a token, which will be asked for until the token expires.
    pub(crate) fn look_up(&self, reference: &StatusReference, expiry: Timestamp, now: Timestamp) -> Lookup {
        let Some(entry) = self.find(reference.list) else { return Lookup::Missing { failing: false } };
        entry.refer(expiry, now);
        match entry.document.document(now) {
            Some(copy) => {
                copy.list.get(reference.index).map_or(Lookup::Beyond(copy.list.len()), Lookup::Status)
            }
            None => Lookup::Missing { failing: entry.document.failures() > 0 },
        }
    }

    /// Takes note of a list that a good token refers to, until it expires.
    pub(crate) fn meet(
        &mut self,
        reference: &StatusReference,
        expiry: Timestamp,
        rules: &StatusRules,
        now: Timestamp,
    ) {
        if self.find(reference.list).is_none() {
            self.insert(Entry::new(reference.list, reference.uri.clone(), rules, now));
        }
        if let Some(entry) = self.find(reference.list) {
            entry.refer(expiry, now);
        }
    }

    /// Forgets what nobody needs any more, and names the lists to fetch.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<FetchRequest> {
        self.entries.retain(|entry| entry.is_needed(now));
        let needed = self.entries.iter_mut().filter(|entry| entry.needed_until.get() != NEVER);
        needed.filter_map(|entry| entry.document.fetch_if_due(now)).collect()
    }

    /// Says what to do about a list that a token lacked.
    pub(crate) fn plan(&mut self, name: ListName, may_fetch: MayFetch, now: Timestamp) -> FetchPlan {
        let entry = self.entries.find_mut(name.hash(), |entry| entry.name == name);
        entry.map_or(FetchPlan::Nothing, |entry| entry.document.plan(may_fetch, now))
    }

    /// A good list of this issuer came. One that was not met before is kept, too: another verifier of the same policy
    /// met it. Names it, if any status in it is another than it was.
    pub(crate) fn supply(
        &mut self,
        id: DocumentId,
        token: StatusListToken,
        key: Fingerprint,
        caching: &str,
        (rules, skew): (&StatusRules, u64),
        now: Timestamp,
    ) -> Result<Option<ListName>, DocumentError> {
        let StatusListToken { uri, issued, expiry, ttl, list } = token;
        let name = ListName::new(id.issuer(), &uri);
        if name.id() != id {
            return Err(DocumentError::OtherList(crate::Excerpt::new(&uri)));
        }
        if self.find(name).is_none() {
            self.insert(Entry::new(name, uri, rules, now));
        }
        let size = list.size();
        let Some(entry) = self.entries.find_mut(name.hash(), |entry| entry.name == name) else {
            return Err(DocumentError::Unwanted);
        };
        // Whoever could replay an older list could let pass what was revoked since, also when the newer one no longer
        // serves.
        let known = entry.document.copy().map(|copy| copy.issued);
        if let Some(known) = known.filter(|known| issued < *known) {
            return Err(DocumentError::ListOutdated { issued, known });
        }
        let fresh = freshness(ttl, caching);
        // What is in it was so when it was asked for, at the latest.
        let since = entry.document.asked_at(now).unwrap_or(now);
        let left = expiry
            .map_or(u64::MAX, |expiry| expiry.plus(skew).as_seconds().saturating_sub(since.as_seconds()));
        let freshness = Freshness {
            since,
            fresh: fresh.min(left),
            usable: fresh.saturating_add(rules.max_stale).min(left),
            pause: pause(fresh),
        };
        let copy = ListCopy { list: Arc::new(list), issued, key };
        let changed = match entry.document.accept(copy, freshness, now) {
            Some(replaced) => entry.document.document(now).is_none_or(|copy| copy.list != replaced.list),
            None => true,
        };
        self.make_room_beside(name, size);
        Ok(changed.then_some(name))
    }

    /// A list did not come, or not a good one.
    pub(crate) fn fail(&mut self, id: DocumentId, now: Timestamp) {
        for entry in self.entries.iter_mut().filter(|entry| entry.document.id() == id) {
            entry.document.fail(now);
        }
    }

    /// Gives up the lists of an issuer that were signed by keys which it has withdrawn.
    pub(crate) fn forget_unless(&mut self, issuer: usize, keeps: impl Fn(&Fingerprint) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| entry.name.issuer() == issuer) {
            entry.document.forget_unless(|copy| keeps(&copy.key));
        }
    }

    /// What a list says about an index; nothing, if it is not there or does not go that far.
    pub(crate) fn status(&self, reference: &StatusReference, now: Timestamp) -> Option<u8> {
        self.find(reference.list)?.document.document(now)?.list.get(reference.index)
    }

    fn find(&self, name: ListName) -> Option<&Entry> {
        self.entries.find(name.hash(), |entry| entry.name == name)
    }

    fn insert(&mut self, entry: Entry) {
        let issuer = entry.name.issuer();
        let own = |entry: &&Entry| entry.name.issuer() == issuer;
        if self.entries.iter().filter(own).count() >= limits::STATUS_LISTS {
            let oldest = self.entries.iter().filter(own).min_by_key(|entry| entry.used_at.get());
            if let Some(name) = oldest.map(|entry| entry.name) {
                self.remove(name);
            }
        }
        self.entries.insert_unique(entry.name.hash(), entry, |entry| entry.name.hash());
    }

    /// Lets lists go until the others leave room for this one.
    fn make_room_beside(&mut self, name: ListName, size: usize) {
        let others = |entry: &&Entry| entry.name != name && entry.size() > 0;
        let mut bytes = size + self.entries.iter().filter(others).map(Entry::size).sum::<usize>();
        while bytes > limits::STATUS_LISTS_BYTES
            && let Some(oldest) = self.entries.iter().filter(others).min_by_key(|entry| entry.used_at.get())
        {
            bytes -= oldest.size();
            let oldest = oldest.name;
            self.remove(oldest);
        }
    }

    fn remove(&mut self, name: ListName) {
        if let Ok(entry) = self.entries.find_entry(name.hash(), |entry| entry.name == name) {
            entry.remove();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::size).sum()
    }
}

impl Entry {
    fn new(name: ListName, uri: String, rules: &StatusRules, now: Timestamp) -> Self {
        let (kind, pause) = (DocumentKind::StatusList, pause(limits::STATUS_FRESHNESS_DEFAULT_SECONDS));
        let document = CachedDocument::new(kind, name.issuer(), uri, rules.max_stale).with_pause(pause);
        let (used_at, needed_until) = (SharedTimestamp::new(now), SharedTimestamp::new(NEVER));
        Self { name, document, used_at, needed_until }
    }

    /// Whether a token may refer to it yet. A list that only others met is of use as long as its copy is.
    fn is_needed(&self, now: Timestamp) -> bool {
        match self.needed_until.get() {
            NEVER => self.document.document(now).is_some(),
            until => now < until && now < self.used_at.get().plus(limits::STATUS_IDLE_SECONDS),
        }
    }

    /// A token refers to it that expires at that time.
    fn refer(&self, expiry: Timestamp, now: Timestamp) {
        self.used_at.set(now);
        self.needed_until.set(self.needed_until.get().max(expiry));
    }

    fn size(&self) -> usize {
        self.document.copy().map_or(0, |copy| copy.list.size())
    }
}

/// Before every token's expiry.
const NEVER: Timestamp = Timestamp::from_seconds(0);

/// The pause between two fetches of a list that is fresh for so many seconds: a fifth of that, the time that is left when
/// a newer one is wanted.
fn pause(fresh: u64) -> u64 {
    (fresh / 5).clamp(1, limits::FETCH_COOLDOWN_SECONDS)
}

/// For how long a list is fresh, in seconds: as its issuer says in it or in the answer that it came with, whichever is
/// shorter.
fn freshness(ttl: Option<u64>, caching: &str) -> u64 {
    let (least, most) = (*limits::STATUS_FRESHNESS_SECONDS.start(), *limits::STATUS_FRESHNESS_SECONDS.end());
    [ttl, max_age(caching)]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(limits::STATUS_FRESHNESS_DEFAULT_SECONDS)
        .clamp(least, most)
}
