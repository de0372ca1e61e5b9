//! Files that hold one secret, readable by their owner alone: mostly a key, 32 bytes in base64url.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::domain::{Pepper, RandomError, random};

/// Bytes of a secret at most, its line end among them: a key in base64url is 43, a PIN some dozens.
pub(super) const MAX_SECRET: usize = 1024;
/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// What the file of a pepper is called in errors.
const PEPPER: &str = "secret pepper";

/// Why such a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the {what} {}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// What it holds.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this machine may read the file.
    #[error(
        "the {what} {} is open to others (mode {mode:03o}); run `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    Exposed {
        /// What it holds.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not 32 bytes in base64url.
    #[error("the {what} {} does not hold 32 bytes in base64url", path.display())]
    Malformed {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// The content is longer than any secret.
    #[error("the {what} {} is longer than {MAX_SECRET} bytes", path.display())]
    TooLong {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// No randomness for a new one.
    #[error("cannot make a key")]
    Random(#[from] RandomError),
}

/// Reads the key of client secrets.
pub fn load_pepper(path: &Path) -> Result<Pepper, SecretFileError> {
    load(PEPPER, path).map(|bytes| Pepper::new(&bytes))
}

/// Makes a new one in a new file. Never overwrites.
pub fn create_pepper(path: &Path) -> Result<Pepper, SecretFileError> {
    create(PEPPER, path).map(|bytes| Pepper::new(&bytes))
}

/// Reads a key, and refuses a file that group or others may open.
fn load(what: &'static str, path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, SecretFileError> {
    let text = read(what, path)?;
    parse_key(&text).ok_or_else(|| SecretFileError::Malformed { what, path: path.to_owned() })
}

/// The key that a text is, in base64url.
pub(super) fn parse_key(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_end()).ok()?);
    <[u8; KEY_BYTES]>::try_from(&**bytes).ok().map(Zeroizing::new)
}

/// Reads a secret, of which no more than [`MAX_SECRET`] bytes are any good, and refuses a file that group or others may
/// open.
pub(super) fn read(what: &'static str, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let fail = |source| SecretFileError::File { verb: "read", what, path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Exposed { what, path: path.to_owned(), mode });
    }
    // Of one size from the beginning, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET + 1));
    let limit = u64::try_from(MAX_SECRET + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_string(&mut text).map_err(fail)?;
    if text.len() > MAX_SECRET {
        return Err(SecretFileError::TooLong { what, path: path.to_owned() });
    }
    Ok(text)
}

/// Makes a new key in a new file that only its owner can read. Never overwrites.
pub(super) fn create(what: &'static str, path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, SecretFileError> {
    let bytes = Zeroizing::new(random::<KEY_BYTES>()?);
    let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(*bytes)));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| SecretFileError::File { verb: "write", what, path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tessera.pepper");
        create_pepper(&path).unwrap();
        load_pepper(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = load_pepper(&path).unwrap_err();
            assert!(
                matches!(refused, SecretFileError::Exposed { mode: found, .. } if found == mode),
                "{refused}"
            );
        }
    }

    #[test]
    fn an_existing_file_is_not_overwritten_and_garbage_is_not_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tessera.pepper");
        create_pepper(&path).unwrap();
        let again = create_pepper(&path).unwrap_err();
        assert!(
            matches!(&again, SecretFileError::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
        );
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(load_pepper(&path), Err(SecretFileError::Malformed { .. })));
        std::fs::write(&path, "x".repeat(MAX_SECRET + 1)).unwrap();
        assert!(matches!(load_pepper(&path), Err(SecretFileError::TooLong { .. })));
    }
}
