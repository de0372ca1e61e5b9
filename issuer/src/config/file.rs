//! The file as it is written, and its way to a [`Config`].

mod pkcs11;

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tessera_fetch::{Destination, Egress, EgressProxy, Network, Origin, OriginAccess, PlainHttp};
use tessera_listener::tls::TlsFiles;
use toml::Spanned;

use self::pkcs11::Pkcs11Table;
use super::secrets::PlaceOrPath;
use super::{Config, ConfigError, Fetch, Tls};
use crate::domain::{
    ActDepth, Algorithm, IssuerId, Lifetime, LifetimeBounds, MAX_ACT_DEPTH, MAX_LIFETIME, MAX_ROTATE_EVERY,
    MIN_ROTATE_EVERY, RotateEvery, StatusTtl,
};
use crate::keys::VaultOptions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    issuer: Option<IssuerId>,
    database: PathBuf,
    key_encryption_key: PlaceOrPath,
    #[serde(default)]
    old_key_encryption_keys: Vec<PlaceOrPath>,
    #[serde(default = "default_pepper")]
    secret_pepper: PathBuf,
    #[serde(default)]
    allow_http_loopback: bool,
    #[serde(default)]
    tokens: TokensTable,
    #[serde(default)]
    status: StatusTable,
    #[serde(default)]
    keys: KeysTable,
    tls: Option<TlsTable>,
    #[serde(default)]
    fetch: FetchTable,
    #[serde(default)]
    shutdown: ShutdownTable,
    pkcs11: Option<Pkcs11Table>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TokensTable {
    max_lifetime: Option<Spanned<u64>>,
    default_lifetime: Option<Spanned<u64>>,
    algorithm: Option<Text<Algorithm>>,
    max_act_depth: Option<Spanned<usize>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StatusTable {
    ttl: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeysTable {
    rotate_every: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    listen: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    url: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct FetchTable {
    ca: Option<PathBuf>,
    proxy: Option<Text<EgressProxy>>,
    #[serde(default)]
    allow_addresses: Vec<Text<Network>>,
    #[serde(default)]
    origin: Vec<OriginTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginTable {
    url: Spanned<String>,
    ca: Option<PathBuf>,
    bearer: Option<PathBuf>,
    #[serde(default)]
    allow_addresses: Vec<Text<Network>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ShutdownTable {
    lame_duck: Option<Spanned<u64>>,
}

/// The longest time as a lame duck, in seconds. Load balancers see in seconds that a server is not ready.
const MAX_LAME_DUCK: u64 = 300;

/// A value that is written as text.
struct Text<T>(T);

/// What is wrong, and where in the text.
struct Wrong {
    span: Range<usize>,
    message: String,
}

/// Parses the `text` of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text).map_err(|error| syntax_error(path, text, &error))?;
    let content = |wrong| content_error(path, text, wrong);
    let listens = [Some(file.listen), file.tls.as_ref().map(|tls| tls.listen)];
    if file.issuer.is_none() && !listens.into_iter().flatten().all(|address| address.ip().is_loopback()) {
        return Err(ConfigError::NoIssuer { path: path.to_owned() });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let http = if file.allow_http_loopback { PlainHttp::Loopback } else { PlainHttp::Never };
    Ok(Config {
        listen: file.listen,
        issuer: file.issuer,
        database: folder.join(file.database),
        vault: VaultOptions {
            key_encryption_key: file.key_encryption_key.resolve(folder),
            old_key_encryption_keys: {
                file.old_key_encryption_keys.into_iter().map(|it| it.resolve(folder)).collect()
            },
            pkcs11: file.pkcs11.map(|it| it.resolve(folder)).transpose().map_err(content)?,
            algorithm: file.tokens.algorithm.as_ref().map_or_else(Algorithm::default, |Text(it)| *it),
        },
        secret_pepper: folder.join(file.secret_pepper),
        allow_http_loopback: file.allow_http_loopback,
        max_act_depth: file.tokens.act_depth().map_err(content)?,
        tokens: file.tokens.resolve().map_err(content)?,
        status_ttl: file.status.resolve().map_err(content)?,
        rotate_every: file.keys.resolve().map_err(content)?,
        tls: file.tls.map(|it| it.resolve(folder)).transpose().map_err(content)?,
        fetch: file.fetch.resolve(folder, http).map_err(content)?,
        lame_duck: file.shutdown.resolve().map_err(content)?,
    })
}

fn default_pepper() -> PathBuf {
    PathBuf::from("tessera.pepper")
}

impl TokensTable {
    fn act_depth(&self) -> Result<ActDepth, Wrong> {
        let Some(depth) = &self.max_act_depth else { return Ok(ActDepth::default()) };
        ActDepth::new(*depth.get_ref())
            .ok_or_else(|| Wrong::at(depth, format!("`max_act_depth` must be 1 to {MAX_ACT_DEPTH}")))
    }

    fn resolve(self) -> Result<LifetimeBounds, Wrong> {
        let max = match self.max_lifetime {
            None => LifetimeBounds::default().max,
            Some(seconds) => Lifetime::from_seconds(*seconds.get_ref()).map_err(|_| {
                Wrong::at(&seconds, format!("`max_lifetime` must be 1 to {MAX_LIFETIME} seconds"))
            })?,
        };
        let default = match self.default_lifetime {
            // The bound holds for what is left out, too.
            None => LifetimeBounds::default().default.min(max),
            Some(seconds) => {
                let lifetime = Lifetime::from_seconds(*seconds.get_ref()).ok().filter(|it| *it <= max);
                lifetime.ok_or_else(|| {
                    let max = max.as_seconds();
                    Wrong::at(
                        &seconds,
                        format!("`default_lifetime` must be 1 to {max} seconds, which is `max_lifetime`"),
                    )
                })?
            }
        };
        Ok(LifetimeBounds { default, max })
    }
}

impl StatusTable {
    fn resolve(self) -> Result<StatusTtl, Wrong> {
        let Some(seconds) = self.ttl else { return Ok(StatusTtl::default()) };
        StatusTtl::from_seconds(*seconds.get_ref())
            .map_err(|_| Wrong::at(&seconds, format!("`ttl` must be 1 to {} seconds", StatusTtl::MAX)))
    }
}

impl KeysTable {
    fn resolve(self) -> Result<RotateEvery, Wrong> {
        let Some(seconds) = self.rotate_every else { return Ok(RotateEvery::default()) };
        RotateEvery::from_seconds(*seconds.get_ref()).map_err(|_| {
            let bounds = format!("{MIN_ROTATE_EVERY} to {MAX_ROTATE_EVERY}");
            Wrong::at(&seconds, format!("`rotate_every` must be {bounds} seconds"))
        })
    }
}

impl ShutdownTable {
    fn resolve(self) -> Result<Duration, Wrong> {
        let Some(seconds) = self.lame_duck else { return Ok(Duration::ZERO) };
        if *seconds.get_ref() > MAX_LAME_DUCK {
            return Err(Wrong::at(&seconds, format!("`lame_duck` must be 0 to {MAX_LAME_DUCK} seconds")));
        }
        Ok(Duration::from_secs(*seconds.get_ref()))
    }
}

impl TlsTable {
    fn resolve(self, folder: &Path) -> Result<Tls, Wrong> {
        let url = self.url.map(|url| {
            let wrong = |message: String| Wrong::at(&url, message);
            let destination =
                Destination::parse(url.get_ref(), PlainHttp::Never).map_err(|it| wrong(it.to_string()))?;
            let parsed = destination.as_url();
            if parsed.query().is_some() {
                return Err(wrong("`url` is what endpoints are appended to: no query".to_owned()));
            }
            Ok(parsed.as_str().trim_end_matches('/').to_owned())
        });
        Ok(Tls {
            listen: self.listen,
            files: TlsFiles {
                certificate: folder.join(self.certificate),
                key: folder.join(self.key),
                client_ca: self.client_ca.map(|it| folder.join(it)),
            },
            url: url.transpose()?,
        })
    }
}

impl FetchTable {
    fn resolve(self, folder: &Path, http: PlainHttp) -> Result<Fetch, Wrong> {
        let mut known = HashSet::new();
        let origins = self.origin.into_iter().map(|table| {
            let wrong = |message: String| Wrong::at(&table.url, message);
            let origin = Origin::parse(table.url.get_ref(), http).map_err(|it| wrong(it.to_string()))?;
            if !known.insert(origin.clone()) {
                return Err(wrong(format!("the settings of {origin} are there already")));
            }
            Ok(OriginAccess {
                origin,
                ca: table.ca.map(|it| folder.join(it)),
                bearer: table.bearer.map(|it| folder.join(it)),
                allowed: plain(table.allow_addresses),
            })
        });
        let proxy = self.proxy.map(|Text(proxy)| proxy);
        Ok(Fetch {
            egress: Egress { ca: self.ca.map(|it| folder.join(it)), proxy },
            origins: origins.collect::<Result<_, _>>()?,
            allowed: plain(self.allow_addresses),
        })
    }
}

fn plain<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

impl Wrong {
    fn at<T>(value: &Spanned<T>, message: String) -> Self {
        Self { span: value.span(), message }
    }
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    // Later lines of it list what was expected; this is one line.
    let message = error.message().lines().next().unwrap_or_default().to_owned();
    content_error(path, text, Wrong { span: error.span().unwrap_or(0..0), message })
}

fn content_error(path: &Path, text: &str, Wrong { span, message }: Wrong) -> ConfigError {
    let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
    ConfigError::Content { path: path.to_owned(), line, suggestion: suggestion(&message), message }
}

/// The key that was probably meant, of those that an "unknown field `x`, expected one of `a`, `b`" names: the keys of
/// that very table.
fn suggestion(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown field `")?.split('`');
    let found = names.next()?;
    crate::suggest::nearest(found, names.skip(1).step_by(2)).map(str::to_owned)
}
