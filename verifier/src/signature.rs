//! The signature layer alone (RFC 7515 §5.2), for holding it against vectors whose payloads are no claims.

use core::fmt;

use crate::{
    crypto::{Backend, Tables},
    document::DocumentError,
    error::Error,
    keys::{KeySet, KeyUse},
    token::Compact,
};

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum SignatureError {
    /// The key set is refused.
    Keys(DocumentError),
    /// The token is.
    Token(Error),
}

/// Whether a token's signature is one of a key set's. Its payload may be anything; who issued it, for whom
/// and until when is not asked. **Not a decision about a request**: that is
/// [`Verifier::authorize`](crate::Verifier::authorize).
pub fn verify_signature(token: &str, key_set: &str, backend: Backend) -> Result<(), SignatureError> {
    let (keys, _) = KeySet::parse(key_set, KeyUse::Signatures, backend).map_err(SignatureError::Keys)?;
    judge(token, &keys).map_err(SignatureError::Token)
}

fn judge(token: &str, keys: &KeySet) -> Result<(), Error> {
    let compact = Compact::split(token)?;
    let header = compact.header()?;
    compact.payload_bytes()?;
    let key = keys.find(header.key_id.as_deref(), header.algorithm)?;
    let signature = compact.signature()?;
    keys.verify(key, header.algorithm, compact.signed(), &signature, &Tables::default())
        .map_err(|_| Error::SignatureWrong)
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::Keys(error) => error.fmt(f),
            SignatureError::Token(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SignatureError {}
