//! `tessera.toml`: parsed whole before anything is opened or bound.

mod file;
mod secrets;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tessera_fetch::{Egress, Network, OriginAccess};
use tessera_listener::tls::TlsFiles;

use crate::domain::{ActDepth, IssuerId, LifetimeBounds, RotateEvery, StatusTtl};
use crate::keys::VaultOptions;

/// The settings of one issuer, its paths resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen for plain HTTP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The issuer identifier; `None` only on loopback, where it is `http://` and the bound address.
    pub issuer: Option<IssuerId>,
    /// The SQLite file.
    pub database: PathBuf,
    /// Where the signing keys are made and opened.
    pub vault: VaultOptions,
    /// The file of the pepper under which client secrets are kept; `tessera.pepper` unless set.
    pub secret_pepper: PathBuf,
    /// Whether key sets may be fetched over `http` from this machine.
    pub allow_http_loopback: bool,
    /// How long tokens may live.
    pub tokens: LifetimeBounds,
    /// How long verifiers may keep a status list.
    pub status_ttl: StatusTtl,
    /// How often another key signs.
    pub rotate_every: RotateEvery,
    /// How many services may act for one subject, one after the other.
    pub max_act_depth: ActDepth,
    /// Where to listen for TLS, if at all.
    pub tls: Option<Tls>,
    /// Where documents of others may come from.
    pub fetch: Fetch,
    /// How long it goes on accepting connections after the signal to stop, while `/readyz` says that it stops.
    pub lame_duck: Duration,
}

/// The TLS listener, `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The server's certificate and key, and whose certificates prove clients.
    pub files: TlsFiles,
    /// The URL by which clients with certificates reach this listener, without a final `/`, where it is another
    /// than the issuer's (RFC 8705 §5).
    pub url: Option<String>,
}

/// Whom documents are fetched from, `[fetch]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Whose certificates count, and the proxy to go through.
    pub egress: Egress,
    /// Networks that may be fetched from although they are not public.
    pub allowed: Vec<Network>,
    /// Settings of single origins, each origin once.
    pub origins: Vec<OriginAccess>,
}

/// What is wrong with a configuration. One line each, with the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {} (`tessera init` makes one)", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{}:{line}: {message}{}", path.display(), suggest(suggestion.as_deref()))]
    Content {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// An issuer that others reach needs a name.
    #[error("{}: `issuer` is missing; it can be left out only when each `listen` is a loopback address", path.display())]
    NoIssuer {
        /// Which file.
        path: PathBuf,
    },
}

impl Config {
    /// Reads and checks a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        file::parse(path, &text)
    }
}

fn suggest(key: Option<&str>) -> String {
    key.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}
