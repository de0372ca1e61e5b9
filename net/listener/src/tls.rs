//! TLS for a [`Listener`](crate::Listener): the server's certificate, and what clients show of theirs.
//!
//! TLS 1.2 and 1.3 with the library's own choice of ciphers, HTTP/2 and HTTP/1.1 by ALPN, no early data. A client is
//! asked for a certificate and may have none. Any certificate is accepted whose possession the handshake proves
//! (RFC 8705 §7.1 and §7.2 want no more of TLS); what it is worth is judged afterwards, for each connection, and told as
//! a [`PeerCertificate`] with each request. Revocation lists are not read: what a certificate means is registered with
//! the client, and withdrawn there.

mod client;
mod peer;
mod subject;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};
use zeroize::Zeroizing;

use self::client::{Authorities, Possession};
pub use self::peer::{ChainError, PeerCertificate};

/// How often the files are read for changes. Platforms renew certificates days or hours before they expire.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// The files of a TLS listener, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate and the chain to its root, in this order.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// The roots of the certificates that prove clients (RFC 8705 §2.1). Without it no chain is accepted.
    pub client_ca: Option<PathBuf>,
}

/// Why the files are no good. Never shows what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that should hold certificates holds none.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A certificate cannot be read.
    #[error("{} holds a certificate that cannot be used", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
    /// There is no key, or a sealed one.
    #[error("{} holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase)", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// The key is none that signs handshakes.
    #[error("{} holds a private key that cannot be used", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
    /// Certificate and key are not a pair.
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The library does not take these settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What a TLS listener needs, read from its files and read again when they change. Cloning shares it.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: TlsFiles,
    material: RwLock<Arc<Material>>,
    /// The digest of what was last read, used or not: what is refused is refused once.
    seen: Mutex<Digest>,
}

/// What new connections begin with.
pub(crate) struct Material {
    pub(crate) acceptor: TlsAcceptor,
    authorities: Authorities,
}

/// The bytes of the files.
struct Contents {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

type Digest = [u8; 32];

impl ServerTls {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = Contents::read(&files)?;
        let material = RwLock::new(Arc::new(Material::new(&files, &contents)?));
        Ok(Self(Arc::new(Inner { seen: Mutex::new(contents.digest()), files, material })))
    }

    /// Reads the files again. Says whether they changed; connections from now on use what they hold, and those that are
    /// open keep what they began with. Files that are no good leave everything as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Inner { files, material, seen } = &*self.0;
        let contents = Contents::read(files)?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *seen, contents.digest()) == *seen {
            return Ok(false);
        }
        let new = Arc::new(Material::new(files, &contents)?);
        *material.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Reads the files again every 10 s, until dropped. By content and not by time of change: platforms swap whole
    /// folders, and a pair of which only one half is new is refused and looked at again.
    pub async fn keep_fresh(&self) {
        let mut ticks = interval(RELOAD_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let tls = self.clone();
            let path = &self.0.files.certificate;
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(true)) => info!(certificate = %path.display(), "the certificate was read again"),
                Ok(Err(error)) => {
                    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                    warn!(
                        error = format!("{error}{cause}"),
                        "the certificate is kept: the files are no good"
                    );
                }
                // Nothing new, or the runtime is ending.
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }

    pub(crate) fn material(&self) -> Arc<Material> {
        Arc::clone(&self.0.material.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Material {
    fn new(files: &TlsFiles, contents: &Contents) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identity = identity(files, contents, &provider)?;
        let roots = match (&files.client_ca, &contents.client_ca) {
            (Some(path), Some(pem)) => Some(roots(path, pem)?),
            _ => None,
        };
        let authorities = Authorities::new(roots, &provider)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(Possession::new(&provider)))
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authorities })
    }

    /// What the peer of a connection showed; `None` if it showed nothing.
    pub(crate) fn peer(&self, connection: &rustls::ServerConnection) -> Option<Arc<PeerCertificate>> {
        let (first, rest) = connection.peer_certificates()?.split_first()?;
        // What could not be read has failed the handshake.
        peer::read(first, self.authorities.judge(first, rest)).ok().map(Arc::new)
    }
}

fn identity(
    files: &TlsFiles,
    contents: &Contents,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate, &contents.certificate)?;
    let path = &files.key;
    let key =
        PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| TlsError::NoKey { path: path.clone() })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|source| TlsError::Key { path: path.clone(), source })?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) => Ok(identity),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: path.clone() })
        }
        Err(source) => Err(TlsError::Certificate { path: files.certificate.clone(), source }),
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unusable = |_| TlsError::NoCertificate { path: path.to_owned() };
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    if all.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(all) }
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path, pem)? {
        roots.add(root).map_err(|source| TlsError::Certificate { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
        };
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: Zeroizing::new(read(&files.key)?),
            client_ca: files.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> Digest {
        let mut all = Context::new(&SHA256);
        for part in [&self.certificate, &*self.key, self.client_ca.as_ref().unwrap_or(&Vec::new())] {
            all.update(&part.len().to_be_bytes());
            all.update(part);
        }
        digest(all)
    }
}

/// SHA-256 is 32 bytes.
fn digest(context: Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").finish_non_exhaustive()
    }
}
