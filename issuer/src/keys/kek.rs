//! The key-encryption key, and what it seals.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::domain::{Algorithm, RandomError, random};

/// Bytes of an AES-256 key.
const KEK_BYTES: usize = 32;
/// Bytes read of the file at most: the key in base64url is 43, and a line end.
const MAX_KEK_FILE: u64 = 128;
/// Starts each sealed text, so that another cipher can follow without guessing.
const SEALED_VERSION: &str = "v1.";
/// Binds what is sealed to its purpose.
const SEALED_PURPOSE: &str = "tessera signing key v1";

/// The key under which signing keys are sealed at rest (AES-256-GCM). It lives in its own file, so that a copy of
/// the database alone signs nothing.
pub struct KeyEncryptionKey(RandomizedNonceKey);

/// Why the key-encryption key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the key-encryption key {}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this machine may read the file.
    #[error(
        "the key-encryption key {} is open to others (mode {mode:03o}); run `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not 32 bytes in base64url.
    #[error("the key-encryption key {} does not hold 32 bytes in base64url", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// No randomness for a new one.
    #[error("cannot make a key-encryption key")]
    Random(#[from] RandomError),
}

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
    pub fn load(path: &Path) -> Result<Self, KekError> {
        let fail = |source| KekError::File { verb: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KekError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_KEK_FILE).read_to_string(&mut text).map_err(fail)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_end()).unwrap_or_default());
        Self::from_bytes(&bytes).ok_or_else(|| KekError::Malformed { path: path.to_owned() })
    }

    /// Makes a new key in a new file that only its owner can read. Never overwrites.
    pub fn create(path: &Path) -> Result<Self, KekError> {
        let bytes = Zeroizing::new(random::<KEK_BYTES>()?);
        let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(&bytes)));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| KekError::File { verb: "write", path: path.to_owned(), source })?;
        Self::from_bytes(&*bytes).ok_or_else(|| KekError::Malformed { path: path.to_owned() })
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEK_BYTES {
            return None;
        }
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
        KeyEncryptionKey::from_bytes(&[byte; KEK_BYTES]).unwrap()
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
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tessera.kek");
        KeyEncryptionKey::create(&path).unwrap();
        KeyEncryptionKey::load(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = KeyEncryptionKey::load(&path).unwrap_err();
            assert!(matches!(refused, KekError::Exposed { mode: found, .. } if found == mode), "{refused}");
        }
    }

    #[test]
    fn an_existing_file_is_not_overwritten_and_garbage_is_not_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tessera.kek");
        KeyEncryptionKey::create(&path).unwrap();
        let again = KeyEncryptionKey::create(&path).unwrap_err();
        assert!(
            matches!(&again, KekError::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
        );
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(KeyEncryptionKey::load(&path), Err(KekError::Malformed { .. })));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", kek(7)), "KeyEncryptionKey(…)");
    }
}
