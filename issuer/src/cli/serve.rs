//! `tessera serve`.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use tessera_net::fetch::{FetchOptions, Fetcher};
use tessera_net::listener::{Limits, Listener, TowerToHyperService};
use tessera_net::shutdown;
use tracing_subscriber::EnvFilter;

use super::args::{LogFormat, Serve};
use super::{Failure, now};
use crate::config::Config;
use crate::domain::IssuerId;
use crate::keys::KeyEncryptionKey;
use crate::service::{Assertions, TokenService};
use crate::store::{Snapshots, SqliteStore, Store, follow};

/// What is logged when `TESSERA_LOG` does not say. warp's own trace repeats the access log.
const LOG_FILTER: &str = "info,warp::filters=off";

pub(super) async fn serve(config: Config, arguments: Serve) -> Result<(), Failure> {
    start_log(arguments.log_format);
    // In this order: whatever can fail does so before the address is taken, and nothing is announced before it
    // works.
    let kek = KeyEncryptionKey::load(&config.key_encryption_key)?;
    let store = Arc::new(SqliteStore::open(&config.database).await?);
    let snapshots = Arc::new(Snapshots::load(&*store, &kek).await?);
    let allow_http_loopback = config.allow_http_loopback;
    let fetcher = Fetcher::new(FetchOptions { allow_http_loopback, ..FetchOptions::default() })?;
    let stopped = shutdown::signal().map_err(Failure::Runtime)?;
    let listener = Listener::bind(config.listen)?;
    let address = listener.local_addr();

    let issuer = config.issuer.unwrap_or_else(|| IssuerId::of_loopback(address));
    let assertions = Assertions::new(&issuer, fetcher, allow_http_loopback);
    let service = Arc::new(TokenService::new(issuer, Arc::clone(&snapshots), assertions, now));
    let following = tokio::spawn(follow(snapshots, Arc::clone(&store) as Arc<dyn Store>, kek));
    let refreshing = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.keep_fresh().await }
    });

    tracing::info!(issuer = %service.issuer(), %address, started_at = now().as_seconds(), "serving");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Output)?;
    let endpoints = TowerToHyperService::new(warp::service(crate::http::routes(&service)));
    let summary = listener.serve(endpoints, Limits::default(), stopped).await;

    refreshing.abort();
    following.abort();
    store.close().await;
    tracing::info!("{summary}");
    Ok(())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("TESSERA_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
