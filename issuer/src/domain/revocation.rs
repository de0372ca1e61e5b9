//! What was taken back before its time, and whether a token is of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::access_token::AccessToken;
use super::id::ClientId;
use super::lifetime::MAX_LIFETIME;
use super::status::{LIST_RETENTION, ListId, StatusList};
use super::time::UnixTime;
use super::token_id::TokenId;

/// How long a revocation of many tokens is remembered, in seconds: until the last of them has expired for every clock.
pub const REVOCATION_RETENTION: u64 = MAX_LIFETIME + LIST_RETENTION;

/// What is revoked: one token, or all that were issued so far of a kind. Tokens that are issued later are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// One token.
    Token(TokenId),
    /// Those that a client got, and those that are about it.
    Client(ClientId),
    /// Those that a client got for an audience.
    Grant {
        /// Who calls.
        client: ClientId,
        /// Whom.
        audience: ClientId,
    },
    /// Those that a key signed, by its `kid`.
    Key(String),
}

/// A revocation that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRecord {
    /// What was revoked.
    pub what: Revocation,
    /// When. Tokens issued until then are meant.
    pub at: UnixTime,
    /// From when on all of them have expired anyway.
    pub expires_at: UnixTime,
}

/// By which revocation a token is no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedBy {
    /// Its own.
    Token,
    /// That of the client that got it, of the one that it is about, or of one through whose hands that came.
    Client,
    /// That of the grant that it was issued by.
    Grant,
    /// That of the key that signed it.
    Key,
    /// One that its status list tells of.
    StatusList,
}

/// The status lists of one moment, and everything that is revoked and has not expired.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    lists: BTreeMap<ListId, Arc<RevokedList>>,
    tokens: HashMap<String, RevocationRecord>,
    clients: HashMap<ClientId, RevocationRecord>,
    grants: HashMap<ClientId, HashMap<ClientId, RevocationRecord>>,
    keys: HashMap<String, RevocationRecord>,
}

/// A status list, and which of its positions are revoked.
#[derive(Clone, Debug)]
pub struct RevokedList {
    /// The list.
    pub list: StatusList,
    /// Lengths of the revoked blocks by where they start. Blocks do not overlap.
    blocks: BTreeMap<u32, u32>,
    /// Revoked one by one.
    positions: BTreeSet<u32>,
}

/// What is new.
#[derive(Clone, Debug, Default)]
pub struct RevocationChanges {
    /// New lists.
    pub lists: Vec<StatusList>,
    /// Blocks of known or new lists that are revoked: the list, the first position, how many.
    pub blocks: Vec<(ListId, u32, u32)>,
    /// New revocations.
    pub records: Vec<RevocationRecord>,
    /// When the last of all this came to be.
    pub as_of: UnixTime,
}

impl Revocation {
    /// One word for it, as stored and logged.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Client(_) => "client",
            Self::Grant { .. } => "grant",
            Self::Key(_) => "key",
        }
    }

    /// The name of the token, the client or the key.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Token(id) => id.as_str(),
            Self::Client(client) | Self::Grant { client, .. } => client.as_str(),
            Self::Key(kid) => kid,
        }
    }

    /// The audience of a grant.
    #[must_use]
    pub const fn audience(&self) -> Option<&ClientId> {
        match self {
            Self::Grant { audience, .. } => Some(audience),
            _ => None,
        }
    }
}

impl RevokedBy {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Key => "key",
            Self::StatusList => "status_list",
        }
    }
}

impl Revocations {
    /// These, and what is new. What had expired when that came to be is forgotten: what is held grows only when
    /// something new comes, so that is when it has to shrink.
    #[must_use]
    pub fn with(mut self, changes: RevocationChanges) -> Self {
        let RevocationChanges { lists, blocks, records, as_of } = changes;
        self.forget(as_of);
        for list in lists {
            let revoked = RevokedList { list, blocks: BTreeMap::new(), positions: BTreeSet::new() };
            self.lists.insert(revoked.list.id, Arc::new(revoked));
        }
        for (list, start, length) in blocks {
            if let Some(revoked) = self.lists.get_mut(&list) {
                Arc::make_mut(revoked).blocks.insert(start, length);
            }
        }
        for record in records {
            self.add(record);
        }
        self
    }

