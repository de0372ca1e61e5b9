//! Status lists (draft-ietf-oauth-status-list): in which place of which list a token's status is.
//!
//! A list is for tokens that expire in one window of [`WINDOW`] seconds and are signed with one algorithm, so that it
//! dies with them, and whoever can verify a token can verify its list. Its positions are handed out one after the
//! other, in blocks; the index that a token shows is the position's place under a secret [permutation], so that the
//! indices of two tokens say nothing about whether they belong together, and none occurs twice.
//!
//! [permutation]: StatusList::index

mod permutation;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use permutation::Permutation;

use super::algorithm::Algorithm;
use super::id::ClientId;
use super::lifetime::MAX_LIFETIME;
use super::secret::{RandomError, random};
use super::time::UnixTime;

/// Seconds of expiry that share a list. A twelfth of the longest life of a token: few lists live at a time, and a list
/// outlives the first of its tokens by little.
pub const WINDOW: u64 = 300;
/// How long a list is there after its last token has expired, in seconds: the most that a verifier's policy can forgive
/// a clock, so nobody accepts such a token any more.
pub const LIST_RETENTION: u64 = 300;
/// Positions in the first block of a holder and window, and in the largest: each is twice as long as the one before.
/// What is left of a block when its window is over was in vain, which for few tokens is little and for many is rare.
pub const MIN_BLOCK: u32 = 4;
/// See [`MIN_BLOCK`].
pub const MAX_BLOCK: u32 = 1024;
/// Bits of a list's identifier: eight characters in a URL, and no two lists of any realistic number alike.
const LIST_ID_BYTES: usize = 6;

/// How many bits indices of a list have. The draft wants lists large for the herd's privacy (§12); they are as large
/// as what they are needed for, so that few tokens do not cost every verifier a large download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capacity {
    /// 65,536 tokens, 8 KiB before compression: the first list of a window.
    Bits16,
    /// 262,144 tokens, 32 KiB: the second.
    Bits18,
    /// 1,048,576 tokens, 128 KiB: all others.
    Bits20,
}

/// Names a list. Random, so that a database that comes back from a backup gives no known URL to another list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId([u8; LIST_ID_BYTES]);

/// The text names no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a status list is 8 characters of base64url")]
pub struct ListIdError;

/// The secret of a list's permutation. `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; Seed::BYTES]);

/// How long verifiers may keep a list, in whole seconds: 1 to [`StatusTtl::MAX`]. It bounds how long a revoked token
/// still passes, and every verifier fetches each list it needs about this often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct StatusTtl(u64);

/// The number is no [`StatusTtl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a status list can be kept for 1 to {} seconds", StatusTtl::MAX)]
pub struct StatusTtlError;

/// One list.
#[derive(Clone, Debug)]
pub struct StatusList {
    /// Its name.
    pub id: ListId,
    /// What its tokens are signed with, and it with them.
    pub algorithm: Algorithm,
    /// When the last of its tokens has expired: the end of its window.
    pub expires_at: UnixTime,
    /// How large it is.
    pub capacity: Capacity,
    permutation: Permutation,
}

/// Whose tokens take the positions of one block, so that they can be revoked together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenParties {
    /// Who gets the tokens (`client_id`).
    pub client: ClientId,
    /// Whom they are about (`sub`).
    pub subject: ClientId,
    /// Whom they are for (`aud`).
    pub audience: ClientId,
}

/// What a block is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRequest {
    /// For whom.
    pub parties: TokenParties,
    /// Which key signs the tokens.
    pub kid: String,
    /// With what.
    pub algorithm: Algorithm,
    /// The end of the window in which they expire.
    pub expires_at: UnixTime,
    /// How many positions, at most [`MAX_BLOCK`].
    pub length: u32,
}

/// Positions of a list that one process has for one holder.
#[derive(Clone, Debug)]
pub struct Block {
    /// Of which list.
    pub list: Arc<StatusList>,
    /// The first.
    pub start: u32,
    /// How many there are.
    pub length: u32,
}

