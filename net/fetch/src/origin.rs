//! What one origin needs beyond the rules for all: roots of its own, a token, networks.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reqwest::{Certificate, Client};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tessera_url::PlainHttp;
use tokio::io::AsyncReadExt as _;
use url::Url;

use super::address::Network;
use super::destination::{Destination, DestinationError};
use super::error::FetchError;

/// The largest file of root certificates [bytes]: a cluster has one or two, and a whole operating system's list
/// is about 220 kB.
const ROOTS_BYTES_MAX: usize = 512 * 1024;
/// The largest file with a bearer token [bytes]. Kubernetes' tokens have about 1,200; servers take header fields up
/// to 8,192 (nginx, Apache).
const BEARER_BYTES_MAX: usize = 8 * 1024;

/// Scheme, host and port of a server.
///
/// Cloning and comparing are cheap enough for settings; [`Origin::parse`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is no [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No document could be fetched from there.
    #[error("{0}")]
    Destination(#[from] DestinationError),
    /// There is more to it than scheme, host and port.
    #[error("the settings are for all of {origin}: leave out what follows it")]
    More {
        /// The part that counts.
        origin: Origin,
    },
}

/// The settings of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginAccess {
    /// Whose settings these are.
    pub origin: Origin,
    /// A PEM file: the only roots for this origin. `None` for those of the operating system. Read at the start and
    /// again at each fetch.
    pub ca: Option<PathBuf>,
    /// A file with the token that each request to this origin carries (RFC 6750 §2.1), and no other request. Read
    /// again at each fetch, because platforms replace such tokens.
    pub bearer: Option<PathBuf>,
    /// Networks that this origin may be in besides those that are allowed for all.
    pub allowed: Vec<Network>,
}

/// Why a file of an origin's settings cannot be used. Never shows what is in it.
#[derive(Debug, thiserror::Error)]
pub enum OriginFileError {
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

impl Origin {
    /// Parses `https://host` or `https://host:port`; a final `/` is as good as none.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, OriginError> {
        let destination = Destination::parse(text, plain_http)?;
        let url = destination.as_url();
        let origin = Self::of(url);
        if url.path() == "/" && url.query().is_none() {
            Ok(origin)
        } else {
            Err(OriginError::More { origin })
        }
    }

    /// The origin that `url` belongs to.
    pub(super) fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The client of one file of roots, made anew when the file has changed.
#[derive(Debug)]
pub(super) struct CustomRoots {
    /// Whose roots these are; `None` if all origins' without their own.
    origin: Option<Origin>,
    path: PathBuf,
    current: Mutex<(Vec<u8>, Client)>,
}

impl CustomRoots {
    /// Reads the roots for the first time. `make` makes a client that trusts them alone.
    pub(super) fn load(
        origin: Option<Origin>,
        path: &Path,
        make: impl Fn(Vec<Certificate>) -> Result<Client, FetchError>,
    ) -> Result<Self, FetchError> {
        let parsed = first_read(path).and_then(|pem| Ok((roots(path, &pem)?, pem)));
        let (roots, pem) = parsed.map_err(|source| unusable(origin.as_ref(), source))?;
        let client = make(roots)?;
        Ok(Self { origin, path: path.to_owned(), current: Mutex::new((pem, client)) })
    }

    /// The client for what the file holds now.
    pub(super) async fn client(
        &self,
        make: impl Fn(Vec<Certificate>) -> Result<Client, FetchError>,
    ) -> Result<Client, FetchError> {
        let unusable = |source| unusable(self.origin.as_ref(), source);
        let pem = read(&self.path, ROOTS_BYTES_MAX).await.map_err(unusable)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != pem {
            let client = make(roots(&self.path, &pem).map_err(unusable)?)?;
            *current = (pem, client);
        }
        Ok(current.1.clone())
    }
}

fn unusable(origin: Option<&Origin>, source: OriginFileError) -> FetchError {
    match origin {
        Some(origin) => FetchError::Origin { origin: origin.clone(), source },
        None => FetchError::Roots { source },
    }
}

/// The roots in the file at `path`.
pub(super) fn first_roots(path: &Path) -> Result<Vec<Certificate>, OriginFileError> {
    roots(path, &first_read(path)?)
}

/// Settings are loaded before there is anything asynchronous to wait with.
fn first_read(path: &Path) -> Result<Vec<u8>, OriginFileError> {
    let pem =
        std::fs::read(path).map_err(|source| OriginFileError::Read { path: path.to_owned(), source })?;
    if pem.len() > ROOTS_BYTES_MAX {
        return Err(OriginFileError::TooLarge { path: path.to_owned(), limit: ROOTS_BYTES_MAX });
    }
    Ok(pem)
}

fn roots(path: &Path, pem: &[u8]) -> Result<Vec<Certificate>, OriginFileError> {
    let unusable = || OriginFileError::Roots { path: path.to_owned() };
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
pub(super) async fn authorization(path: &Path) -> Result<http::HeaderValue, OriginFileError> {
    let text = read(path, BEARER_BYTES_MAX).await?;
    let token = text.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let unusable = || OriginFileError::Bearer { path: path.to_owned() };
    if token.is_empty() || !token.iter().all(is_token) {
        return Err(unusable());
    }
    let mut value = http::HeaderValue::from_bytes(&[b"Bearer ", token].concat()).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(path: &Path, limit: usize) -> Result<Vec<u8>, OriginFileError> {
    let failed = |source| OriginFileError::Read { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than the limit tells too much from just enough.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > limit {
        return Err(OriginFileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use tessera_url::UrlFault;

    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, shown) in [
            ("https://Kubernetes.default.svc", "https://kubernetes.default.svc"),
            ("https://kubernetes.default.svc:443/", "https://kubernetes.default.svc"),
            ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ] {
            assert_eq!(Origin::parse(text, PlainHttp::Never).unwrap().to_string(), shown);
        }
        let origin = Origin::parse("https://id.example", PlainHttp::Never).unwrap();
        for text in ["https://id.example/keys", "https://id.example/?a"] {
            let error = Origin::parse(text, PlainHttp::Never);
            assert_eq!(error, Err(OriginError::More { origin: origin.clone() }), "{text}");
        }
        let error = Origin::parse("http://id.example", PlainHttp::Loopback);
        assert_eq!(error, Err(OriginError::Destination(DestinationError::Url(UrlFault::RemoteHttp))));
    }

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
            assert!(matches!(&error, OriginFileError::Bearer { path: named } if *named == path), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
        }
        std::fs::write(&path, "x".repeat(BEARER_BYTES_MAX)).unwrap();
        authorization(&path).await.unwrap();
        std::fs::write(&path, "x".repeat(BEARER_BYTES_MAX + 1)).unwrap();
        let error = authorization(&path).await.unwrap_err();
        assert!(matches!(error, OriginFileError::TooLarge { limit: BEARER_BYTES_MAX, .. }), "{error:?}");
        std::fs::remove_file(&path).unwrap();
        let error = authorization(&path).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    }
}