    fn add(&mut self, record: RevocationRecord) {
        match &record.what {
            Revocation::Token(id) => {
                if let Some(index) = id.status()
                    && let Some(revoked) = self.lists.get_mut(&index.list)
                    && let Some(position) = revoked.list.position(index.index)
                {
                    Arc::make_mut(revoked).positions.insert(position);
                }
                self.tokens.insert(id.as_str().to_owned(), record);
            }
            Revocation::Client(client) => {
                self.clients.insert(client.clone(), record);
            }
            Revocation::Grant { client, audience } => {
                self.grants.entry(client.clone()).or_default().insert(audience.clone(), record);
            }
            Revocation::Key(kid) => {
                self.keys.insert(kid.clone(), record);
            }
        }
    }

    fn forget(&mut self, now: UnixTime) {
        let live = |record: &RevocationRecord| now < record.expires_at;
        self.lists.retain(|_, revoked| revoked.list.is_alive(now));
        self.tokens.retain(|_, record| live(record));
        self.clients.retain(|_, record| live(record));
        self.keys.retain(|_, record| live(record));
        self.grants.retain(|_, audiences| {
            audiences.retain(|_, record| live(record));
            !audiences.is_empty()
        });
    }

    /// By what the token is revoked, if it is.
    #[must_use]
    pub fn is_revoked(&self, token: &AccessToken) -> Option<RevokedBy> {
        let meant = |record: Option<&RevocationRecord>| record.is_some_and(|it| token.issued_at <= it.at);
        if self.tokens.contains_key(&token.id) {
            return Some(RevokedBy::Token);
        }
        let mut parties = [&token.client, &token.subject].into_iter().chain(token.actors.iter());
        if parties.any(|party| meant(self.clients.get(party))) {
            return Some(RevokedBy::Client);
        }
        if meant(self.grants.get(&token.client).and_then(|audiences| audiences.get(&token.audience))) {
            return Some(RevokedBy::Grant);
        }
        if meant(self.keys.get(&token.kid)) {
            return Some(RevokedBy::Key);
        }
        let index = token.id.parse::<TokenId>().ok()?.status()?;
        let revoked = self.lists.get(&index.list)?;
        let position = revoked.list.position(index.index)?;
        revoked.is_revoked(position).then_some(RevokedBy::StatusList)
    }

    /// The list of that name.
    #[must_use]
    pub fn list(&self, id: ListId) -> Option<&Arc<RevokedList>> {
        self.lists.get(&id)
    }

    /// Whether a position that is no token's yet would be that of a revoked one.
    #[must_use]
    pub fn covers(&self, list: ListId, position: u32) -> bool {
        self.lists.get(&list).is_some_and(|revoked| revoked.is_revoked(position))
    }
}

impl RevokedList {
    fn is_revoked(&self, position: u32) -> bool {
        let block = self.blocks.range(..=position).next_back();
        block.is_some_and(|(start, length)| position - start < *length) || self.positions.contains(&position)
    }

