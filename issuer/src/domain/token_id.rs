//! Names of tokens (`jti`, RFC 7519 §4.1.7).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::secret::{RandomError, random};
use super::status::{ListId, StatusIndex};

/// Bytes of randomness in a token's `jti`: 128 bits, which do not collide in any realistic number of tokens.
const TOKEN_ID_BYTES: usize = 16;
/// The same where the name also says where the token's status is: 96 bits beside some 16 that say it.
const RANDOM_BESIDE_STATUS: usize = 12;
/// Bytes of an index in a status list: the largest list has 2^20.
const INDEX_BYTES: usize = 3;
const STATUS_TOKEN_ID_BYTES: usize = ListId::BYTES + INDEX_BYTES + RANDOM_BESIDE_STATUS;

/// Identifies one token (`jti`), in base64url: 128 random bits; or, of a token with a status, the list, the index in it
/// and 96 random bits. Whoever knows the name from a log can so revoke the token, and its holder learns nothing that
/// the token does not say anyway.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenId(String);

/// The text is no [`TokenId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a token (`jti`) is 22 or 28 characters of base64url")]
pub struct TokenIdError;

impl TokenId {
    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<TOKEN_ID_BYTES>()?)))
    }

    /// A new one of a token whose status is there.
    pub fn with_status(place: StatusIndex) -> Result<Self, RandomError> {
        let [_, index @ ..] = place.index.to_be_bytes();
        let random = random::<RANDOM_BESIDE_STATUS>()?;
        Ok(Self(URL_SAFE_NO_PAD.encode([place.list.as_bytes().as_slice(), &index, &random].concat())))
    }

    /// Where the token's status is, if it has one.
    #[must_use]
    pub fn status(&self) -> Option<StatusIndex> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok().filter(|it| it.len() == STATUS_TOKEN_ID_BYTES)?;
        let (list, rest) = bytes.split_first_chunk()?;
        let [high, middle, low] = *rest.first_chunk::<INDEX_BYTES>()?;
        let index = u32::from_be_bytes([0, high, middle, low]);
        Some(StatusIndex { list: ListId::from_bytes(*list), index })
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenId {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        match URL_SAFE_NO_PAD.decode(text).map(|bytes| bytes.len()) {
            Ok(TOKEN_ID_BYTES | STATUS_TOKEN_ID_BYTES) => Ok(Self(text.to_owned())),
            _ => Err(TokenIdError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_ids_carry_128_bits_and_differ() {
        let (one, other) = (TokenId::generate().unwrap(), TokenId::generate().unwrap());
        assert_eq!(one.as_str().len(), 22);
        assert_ne!(one, other);
    }
}
