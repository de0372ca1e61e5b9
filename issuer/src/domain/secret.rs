//! Client secrets: generated here, shown once, kept as a keyed hash.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Bytes of randomness in a generated secret: 256 bits.
const SECRET_BYTES: usize = 32;
/// Starts every generated secret, so that scanners of repositories and logs can find one that leaked; the check sum
/// at its end tells them that it is one. As a regular expression: `tessera_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}`.
const SECRET_PREFIX: &str = "tessera_";
/// Characters of the check sum: CRC-32 in base 62, as GitHub's tokens have it.
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Bytes of an HMAC-SHA-256, and of its key.
const HMAC_BYTES: usize = 32;

/// A client secret in the clear, either just generated or just presented. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

/// HMAC-SHA-256 of a client secret under the [`Pepper`].
///
/// A fast function is right *because the secrets are generated*: 256 random bits cannot be guessed however fast the
/// guesses are, so a slow password hash would protect nothing and would hand anyone who can send requests a way
/// to burn this server's CPU. Secrets that people choose are not accepted anywhere, which keeps this true. The key
/// makes what is stored useless to who can write to the database but not read the pepper.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; HMAC_BYTES]);

/// The key of every [`SecretHash`]. It lives outside the database.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

/// The text is no [`SecretHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret's hash is 32 bytes in base64url")]
pub struct SecretHashError;

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomError;

/// Fills an array with randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

impl ClientSecret {
    /// A new secret: a fixed prefix, 256 random bits in base64url, and a check sum of both.
    pub fn generate() -> Result<Self, RandomError> {
        let bytes = Zeroizing::new(random::<SECRET_BYTES>()?);
        let text = Zeroizing::new(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        Ok(Self(Zeroizing::new(format!("{}{}", *text, checksum(&text)))))
    }

    /// Whether it looks like one of ours, unharmed. Says nothing about whose it is.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let end = self.0.len().saturating_sub(CHECKSUM_CHARS);
        self.0.starts_with(SECRET_PREFIX)
            && self.0.split_at_checked(end).is_some_and(|(text, sum)| checksum(text) == sum)
    }

    /// A secret that a client presented.
    #[must_use]
    pub fn presented(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, to be shown once to whoever asked for its generation.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Pepper {
    /// Bytes of a pepper.
    pub const BYTES: usize = HMAC_BYTES;

    /// From its bytes.
    #[must_use]
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What is stored of a secret.
    #[must_use]
    pub fn hash(&self, secret: &ClientSecret) -> SecretHash {
        let mut hash = [0; HMAC_BYTES];
        hash.copy_from_slice(hmac::sign(&self.0, secret.0.as_bytes()).as_ref());
        SecretHash(hash)
    }
}

impl SecretHash {
    /// Compared with where there is no secret: nobody finds a text that hashes to it, and the comparison takes the
    /// same path.
    pub(crate) const NONE: Self = Self([0; HMAC_BYTES]);

    /// Whether both are of the same secret, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl TryFrom<String> for SecretHash {
    type Error = SecretHashError;

    fn try_from(text: String) -> Result<Self, SecretHashError> {
        from_base64url(&text).map(Self).ok_or(SecretHashError)
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        to_base64url(&hash.0)
    }
}

pub(super) fn to_base64url(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn from_base64url(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// CRC-32 in base 62.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [0; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get(rest % BASE62.len()).copied().unwrap_or_default();
        rest /= BASE62.len();
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: u8) -> Pepper {
        Pepper::new(&[byte; Pepper::BYTES])
    }

    #[test]
    fn only_the_same_secret_under_the_same_pepper_matches() {
        let secret = ClientSecret::generate().unwrap();
        let other = ClientSecret::generate().unwrap();
        let hash = pepper(1).hash(&secret);
        assert!(hash.matches(&pepper(1).hash(&secret)));
        assert!(!hash.matches(&pepper(1).hash(&other)));
        assert!(!hash.matches(&pepper(2).hash(&secret)));
        assert!(!SecretHash::NONE.matches(&hash));
    }

    #[test]
    fn a_scanner_can_tell_a_secret_from_other_text() {
        let secret = ClientSecret::generate().unwrap();
        assert_eq!(secret.reveal().len(), 8 + 43 + 6);
        assert!(secret.is_well_formed());
        let text = secret.reveal();
        let swapped = if text.ends_with('0') { '1' } else { '0' };
        let (cut, _) = text.split_at(text.len() - 1);
        for other in
            ["", "tessera_", "é", cut, &format!("{cut}{swapped}"), &text.replace("tessera_", "tessere_")]
        {
            assert!(!ClientSecret::presented(other.to_owned()).is_well_formed(), "{other}");
        }
        // zlib.crc32(b"123456789"), the check value of this CRC: 0xcbf43926.
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    #[test]
    fn the_hash_survives_the_store() {
        let hash = pepper(1).hash(&ClientSecret::presented("s".to_owned()));
        let text = String::from(hash.clone());
        assert_eq!(SecretHash::try_from(text), Ok(hash));
        assert_eq!(SecretHash::try_from("short".to_owned()), Err(SecretHashError));
    }

    #[test]
    fn debug_shows_neither_secret_nor_hash() {
        let secret = ClientSecret::presented("hunter2".to_owned());
        let shown = format!("{secret:?} {:?} {:?}", pepper(1).hash(&secret), pepper(1));
        assert_eq!(shown, "ClientSecret(…) SecretHash(…) Pepper(…)");
    }
}