    /// The indices that are revoked here and were not in `before`, an earlier state of the same list. In no particular
    /// order; those that were revoked twice, twice.
    pub fn indices_beyond<'a>(&'a self, before: Option<&'a Self>) -> impl Iterator<Item = u32> + 'a {
        let new_blocks = self
            .blocks
            .iter()
            .filter(move |(start, _)| before.is_none_or(|it| !it.blocks.contains_key(start)));
        let new_positions = self
            .positions
            .iter()
            .filter(move |position| before.is_none_or(|it| !it.positions.contains(position)));
        new_blocks
            .flat_map(|(start, length)| *start..start.saturating_add(*length))
            .chain(new_positions.copied())
            .map(|position| self.list.index(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActorChain, Algorithm, Capacity, Seed, StatusIndex};
    use crate::testing::{NOW, id, scopes};

    const LIST: ListId = ListId::from_bytes([1; ListId::BYTES]);

    fn list(expires_at: UnixTime) -> StatusList {
        let seed = Seed::generate().unwrap();
        StatusList::new(LIST, Algorithm::Es256, expires_at, Capacity::Bits16, &seed)
    }

    fn record(what: Revocation, at: u64) -> RevocationRecord {
        RevocationRecord { what, at: NOW.plus(at), expires_at: NOW.plus(at + 100) }
    }

    fn changes(records: Vec<RevocationRecord>) -> RevocationChanges {
        RevocationChanges { lists: vec![list(NOW.plus(600))], records, as_of: NOW, ..Default::default() }
    }

    const NAME: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn token() -> AccessToken {
        AccessToken {
            id: NAME.to_owned(),
            kid: "k1".to_owned(),
            subject: id("user"),
            client: id("shop"),
            audience: id("orders"),
            scopes: scopes(""),
            issued_at: NOW,
            expires_at: NOW.plus(600),
            actors: ActorChain::default().joined_by(id("front")).joined_by(id("shop")),
        }
    }

    #[test]
    fn tokens_issued_until_then_are_meant_and_later_ones_are_not() {
        let grant = |client, audience| Revocation::Grant { client: id(client), audience: id(audience) };
        for (what, by) in [
            (Revocation::Client(id("shop")), Some(RevokedBy::Client)),
            (Revocation::Client(id("user")), Some(RevokedBy::Client)),
            (Revocation::Client(id("front")), Some(RevokedBy::Client)),
            (Revocation::Client(id("orders")), None),
            (grant("shop", "orders"), Some(RevokedBy::Grant)),
            (grant("shop", "mail"), None),
            (grant("user", "orders"), None),
            (Revocation::Key("k1".to_owned()), Some(RevokedBy::Key)),
            (Revocation::Key("k2".to_owned()), None),
        ] {
            let revocations = Revocations::default().with(changes(vec![record(what.clone(), 0)]));
            assert_eq!(revocations.is_revoked(&token()), by, "{what:?}");
            let later = AccessToken { issued_at: NOW.plus(1), ..token() };
            assert_eq!(revocations.is_revoked(&later), None, "{what:?}");
        }
    }

    #[test]
    fn a_token_is_known_by_its_name() {
        let what = Revocation::Token(NAME.parse().unwrap());
        let revocations = Revocations::default().with(changes(vec![record(what, 0)]));
        assert_eq!(revocations.is_revoked(&token()), Some(RevokedBy::Token));
        let other = AccessToken { id: "AAAAAAAAAAAAAAAAAAAAAQ".to_owned(), ..token() };
        assert_eq!(revocations.is_revoked(&other), None);
    }

    #[test]
    fn blocks_and_positions_of_a_list_are_revoked_and_no_others() {
        let list = list(NOW.plus(600));
        let name =
            |position| TokenId::with_status(StatusIndex { list: LIST, index: list.index(position) }).unwrap();
        let single = name(9);
        let revocations = Revocations::default().with(RevocationChanges {
            lists: vec![list.clone()],
            blocks: vec![(LIST, 4, 4), (ListId::from_bytes([2; 6]), 0, 4)],
            records: vec![record(Revocation::Token(single.clone()), 0)],
            as_of: NOW,
        });
        for (position, expected) in [(3, false), (4, true), (7, true), (8, false), (9, true), (10, false)] {
            assert_eq!(revocations.covers(LIST, position), expected, "{position}");
            let token = AccessToken { id: name(position).as_str().to_owned(), ..token() };
            assert_eq!(revocations.is_revoked(&token).is_some(), expected, "{position}");
        }
        let mut indices: Vec<u32> = revocations.list(LIST).unwrap().indices_beyond(None).collect();
        let mut expected: Vec<u32> = [4, 5, 6, 7, 9].map(|position| list.index(position)).into();
        indices.sort_unstable();
        expected.sort_unstable();
        assert_eq!(indices, expected);
        assert!(!revocations.covers(ListId::from_bytes([2; 6]), 0), "a list that is not there");
    }

    #[test]
    fn what_has_expired_is_forgotten_when_something_new_comes() {
        let first = Revocations::default().with(changes(vec![
            record(Revocation::Client(id("shop")), 0),
            record(Revocation::Token(NAME.parse().unwrap()), 50),
            record(Revocation::Grant { client: id("shop"), audience: id("orders") }, 0),
            record(Revocation::Key("k1".to_owned()), 0),
        ]));
        let at = |seconds| RevocationChanges { as_of: NOW.plus(seconds), ..Default::default() };
        let second = first.clone().with(at(100));
        assert!(second.clients.is_empty() && second.grants.is_empty() && second.keys.is_empty());
        assert_eq!((second.tokens.len(), second.lists.len()), (1, 1));
        assert_eq!(second.clone().with(at(899)).lists.len(), 1);
        let third = second.with(at(900));
        assert!(third.tokens.is_empty() && third.lists.is_empty());
        assert_eq!(first.clients.len(), 1, "a copy is not changed");
    }
}
