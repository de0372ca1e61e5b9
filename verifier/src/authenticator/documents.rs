//! The documents of issuers, which decisions rest on: which to fetch, and what becomes of those that came.

use alloc::{string::String, vec, vec::Vec};

use super::{Authenticator, Lacking, check_algorithm, is_media_type, verify_signature};
use crate::{
    document::DocumentError,
    error::Error,
    excerpt::Excerpt,
    keys::{KeySet, KeyUse, SkippedKey},
    limits,
    published::{Cure, Document, Lack, PublishedKeys, metadata},
    status::{self, ListName, StatusListToken},
    time::Timestamp,
    token::Compact,
    verifier::{DocumentId, Want},
};

impl Authenticator {
    /// The documents to fetch, request or no request.
    pub(crate) fn wants(&mut self, now: Timestamp) -> Vec<Want> {
        let mut wants = Vec::new();
        for (index, issuer) in self.issuers.iter_mut().enumerate() {
            let Some(keys) = issuer.keys.published() else { continue };
            for (document, url) in keys.due(now) {
                wants.push(Want::new(index, document, keys.tag(document), url));
            }
        }
        wants.extend(self.lists.due(now).into_iter().map(|(name, url)| want_list(name, url)));
        wants
    }

    /// The documents that could change a decision, if there are any and the time has come.
    pub(crate) fn cure(&mut self, lacking: &Lacking, now: Timestamp) -> Option<Vec<Want>> {
        let cure = match lacking {
            Lacking::Keys(index, lack) => {
                let keys = self.issuers.get_mut(*index)?.keys.published()?;
                let cure = keys.cure(lack, now);
                cure.map(|(document, url)| Want::new(*index, document, keys.tag(document), url))
            }
            Lacking::StatusList(name) => self.lists.cure(*name, now).map(|url| want_list(*name, url)),
        };
        match cure {
            Cure::Fetch(want) => Some(vec![want]),
            Cure::Wait => Some(Vec::new()),
            Cure::None => None,
        }
    }

    pub(crate) fn supply(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<Vec<SkippedKey>, DocumentError> {
        let (index, document, tag) = id.parts();
        if document == Document::StatusList {
            let read = self.supply_list((index, tag), text, cache_control, now);
            if read.is_err() {
                self.lists.fail(index, tag, now);
            }
            return read.map(|()| Vec::new());
        }
        let (urls, backend) = (self.urls, self.backend);
        let usage = self.issuers.get(index).map_or(KeyUse::Signatures, |issuer| issuer.profile.key_use());
        let (name, published) = self.published(id).ok_or(DocumentError::Unwanted)?;
        let read = match document {
            Document::Metadata => metadata::jwks_uri(text, &name, urls).map(|url| {
                published.supply_metadata(url, cache_control, now);
                Vec::new()
            }),
            Document::KeySet | Document::StatusList => {
                KeySet::parse(text, usage, backend).map(|(keys, skipped)| {
                    published.supply_keys(keys, cache_control, now);
                    skipped
                })
            }
        };
        match &read {
            Ok(_) => self.forget_what_gone_keys_signed(index, now),
            Err(_) => published.fail(document, now),
        }
        read
    }

    /// A status list token came. It is believed because of the issuer's signature, and for the list that it names.
    fn supply_list(
        &mut self,
        (index, tag): (usize, u16),
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<(), DocumentError> {
        let issuer = self.issuers.get_mut(index).ok_or(DocumentError::Unwanted)?;
        if issuer.status.is_none() {
            return Err(DocumentError::Unwanted);
        }
        let compact = Compact::split_within(text.trim_ascii(), limits::STATUS_LIST_BYTES)?;
        let header = compact.header()?;
        check_algorithm(issuer, &header)?;
        if !header.typ.as_deref().is_some_and(|typ| is_media_type(typ, status::document::TYPE)) {
            return Err(Error::TypeForbidden { typ: header.typ.as_deref().map(Excerpt::new) }.into());
        }
        let key =
            verify_signature(issuer, &compact, &header, &mut self.tables, now).map_err(|(error, lack)| {
                if let (Some(Lack::Key(kid)), Some(keys)) = (lack, issuer.keys.published()) {
                    keys.renew_for(kid.as_deref(), now);
                }
                error
            })?;
        let token = StatusListToken::read(&compact, issuer, now)?;
        let Some(rules) = &issuer.status else { return Err(DocumentError::Unwanted) };
        let terms = (rules, issuer.clock_skew);
        let changed = self.lists.supply((index, tag), token, key, cache_control, terms, now)?;
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
        let (index, document, tag) = id.parts();
        if document == Document::StatusList {
            self.lists.fail(index, tag, now);
        } else if let Some((_, published)) = self.published(id) {
            published.fail(document, now);
        }
    }

    /// The issuer of a document, and its keys; none if the document is not where it is expected now.
    fn published(&mut self, id: DocumentId) -> Option<(String, &mut PublishedKeys)> {
        let (index, document, tag) = id.parts();
        let issuer = self.issuers.get_mut(index)?;
        let name = issuer.name.clone();
        let keys = issuer.keys.published()?;
        (keys.has(document) && keys.tag(document) == tag).then_some((name, keys))
    }

    /// A key that its issuer withdrew takes with it what was verified by it.
    fn forget_what_gone_keys_signed(&mut self, index: usize, now: Timestamp) {
        let Some(issuer) = self.issuers.get_mut(index) else { return };
        let Some(keys) = issuer.keys.published().and_then(|published| published.keys(now)) else { return };
        self.cache.retain(|token| token.issuer_index != index || keys.contains(&token.key));
        self.lists.forget_unless(index, |key| keys.contains(key));
    }
}

fn want_list(name: ListName, url: String) -> Want {
    Want::new(name.issuer(), Document::StatusList, name.tag(), url)
}
