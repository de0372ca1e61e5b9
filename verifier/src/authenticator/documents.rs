//! The documents of issuers, which decisions rest on: which to fetch, and what becomes of those that came.

use alloc::vec::Vec;

use super::{Authenticator, Missing, check_algorithm, is_media_type};
use crate::{
    document::DocumentError,
    error::Error,
    excerpt::Excerpt,
    fetch::{DocumentId, DocumentKind, FetchPlan, FetchRequest, MayFetch},
    keys::{KeySet, SkippedKey},
    limits,
    published::{MissingKey, PublishedKeys, metadata},
    status::{self, StatusListToken},
    time::Timestamp,
    token::Compact,
};

impl Authenticator {
    /// The documents to fetch, request or no request.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<FetchRequest> {
        let published = self.keys.iter_mut().filter_map(|keys| keys.published());
        let mut due: Vec<FetchRequest> = published.flat_map(|keys| keys.due(now)).collect();
        due.extend(self.lists.due(now));
        due
    }

    /// Says what to do about what a decision lacks.
    pub(super) fn plan(&mut self, missing: &Missing, may_fetch: MayFetch, now: Timestamp) -> FetchPlan {
        match missing {
            Missing::Keys(issuer, key) => {
                let keys = self.keys.get_mut(*issuer).and_then(|keys| keys.published());
                keys.map_or(FetchPlan::Nothing, |keys| keys.plan(key, may_fetch, now))
            }
            Missing::StatusList(token) => {
                let reference = token.status.as_deref();
                let Some((reference, issuer)) = reference.zip(self.issuers.get(token.issuer_index)) else {
                    return FetchPlan::Nothing;
                };
                let Some(rules) = &issuer.status else { return FetchPlan::Nothing };
                self.lists.meet(reference, token.claims.expiry.plus(issuer.clock_skew), rules, now);
                self.lists.plan(reference.list, may_fetch, now)
            }
        }
    }

    pub(crate) fn supply(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<Vec<SkippedKey>, DocumentError> {
        self.generation += 1;
        if id.kind() == DocumentKind::StatusList {
            let read = self.supply_list(id, text, cache_control, now);
            if read.is_err() {
                self.lists.fail(id, now);
            }
            return read.map(|()| Vec::new());
        }
        let (urls, backend) = (self.urls, self.backend);
        let issuer = self.issuers.get(id.issuer()).ok_or(DocumentError::Unwanted)?;
        let (name, usage) = (issuer.name.clone(), issuer.profile.key_use());
        let published = self.published(id).ok_or(DocumentError::Unwanted)?;
        let read = match id.kind() {
            DocumentKind::Metadata => metadata::jwks_uri(text, &name, urls).map(|url| {
                published.supply_metadata(url, cache_control, now);
                Vec::new()
            }),
            DocumentKind::KeySet | DocumentKind::StatusList => {
                KeySet::parse(text, usage, backend).map(|(keys, skipped)| {
                    published.supply_keys(keys, cache_control, now);
                    skipped
                })
            }
        };
        match &read {
            Ok(_) => self.forget_what_gone_keys_signed(id.issuer(), now),
            Err(_) => published.fail(id.kind(), now),
        }
        read
    }

    /// A status list token came. It is believed because of the issuer's signature, and for the list that it names.
    fn supply_list(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<(), DocumentError> {
        let issuer = self.issuers.get(id.issuer()).ok_or(DocumentError::Unwanted)?;
        let keys = self.keys.get_mut(id.issuer()).ok_or(DocumentError::Unwanted)?;
        if issuer.status.is_none() {
            return Err(DocumentError::Unwanted);
        }
        let compact = Compact::split_within(text.trim_ascii(), limits::STATUS_LIST_BYTES)?;
        let header = compact.header()?;
        check_algorithm(issuer, &header)?;
        if !header.typ.as_deref().is_some_and(|typ| is_media_type(typ, status::document::TYPE)) {
            return Err(Error::TypeForbidden { typ: header.typ.as_deref().map(Excerpt::new) }.into());
        }
        let key = keys.verify(issuer, &compact, &header, &self.tables, now).map_err(|(error, key)| {
            if let (Some(MissingKey::Key(kid)), Some(published)) = (key, keys.published()) {
                published.renew_for(kid.as_deref(), now);
            }
            error
        })?;
        let token = StatusListToken::read(&compact, issuer, now)?;
        let Some(rules) = &issuer.status else { return Err(DocumentError::Unwanted) };
        let terms = (rules, issuer.clock_skew);
        let changed = self.lists.supply(id, token, key, cache_control, terms, now)?;
        if let Some(name) = changed {
            let lists = &self.lists;
            self.cache.retain(|token| match &token.status {
                Some(reference) if reference.list == name => lists.status(reference, now) == Some(0),
                _ => true,
            });
        }
        Ok(())
    }

    pub(crate) fn fail(&mut self, id: DocumentId, now: Timestamp) {
        self.generation += 1;
        if id.kind() == DocumentKind::StatusList {
            self.lists.fail(id, now);
        } else if let Some(published) = self.published(id) {
            published.fail(id.kind(), now);
        }
    }

    /// The keys that a document belongs to; `None` if it is not one of the issuer's now.
    fn published(&mut self, id: DocumentId) -> Option<&mut PublishedKeys> {
        let keys = self.keys.get_mut(id.issuer())?.published()?;
        keys.has(id).then_some(keys)
    }

    /// A key that its issuer withdrew takes with it what was verified by it.
    fn forget_what_gone_keys_signed(&mut self, index: usize, now: Timestamp) {
        let published = self.keys.get_mut(index).and_then(|keys| keys.published());
        let Some(keys) = published.and_then(|published| published.keys(now)) else { return };
        self.cache.retain(|token| token.issuer_index != index || keys.contains(&token.key));
        self.lists.forget_unless(index, |key| keys.contains(key));
    }
}
