//! The status of tokens that were issued and may have been taken back since (draft-ietf-oauth-status-list): what a
//! token says about where its status is, and the lists that say what it is.

pub(crate) mod document;
mod inflate;
mod list;
mod lists;

use alloc::{borrow::ToOwned, string::String};

pub use document::ListFault;
pub(crate) use document::StatusListToken;
pub(crate) use list::StatusList;
pub(crate) use lists::{Lookup, StatusLists};

use crate::{
    error::Error,
    excerpt::Excerpt,
    fetch::{DocumentId, DocumentKind, url_digest},
    json::{Node, Object, Value},
    limits,
    policy::StatusRules,
};

/// Where the status of a token is: the claim `status` with a `status_list` (§6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusReference {
    /// The list.
    pub(crate) list: ListName,
    /// The URL of the list.
    pub(crate) uri: String,
    /// The place in it.
    pub(crate) index: u64,
}

/// Names a status list: the place of its issuer in the policy, and the SHA-256 of its URL. The same URL is another list
/// for another issuer, since others' keys sign it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListName {
    issuer: usize,
    digest: [u64; 4],
}

impl StatusReference {
    /// What a token's claims say, where the policy asks. Other ways to say a status than by list, of which the draft
    /// allows there to be some beside it (§6.1), say nothing here.
    pub(crate) fn read(
        claims: &Object<'_>,
        issuer: usize,
        rules: &StatusRules,
    ) -> Result<Option<Self>, Error> {
        let claim = "status";
        let malformed = || Error::ClaimMalformed { claim };
        let member = match claims.get(claim).map(|node| &node.value) {
            None => None,
            Some(Value::Object(status)) if status.iter().len() > 0 => status.get("status_list"),
            Some(_) => return Err(malformed()),
        };
        let Some(member) = member else {
            return if rules.required { Err(Error::ClaimMissing { claim }) } else { Ok(None) };
        };
        let reference = member.as_object().ok_or_else(malformed)?;
        let index = reference.get("idx").and_then(index).ok_or_else(malformed)?;
        let uri = reference.text("uri").filter(|uri| !uri.is_empty()).ok_or_else(malformed)?;
        if !rules.cover(uri) {
            return Err(Error::StatusUriRefused { uri: Excerpt::new(uri) });
        }
        Ok(Some(Self { list: ListName::new(issuer, uri), uri: uri.to_owned(), index }))
    }
}

/// A non-negative integer in its only spelling.
fn index(node: &Node<'_>) -> Option<u64> {
    match &node.value {
        Value::Number(text) => text.parse().ok().filter(|index| *index <= limits::NUMERIC_DATE_MAX),
        _ => None,
    }
}

impl ListName {
    pub(crate) fn new(issuer: usize, uri: &str) -> Self {
        Self { issuer, digest: url_digest(uri) }
    }

    /// The index of its issuer in the policy.
    pub(crate) fn issuer(&self) -> usize {
        self.issuer
    }

    pub(crate) fn id(&self) -> DocumentId {
        DocumentId::from_digest(DocumentKind::StatusList, self.issuer, self.digest[0])
    }

    /// For a hash table: whoever could make these bits collide could make all of them.
    fn hash(&self) -> u64 {
        self.digest[1]
    }
}

#[cfg(test)]
mod tests;
