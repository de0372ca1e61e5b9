//! The key-encryption key, and what it seals.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::secret_file::{self, KEY_BYTES, SecretFileError};
use crate::domain::Algorithm;

/// What its file is called in errors.
const WHAT: &str = "key-encryption key";
/// Starts each sealed text, so that another cipher can follow without guessing.
const SEALED_VERSION: &str = "v1.";
/// Binds what is sealed to its purpose.
const SEALED_PURPOSE: &str = "tessera signing key v1";

/// The key under which signing keys are sealed at rest (AES-256-GCM). It lives in its own file, so that a copy of
/// the database alone signs nothing.
pub struct KeyEncryptionKey(RandomizedNonceKey);

/// Why a signing key could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The cipher failed, which it does not.
    #[error("sealing failed")]
    Seal,
    /// Another key-encryption key, another key id, or changed bytes.
    #[error("the sealed key does not open with this key-encryption key")]
    Open,
}

impl KeyEncryptionKey {
    /// Reads the key, and refuses a file that group or others may open.
    pub fn load(path: &Path) -> Result<Self, SecretFileError> {
        let bytes = secret_file::load(WHAT, path)?;
        Self::new(&bytes).ok_or_else(|| SecretFileError::Malformed { what: WHAT, path: path.to_owned() })
    }

    /// Makes a new key in a new file that only its owner can read. Never overwrites.
    pub fn create(path: &Path) -> Result<Self, SecretFileError> {
        let bytes = secret_file::create(WHAT, path)?;
        Self::new(&bytes).ok_or_else(|| SecretFileError::Malformed { what: WHAT, path: path.to_owned() })
    }

    fn new(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).ok().map(Self)
    }

    /// Seals a private key. Its id and algorithm are bound to it: moved to another row, it does not open.
    pub fn seal(&self, kid: &str, algorithm: Algorithm, private: &[u8]) -> Result<String, SealError> {
        // Encrypted in place, so this buffer never leaves here in the clear.
        let mut sealed = private.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(binding(kid, algorithm)), &mut sealed)
            .map_err(|_| SealError::Seal)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(format!("{SEALED_VERSION}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(
        &self,
        kid: &str,
        algorithm: Algorithm,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let text = sealed.strip_prefix(SEALED_VERSION).ok_or(SealError::Open)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Open)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Open)?;
        let mut private = Zeroizing::new(ciphertext.to_vec());
        let aad = Aad::from(binding(kid, algorithm));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, aad, &mut private).map_err(|_| SealError::Open)?.len();
        private.truncate(length);
        Ok(private)
    }
}

fn binding(kid: &str, algorithm: Algorithm) -> String {
    format!("{SEALED_PURPOSE}\n{algorithm}\n{kid}")
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEncryptionKey(…)")
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
        let last = if changed.ends_with('A') { "B" } else { "A" };
        changed.replace_range(changed.len() - 1.., last);
        for (key, kid, algorithm, text) in [
            (kek(2), "kid", Algorithm::Es256, &*sealed),
            (kek(1), "other", Algorithm::Es256, &*sealed),
            (kek(1), "kid", Algorithm::Rs256, &*sealed),
            (kek(1), "kid", Algorithm::Es256, &*changed),
            (kek(1), "kid", Algorithm::Es256, "v1.AAAA"),
            (kek(1), "kid", Algorithm::Es256, "v2.AAAA"),
        ] {
            assert_eq!(key.open(kid, algorithm, text).map(|_| ()), Err(SealError::Open), "{kid} {text}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let seal = || kek(1).seal("kid", Algorithm::Es256, b"private").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", kek(7)), "KeyEncryptionKey(…)");
    }
}
