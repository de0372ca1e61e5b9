//! The key-encryption key, and what it seals.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::secret_file::{self, KEY_BYTES, SecretFileError};
use super::secret_source::{SecretError, SecretSource};
use crate::domain::Algorithm;

/// What its file is called in errors.
const WHAT: &str = "key-encryption key";
/// Starts each sealed text, so that another cipher can follow without guessing.
const SEALED_VERSION: &str = "v1.";
/// Binds what is sealed to its purpose.
const SEALED_PURPOSE: &str = "tessera signing key v1";

/// What the id of a key-encryption key is made of, under that key.
const ID_PURPOSE: &[u8] = b"tessera key-encryption key id v1";
/// Bytes of the id: enough to tell the few of an issuer apart, too few to be mistaken for a key.
const ID_BYTES: usize = 6;

/// A key under which signing keys are sealed at rest (AES-256-GCM). It lives elsewhere than they do, so that a copy
/// of the database alone signs nothing.
pub struct KeyEncryptionKey {
    key: RandomizedNonceKey,
    id: String,
}

/// Why a signing key could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The cipher failed, which it does not.
    #[error("sealing failed")]
    Seal,
    /// Not what this program seals.
    #[error("what is stored of it is not a sealed key")]
    Malformed,
    /// None of the key-encryption keys is the one.
    #[error(
        "it is sealed under the key-encryption key {kek}, which is not the configured one; where that was replaced, \
         add it to `old_key_encryption_keys`"
    )]
    Missing {
        /// The id of the key-encryption key.
        kek: String,
    },
    /// Another key id or algorithm than it was sealed for, or changed bytes.
    #[error("the sealed key does not open: it was changed, or belongs to another key")]
    Open,
}

impl KeyEncryptionKey {
    /// Gets the key, 32 bytes in base64url.
    pub async fn load(source: &SecretSource) -> Result<Self, SecretError> {
        let text = source.read(WHAT).await?;
        let key = secret_file::parse_key(&text).and_then(|bytes| Self::new(&bytes));
        key.ok_or_else(|| SecretError::NoKey { what: WHAT, place: source.place() })
    }

    /// Makes a new key in a new file that only its owner can read. Never overwrites.
    pub fn create(path: &Path) -> Result<Self, SecretFileError> {
        let bytes = secret_file::create(WHAT, path)?;
        Self::new(&bytes).ok_or_else(|| SecretFileError::Malformed { what: WHAT, path: path.to_owned() })
    }

    pub(super) fn new(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), ID_PURPOSE);
        let id = URL_SAFE_NO_PAD.encode(tag.as_ref().get(..ID_BYTES)?);
        Some(Self { key: RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?, id })
    }

    /// Tells it from others, and nothing of it. It stands in what it seals.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a private key. Its id and algorithm are bound to it: moved to another row, it does not open.
    pub fn seal(&self, kid: &str, algorithm: Algorithm, private: &[u8]) -> Result<String, SealError> {
        // Encrypted in place, so this buffer never leaves here in the clear; given room for the tag, so that growing
        // leaves no copy behind either.
        let mut sealed = Vec::with_capacity(private.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(private);
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(binding(kid, algorithm)), &mut sealed)
            .map_err(|_| SealError::Seal)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(format!("{SEALED_VERSION}{}.{}", self.id, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(
        &self,
        kid: &str,
        algorithm: Algorithm,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, text) = parts(sealed).ok_or(SealError::Malformed)?;
        if id != self.id {
            return Err(SealError::Missing { kek: id.to_owned() });
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Malformed)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        let mut private = Zeroizing::new(ciphertext.to_vec());
        let aad = Aad::from(binding(kid, algorithm));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, aad, &mut private).map_err(|_| SealError::Open)?.len();
        private.truncate(length);
        Ok(private)
    }
}

/// The id of the key-encryption key under which `sealed` is. `None` if that is no sealed key.
pub(super) fn sealed_under(sealed: &str) -> Option<&str> {
    parts(sealed).map(|(id, _)| id)
}

/// The id of the key-encryption key, and what is sealed.
fn parts(sealed: &str) -> Option<(&str, &str)> {
    sealed.strip_prefix(SEALED_VERSION)?.split_once('.')
}

fn binding(kid: &str, algorithm: Algorithm) -> String {
    format!("{SEALED_PURPOSE}\n{algorithm}\n{kid}")
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({}…)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek(byte: u8) -> KeyEncryptionKey {
        KeyEncryptionKey::new(&[byte; KEY_BYTES]).unwrap()
    }

    #[test]
    fn a_sealed_key_opens_only_under_its_own_name() {
        let sealed = kek(1).seal("kid", Algorithm::Es256, b"private").unwrap();
        assert_eq!(kek(1).open("kid", Algorithm::Es256, &sealed).unwrap().as_slice(), b"private");
        let mut changed = sealed.clone();
        // The character before the last: all of its bits are used, whatever the length.
        let at = changed.len() - 2;
        let other = if changed.get(at..).is_some_and(|end| end.starts_with('A')) { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        let named = |text: &str| format!("v1.{}.{text}", kek(1).id());
        let missing = SealError::Missing { kek: kek(1).id().to_owned() };
        let (open, malformed) = (SealError::Open, SealError::Malformed);
        for (key, kid, algorithm, text, expected) in [
            (kek(2), "kid", Algorithm::Es256, &*sealed, &missing),
            (kek(1), "other", Algorithm::Es256, &*sealed, &open),
            (kek(1), "kid", Algorithm::Rs256, &*sealed, &open),
            (kek(1), "kid", Algorithm::Es256, &*changed, &open),
            // Another key's name on it does not make it that key's.
            (kek(2), "kid", Algorithm::Es256, &*sealed.replace(kek(1).id(), kek(2).id()), &open),
            (kek(1), "kid", Algorithm::Es256, &*named("AAAA"), &malformed),
            (kek(1), "kid", Algorithm::Es256, "v1.AAAA", &malformed),
            (kek(1), "kid", Algorithm::Es256, &*sealed.replacen("v1", "v2", 1), &malformed),
        ] {
            assert_eq!(key.open(kid, algorithm, text).map(|_| ()).as_ref(), Err(expected), "{kid} {text}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let seal = || kek(1).seal("kid", Algorithm::Es256, b"private").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn debug_shows_the_id_alone() {
        assert_eq!(format!("{:?}", kek(7)), format!("KeyEncryptionKey({}…)", kek(7).id()));
        assert_eq!(kek(7).id().len(), 8);
        assert_ne!(kek(7).id(), kek(8).id());
    }
}
