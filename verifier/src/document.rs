//! Documents that are fetched: why one is refused.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    error::Error, excerpt::Excerpt, json::JsonError, keys::SkippedKey, status::ListFault, time::Timestamp,
};

/// Why a fetched document is refused. The last good copy stays in use.
#[derive(Clone, Debug, PartialEq)]
pub enum DocumentError {
    /// No document of the policy has this identifier.
    Unwanted,
    /// The text is not strict JSON.
    NotJson(JsonError),
    /// The text is JSON, but no object with an array `keys`.
    NotAKeySet,
    /// There are more keys than [`KEY_SET_KEYS`](crate::limits::KEY_SET_KEYS).
    TooManyKeys(usize),
    /// Not one key of the set can be used.
    NoUsableKey(Vec<SkippedKey>),
    /// The text is JSON, but no object with the texts `issuer` and `jwks_uri`.
    NotMetadata,
    /// The metadata are those of another issuer.
    OtherIssuer(Excerpt),
    /// The metadata name a URL for the keys that is none to fetch from.
    UrlRefused(Excerpt),
    /// The status list token is none that its issuer's tokens could rely on.
    ListToken(Error),
    /// What is signed is good, but no list.
    ListMalformed(ListFault),
    /// The list is another than the one that was asked for, or not where the issuer's are.
    OtherList(Excerpt),
    /// The list was issued before the one that is there.
    ListOutdated {
        /// When.
        issued: Timestamp,
        /// When the one that is there was.
        known: Timestamp,
    },
}

impl From<Error> for DocumentError {
    fn from(error: Error) -> Self {
        Self::ListToken(error)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentError::Unwanted => write!(f, "the policy wants no document of this identifier"),
            DocumentError::NotJson(error) => write!(f, "the document is not strict JSON: {error}"),
            DocumentError::NotAKeySet => {
                write!(f, "the document is no key set: an object with an array `keys` is expected")
            }
            DocumentError::TooManyKeys(count) => write!(f, "the key set has {count} keys"),
            DocumentError::NoUsableKey(skipped) => {
                write!(f, "the key set has no usable key")?;
                for key in skipped {
                    write!(f, "; {key}")?;
                }
                Ok(())
            }
            DocumentError::NotMetadata => {
                write!(f, "the document is no issuer metadata: `issuer` and `jwks_uri` are expected")
            }
            DocumentError::OtherIssuer(issuer) => write!(f, "the metadata are those of {issuer}"),
            DocumentError::UrlRefused(url) => {
                write!(f, "the metadata say that the keys are at {url}, which is not https")
            }
            DocumentError::ListToken(error) => write!(f, "the status list is refused: {error}"),
            DocumentError::ListMalformed(fault) => write!(f, "the status list is malformed: {fault}"),
            DocumentError::OtherList(uri) => {
                write!(f, "the status list is {uri}, which is not the one that was asked for")
            }
            DocumentError::ListOutdated { issued, known } => {
                write!(f, "the status list was issued at {issued}, the one that is there at {known}")
            }
        }
    }
}

impl core::error::Error for DocumentError {}
