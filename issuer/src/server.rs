//! A whole issuer in one future: configuration and bound addresses in, everything wired, served, drained and written.
//!
//! Steps: [`Listeners::bind`], [`Server::open`], [`Server::run`]; [`run`] does the last two.
//!
//! ```no_run
//! use std::path::Path;
//! use tessera_issuer::config::Config;
//! use tessera_issuer::server::{self, Listeners};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::load(Path::new("tessera.toml"))?;
//! let listeners = Listeners::bind(&config)?;
//! println!("listening on http://{}", listeners.public.local_addr());
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let served = tokio::spawn(server::run(config, listeners, stopped));
//! drop(stop);
//! println!("{}", served.await??);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use tessera_fetch::{Addresses, FetchError, FetchOptions, Fetcher};
use tessera_listener::tls::{ServerTls, TlsError};
use tessera_listener::{BindError, Limits, Listener, ServeSummary, TowerToHyperService};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::domain::{IssuerId, RotateEvery, UnixTime};
use crate::http;
use crate::keys::{SecretFileError, Vault, VaultError, load_pepper};
use crate::service::{MutualTls, Rotator, TokenService, TokenServiceParts};
use crate::store::{
    FollowError, Snapshots, SqliteFile, SqliteStore, Store, StoreError, follow, keep_purging,
};

/// The bound addresses of an issuer.
#[derive(Debug)]
pub struct Listeners {
    /// Plain HTTP.
    pub public: Listener,
    /// TLS; there exactly if the configuration has `[tls]`.
    pub tls: Option<Listener>,
}

/// An issuer that has everything it needs and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    tls: Option<ServerTls>,
    store: Arc<SqliteStore>,
    snapshots: Arc<Snapshots>,
    service: Arc<TokenService>,
    vault: Vault,
    rotate_every: RotateEvery,
    lame_duck: Duration,
}

/// What an issuer did until it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The listener for plain HTTP.
    pub public: ServeSummary,
    /// The TLS listener.
    pub tls: Option<ServeSummary>,
}

/// Why an issuer cannot serve. Nothing was changed, and no connection was accepted.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The signing keys cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The pepper is unusable.
    #[error(transparent)]
    Pepper(#[from] SecretFileError),
    /// The database is unusable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the database holds is unusable.
    #[error(transparent)]
    State(#[from] FollowError),
    /// What `[tls]` names cannot be used.
    #[error("the TLS listener cannot be set up")]
    Tls(#[from] TlsError),
    /// What `[fetch]` names cannot be used.
    #[error("documents of others cannot be fetched")]
    Fetch(#[from] FetchError),
    /// A TLS listener without `[tls]`, or `[tls]` without a listener.
    #[error("the listeners are not those of the configuration: `[tls]` and the TLS listener come together")]
    Listeners,
}

/// Serves `config` on `listeners` until `shutdown` resolves and everything is drained and written.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future + Send,
) -> Result<Summary, StartError> {
    Ok(Server::open(config, listeners).await?.run(shutdown).await)
}

impl Listeners {
    /// Binds the addresses of `config`. Must be called within a tokio runtime.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        Ok(Self {
            public: Listener::bind(config.listen)?,
            tls: config.tls.as_ref().map(|tls| Listener::bind(tls.listen)).transpose()?,
        })
    }
}

