//! How the service proves itself to the token server.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Bytes in an assertion file. A platform's JWT has one to three kilobytes.
const ASSERTION_BYTES_MAX: u64 = 16 * 1024;

/// How the service proves itself. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Credential(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Secret { client_id: String, secret: Arc<Secret>, method: Method },
    Assertion { client_id: Option<String>, provider: Arc<dyn AssertionProvider> },
}

/// Where the secret travels (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Basic,
    Post,
}

/// Why a provider has no assertion.
pub type ProviderError = Box<dyn StdError + Send + Sync>;

/// Gives an assertion for each exchange: a JWT by which the platform vouches for this workload (RFC 7523 §3).
///
/// Any `Fn` that returns such a future is a provider.
pub trait AssertionProvider: Send + Sync + 'static {
    /// A currently valid assertion. Called once for each attempt, so that a single-use assertion works.
    fn assertion(&self) -> Pin<Box<dyn Future<Output = Result<Secret, ProviderError>> + Send + '_>>;
}

impl<F, R> AssertionProvider for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Secret, ProviderError>> + Send + 'static,
{
    fn assertion(&self) -> Pin<Box<dyn Future<Output = Result<Secret, ProviderError>> + Send + '_>> {
        Box::pin(self())
    }
}

impl Credential {
    /// A client secret, sent in the `Authorization` header: `client_secret_basic`, which every server must support.
    pub fn secret(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        let (client_id, secret) = (client_id.into(), Arc::new(secret.into()));
        Self(Kind::Secret { client_id, secret, method: Method::Basic })
    }

    /// A client secret, sent in the form: `client_secret_post`, for servers that take it nowhere else.
    pub fn secret_in_form(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        let (client_id, secret) = (client_id.into(), Arc::new(secret.into()));
        Self(Kind::Secret { client_id, secret, method: Method::Post })
    }

    /// An assertion from `provider`, presented as an authorization grant (RFC 7523 §2.1). The server finds the client
    /// by the assertion's issuer and subject.
    pub fn assertion(provider: impl AssertionProvider) -> Self {
        Self(Kind::Assertion { client_id: None, provider: Arc::new(provider) })
    }

    /// An assertion from a file, which is read anew for each exchange: platforms such as Kubernetes replace it before
    /// the assertion in it expires. Whitespace around it is ignored; at most 16,384 bytes.
    pub fn assertion_file(path: impl Into<PathBuf>) -> Self {
        Self::assertion(AssertionFile(path.into()))
    }

    /// Also names the client, for servers that do not find it by the assertion alone. No effect on a secret, which
    /// names it anyway.
    #[must_use]
    pub fn with_client_id(mut self, id: impl Into<String>) -> Self {
        if let Kind::Assertion { client_id, .. } = &mut self.0 {
            *client_id = Some(id.into());
        }
        self
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { client_id, secret, method } => f
                .debug_struct("Secret")
                .field("client_id", client_id)
                .field("secret", secret)
                .field("method", method)
                .finish(),
            Self::Assertion { client_id, provider: _ } => {
                f.debug_struct("Assertion").field("client_id", client_id).finish_non_exhaustive()
            }
        }
    }
}

struct AssertionFile(PathBuf);

/// Why a file gives no assertion.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {ASSERTION_BYTES_MAX} bytes, so it holds no assertion", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} holds no JWT: expected one line of three base64url parts", path.display())]
    NoJwt { path: PathBuf },
}

impl AssertionProvider for AssertionFile {
    fn assertion(&self) -> Pin<Box<dyn Future<Output = Result<Secret, ProviderError>> + Send + '_>> {
        Box::pin(async { Ok(read_assertion(&self.0).await?) })
    }
}

async fn read_assertion(path: &Path) -> Result<Secret, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(ASSERTION_BYTES_MAX + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() as u64 > ASSERTION_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    let jwt = bytes.trim_ascii();
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let parts = jwt.split(|byte| *byte == b'.');
    let looks_right = parts.clone().count() == 3
        && parts.clone().all(|part| !part.is_empty() && part.iter().all(is_base64url));
    match std::str::from_utf8(jwt) {
        Ok(jwt) if looks_right => Ok(Secret::from(jwt.to_owned())),
        _ => Err(FileError::NoJwt { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content: &[u8]) -> Result<Secret, FileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        read_assertion(file.path()).await
    }

    #[tokio::test]
    async fn a_file_gives_its_assertion_without_the_line_end() {
        assert_eq!(read(b" aA0.b-_.c\r\n").await.unwrap().expose(), "aA0.b-_.c");
    }

    #[tokio::test]
    async fn files_without_an_assertion_are_told_apart() {
        for content in [&b""[..], b"not a jwt", b"a.b", b"a..c", b"a.b.c.d", b"a.b.\xff", b"a.b\n.c"] {
            assert!(matches!(read(content).await, Err(FileError::NoJwt { .. })), "{content:?}");
        }
        assert!(matches!(read("a".repeat(16 * 1024 + 1).as_bytes()).await, Err(FileError::TooLarge { .. })));
        let missing = read_assertion(Path::new("no/such/file")).await;
        assert!(matches!(missing, Err(FileError::Read { .. })));
    }

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::secret("orders", "hunter2".to_owned());
        let shown = format!("{credential:?}");
        assert!(shown.contains("orders") && !shown.contains("hunter2"), "{shown}");
    }
}
