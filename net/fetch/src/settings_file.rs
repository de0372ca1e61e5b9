//! The files that settings name: root certificates, and bearer tokens.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncReadExt as _;

/// The largest file of root certificates [bytes]: a cluster has one or two, and a whole operating system's list
/// is about 220 kB.
const ROOTS_BYTES_MAX: usize = 512 * 1024;
/// The largest file with a bearer token [bytes]. Kubernetes' tokens have about 1,200; servers take header fields up
/// to 8,192 (nginx, Apache).
const BEARER_BYTES_MAX: usize = 8 * 1024;

/// Why a file that the settings name cannot be used. Never shows what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than such a file is.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is no token: empty, or with characters that RFC 6750 §2.1 does not have.
    #[error("{} holds no bearer token: one line of letters, digits and `-._~+/=`", path.display())]
    Bearer {
        /// Which file.
        path: PathBuf,
    },
    /// There is no certificate in it, or something that is none.
    #[error("{} holds no root certificates in PEM", path.display())]
    Roots {
        /// Which file.
        path: PathBuf,
    },
}

/// The bytes of a file of roots. Settings are loaded before there is anything asynchronous to wait with.
pub(super) fn first_read(path: &Path) -> Result<Vec<u8>, SettingsFileError> {
    let pem =
        std::fs::read(path).map_err(|source| SettingsFileError::Read { path: path.to_owned(), source })?;
    if pem.len() > ROOTS_BYTES_MAX {
        return Err(SettingsFileError::TooLarge { path: path.to_owned(), limit: ROOTS_BYTES_MAX });
    }
    Ok(pem)
}

/// The roots in `pem`, which is what the file at `path` holds.
pub(super) fn roots(path: &Path, pem: &[u8]) -> Result<Vec<Certificate>, SettingsFileError> {
    let unusable = || SettingsFileError::Roots { path: path.to_owned() };
    let mut store = rustls::RootCertStore::empty();
    let mut roots = Vec::new();
    for root in CertificateDer::pem_slice_iter(pem) {
        let root = root.map_err(|_| unusable())?;
        roots.push(Certificate::from_der(&root).map_err(|_| unusable())?);
        // The client would only say so when it is built, and not of which file.
        store.add(root).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

/// The token in the file, as the value of an `Authorization` field that is not shown.
pub(super) async fn authorization(path: &Path) -> Result<http::HeaderValue, SettingsFileError> {
    let text = read(path, BEARER_BYTES_MAX).await?;
    let token = text.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let unusable = || SettingsFileError::Bearer { path: path.to_owned() };
    if token.is_empty() || !token.iter().all(is_token) {
        return Err(unusable());
    }
    let mut value = http::HeaderValue::from_bytes(&[b"Bearer ", token].concat()).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The bytes of the file of roots at `path`.
pub(super) async fn read_roots(path: &Path) -> Result<Vec<u8>, SettingsFileError> {
    read(path, ROOTS_BYTES_MAX).await
}

async fn read(path: &Path, limit: usize) -> Result<Vec<u8>, SettingsFileError> {
    let failed = |source| SettingsFileError::Read { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than the limit tells too much from just enough.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > limit {
        return Err(SettingsFileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_file_holds_one_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "eyJ.a-b_c~+/=\n").unwrap();
        let value = authorization(&path).await.unwrap();
        assert_eq!(value, "Bearer eyJ.a-b_c~+/=");
        assert_eq!(format!("{value:?}"), "Sensitive");

        for text in ["", "\n", "hunter2\nhunter3", "hunter2 x", "hunter2\r\nHost: x", "hünter2"] {
            std::fs::write(&path, text).unwrap();
            let error = authorization(&path).await.unwrap_err();
            assert!(
                matches!(&error, SettingsFileError::Bearer { path: named } if *named == path),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
        }
        std::fs::write(&path, "x".repeat(BEARER_BYTES_MAX)).unwrap();
        authorization(&path).await.unwrap();
        std::fs::write(&path, "x".repeat(BEARER_BYTES_MAX + 1)).unwrap();
        let error = authorization(&path).await.unwrap_err();
        assert!(matches!(error, SettingsFileError::TooLarge { limit: BEARER_BYTES_MAX, .. }), "{error:?}");
        std::fs::remove_file(&path).unwrap();
        let error = authorization(&path).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    }
}