impl Server {
    /// Opens everything that `config` names, brings the database up to date, and loads the state.
    ///
    /// The database is changed last: by then all that is needed is there, the addresses too.
    pub async fn open(config: Config, listeners: Listeners) -> Result<Self, StartError> {
        if config.tls.is_some() != listeners.tls.is_some() {
            return Err(StartError::Listeners);
        }
        let vault = Vault::load(&config.vault).await?;
        let pepper = load_pepper(&config.secret_pepper)?;
        let file = SqliteFile::open(&config.database).await?;
        let allow_http_loopback = config.allow_http_loopback;
        let fetcher = Fetcher::new(FetchOptions {
            allow_http_loopback,
            egress: config.fetch.egress,
            addresses: Addresses::Public { allowed: config.fetch.allowed },
            origins: config.fetch.origins,
            ..FetchOptions::default()
        })?;
        let mutual_tls = config
            .tls
            .as_ref()
            .map(|tls| MutualTls { client_ca: tls.files.client_ca.is_some(), url: tls.url.clone() });
        let tls = config.tls.map(|tls| ServerTls::load(tls.files)).transpose()?;
        let store = Arc::new(file.migrate().await?);
        let snapshots = Arc::new(Snapshots::load(&*store, &vault).await?);

        let issuer = config.issuer.unwrap_or_else(|| IssuerId::of_loopback(listeners.public.local_addr()));
        let service = Arc::new(TokenService::new(TokenServiceParts {
            endpoints: http::endpoints(&issuer),
            issuer,
            bounds: config.tokens,
            max_act_depth: config.max_act_depth,
            status_ttl: config.status_ttl,
            pepper,
            store: Arc::clone(&store) as Arc<dyn Store>,
            snapshots: Arc::clone(&snapshots),
            fetcher,
            allow_http_loopback,
            mutual_tls,
            clock: now,
        }));
        let (rotate_every, lame_duck) = (config.rotate_every, config.lame_duck);
        Ok(Self { listeners, tls, store, snapshots, service, vault, rotate_every, lame_duck })
    }

    /// The name that it signs as.
    #[must_use]
    pub fn issuer(&self) -> &IssuerId {
        self.service.issuer()
    }

    /// The addresses that it will serve.
    #[must_use]
    pub const fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Serves until `shutdown` resolves and then for as long as it is a lame duck, drains the connections, writes what is still in memory and closes the
    /// store.
    pub async fn run(self, shutdown: impl Future + Send) -> Summary {
        let Self { listeners, tls, store, snapshots, service, vault, rotate_every, lame_duck } = self;
        let address = listeners.public.local_addr();
        tracing::info!(issuer = %service.issuer(), %address, started_at = now().as_seconds(), "serving");
        // They end with this set, however this function is left.
        let mut background = JoinSet::new();
        let shared = || Arc::clone(&store) as Arc<dyn Store>;
        let rotator = Rotator::new(shared(), Arc::clone(&snapshots), vault.clone(), rotate_every);
        background.spawn(rotator.keep_rotating(now));
        background.spawn(follow(snapshots, shared(), vault));
        background.spawn({
            let service = Arc::clone(&service);
            async move { service.keep_fresh().await }
        });
        background.spawn({
            let store = Arc::clone(&store);
            async move { keep_purging(&*store, now).await }
        });
        background.spawn({
            let (service, store) = (Arc::clone(&service), Arc::clone(&store));
            async move { service.last_used().keep_flushing(&*store).await }
        });

        let endpoints = TowerToHyperService::new(warp::service(http::routes(&service)));
        let shutdown = shutdown.map(|_| service.stop()).shared();
        let limits = Limits { lame_duck, ..Limits::of_process() };
        let public = listeners.public.serve(endpoints.clone(), limits, shutdown.clone());
        let secure = async {
            let (listener, tls) = (listeners.tls?, tls?);
            let listener = listener.with_tls(tls.clone());
            tokio::select! {
                summary = listener.serve(endpoints, limits, shutdown) => Some(summary),
                () = tls.keep_fresh() => None,
            }
        };
        let (public, tls) = tokio::join!(public, secure);

        background.shutdown().await;
        if let Err(error) = service.last_used().flush(&*store).await {
            tracing::warn!(error = tessera_fetch::chain(&error), "cannot note when credentials were used");
        }
        store.close().await;
        let summary = Summary { public, tls };
        tracing::info!("{summary}");
        summary
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.public)?;
        self.tls.map_or(Ok(()), |tls| write!(f, "; TLS: {tls}"))
    }
}

fn now() -> UnixTime {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests;
