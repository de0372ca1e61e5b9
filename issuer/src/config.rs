//! `tessera.toml`: parsed whole before anything is opened or bound.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracing_subscriber::filter::ParseError;

use crate::domain::IssuerId;

/// Every key there is; what an unknown one is compared with.
const KEYS: [&str; 6] =
    ["listen", "issuer", "database", "key_encryption_key", "secret_pepper", "allow_http_loopback"];

/// The settings of one issuer, its paths resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The issuer identifier; `None` only on loopback, where it is `http://` and the bound address.
    pub issuer: Option<IssuerId>,
    /// The SQLite file.
    pub database: PathBuf,
    /// The file of the key-encryption key.
    pub key_encryption_key: PathBuf,
    /// The file of the key under which hashes of client secrets are made.
    pub secret_pepper: PathBuf,
    /// Whether key sets may be fetched over `http` from this machine.
    pub allow_http_loopback: bool,
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
    #[error("{}:{line}: {message}{}", path.display(), suggest(*suggestion))]
    Content {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
        /// The key that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// An issuer that others reach needs a name.
    #[error("{}: `issuer` is missing; it can be left out only when `listen` is a loopback address", path.display())]
    NoIssuer {
        /// Which file.
        path: PathBuf,
    },
    /// The environment asks for a log that there cannot be.
    #[error("{variable}={text:?} is no log filter; use for example `info`, or `info,tessera_issuer=debug`")]
    Log {
        /// The environment variable.
        variable: &'static str,
        /// What it holds.
        text: String,
        /// What is wrong with it.
        source: ParseError,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    issuer: Option<IssuerId>,
    database: PathBuf,
    key_encryption_key: PathBuf,
    secret_pepper: PathBuf,
    #[serde(default)]
    allow_http_loopback: bool,
}

impl Config {
    /// Reads and checks a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| content_error(path, text, &error))?;
        if file.issuer.is_none() && !file.listen.ip().is_loopback() {
            return Err(ConfigError::NoIssuer { path: path.to_owned() });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self {
            listen: file.listen,
            issuer: file.issuer,
            database: folder.join(file.database),
            key_encryption_key: folder.join(file.key_encryption_key),
            secret_pepper: folder.join(file.secret_pepper),
            allow_http_loopback: file.allow_http_loopback,
        })
    }
}

fn content_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or(0..0);
    let before = text.get(..span.start).unwrap_or_default();
    let found = text.get(span).unwrap_or_default().trim();
    let is_key = before.rsplit('\n').next().unwrap_or_default().trim().is_empty();
    ConfigError::Content {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        // Later lines of it list what was expected; this is one line.
        message: error.message().lines().next().unwrap_or_default().to_owned(),
        suggestion: is_key
            .then(|| crate::suggest::nearest(found, KEYS))
            .flatten()
            .filter(|key| *key != found),
    }
}

fn suggest(key: Option<&str>) -> String {
    key.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "listen = \"127.0.0.1:0\"\ndatabase = \"t.db\"\nkey_encryption_key = \"/k/t.kek\"\n\
        secret_pepper = \"t.pepper\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("etc/tessera.toml"), text)
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.database, Path::new("etc/t.db"));
        assert_eq!(config.key_encryption_key, Path::new("/k/t.kek"));
        assert_eq!((config.issuer, config.allow_http_loopback), (None, false));
    }

    #[test]
    fn every_error_names_its_line() {
        for (text, expected) in [
            (
                format!("{GOOD}lissten = \"x\"\n"),
                "etc/tessera.toml:5: unknown field `lissten`, expected one of \
                `listen`, `issuer`, `database`, `key_encryption_key`, `secret_pepper`, `allow_http_loopback`; did you mean `listen`?",
            ),
            (GOOD.replace("127.0.0.1:0", "localhost"), "etc/tessera.toml:1: invalid socket address syntax"),
            (
                format!("{GOOD}issuer = \"http://id.example\""),
                "etc/tessera.toml:5: the issuer must be an https URL (http is for loopback hosts only)",
            ),
            (
                GOOD.replace("127.0.0.1", "0.0.0.0"),
                "etc/tessera.toml: `issuer` is missing; it can be left out only when `listen` is a loopback address",
            ),
            (GOOD.replace("t.db\"", "t.db"), "etc/tessera.toml:2: invalid basic string, expected `\"`"),
            (String::new(), "etc/tessera.toml:1: missing field `listen`"),
        ] {
            assert_eq!(parse(&text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_list_of_keys_is_the_files() {
        let error = parse(&format!("{GOOD}x = 1")).unwrap_err().to_string();
        let named = KEYS.map(|key| format!("`{key}`")).join(", ");
        assert_eq!(error, format!("etc/tessera.toml:5: unknown field `x`, expected one of {named}"));
    }
}