/// Where a token's status is: its list, and the index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusIndex {
    /// The list.
    pub list: ListId,
    /// The index, below the list's capacity.
    pub index: u32,
}

/// The claim `status` (draft §6.1).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StatusClaim {
    /// The one mechanism that this issuer has.
    pub status_list: StatusReference,
}

/// The member `status_list` of [`StatusClaim`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StatusReference {
    /// The index.
    pub idx: u32,
    /// The list's URL.
    pub uri: String,
}

/// The end of the window in which a token expires that does so at `expiry`.
#[must_use]
pub const fn window_end(expiry: UnixTime) -> UnixTime {
    UnixTime::from_seconds(expiry.as_seconds().div_ceil(WINDOW).saturating_mul(WINDOW))
}

impl Capacity {
    /// All there are, from the smallest.
    pub const ALL: [Self; 3] = [Self::Bits16, Self::Bits18, Self::Bits20];

    /// That of the next list in a window that has `count` of its algorithm.
    #[must_use]
    pub const fn of_next(count: u64) -> Self {
        match count {
            0 => Self::Bits16,
            1 => Self::Bits18,
            _ => Self::Bits20,
        }
    }

    /// Bits of an index. Even, as the permutation wants it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bits16 => 16,
            Self::Bits18 => 18,
            Self::Bits20 => 20,
        }
    }

    /// How many positions there are.
    #[must_use]
    pub const fn positions(self) -> u32 {
        1 << self.bits()
    }

    /// The one with so many positions.
    #[must_use]
    pub fn of_positions(positions: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|capacity| capacity.positions() == positions)
    }
}

impl ListId {
    /// Bytes of one.
    pub const BYTES: usize = LIST_ID_BYTES;

    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(random()?))
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl FromStr for ListId {
    type Err = ListIdError;

    fn from_str(text: &str) -> Result<Self, ListIdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ListIdError)?;
        bytes.try_into().map(Self).map_err(|_| ListIdError)
    }
}

impl fmt::Display for ListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListId({self})")
    }
}

impl Seed {
    /// Bytes of one: the key of an HMAC-SHA-256.
    pub const BYTES: usize = 32;

    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(random()?))
    }

    /// As it is stored: base64url.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl StatusTtl {
    /// The longest: as long as a token lives at most, after which revocation would show nothing.
    pub const MAX: u64 = MAX_LIFETIME;

    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Result<Self, StatusTtlError> {
        if seconds == 0 || seconds > Self::MAX { Err(StatusTtlError) } else { Ok(Self(seconds)) }
    }

    /// In seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

/// Ten seconds: a revoked token is refused within fifteen.
impl Default for StatusTtl {
    fn default() -> Self {
        Self(10)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl StatusList {
    /// A list whose indices are permuted under `seed`.
    #[must_use]
    pub fn new(
        id: ListId,
        algorithm: Algorithm,
        expires_at: UnixTime,
        capacity: Capacity,
        seed: &Seed,
    ) -> Self {
        let permutation = Permutation::new(&seed.0, capacity.bits());
        Self { id, algorithm, expires_at, capacity, permutation }
    }

    /// The index that a token at `position` shows. Different for each position below the capacity.
    #[must_use]
    pub fn index(&self, position: u32) -> u32 {
        self.permutation.forward(position)
    }

    /// The position behind an index that a token shows; `None` for one beyond the capacity.
    #[must_use]
    pub fn position(&self, index: u32) -> Option<u32> {
        (index < self.capacity.positions()).then(|| self.permutation.backward(index))
    }

    /// Whether the list is still there at `now`.
    #[must_use]
    pub fn is_alive(&self, now: UnixTime) -> bool {
        now < self.expires_at.plus(LIST_RETENTION)
    }
}

#[cfg(test)]
mod tests;
