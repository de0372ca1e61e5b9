//! `tessera serve`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use futures_util::FutureExt as _;
use tessera_fetch::{Addresses, FetchOptions, Fetcher};
use tessera_listener::shutdown;
use tessera_listener::tls::ServerTls;
use tessera_listener::{BindError, Limits, Listener, TowerToHyperService};
use tracing_subscriber::EnvFilter;

use super::args::{LogFormat, Serve};
use super::log::Log;
use super::{Failure, now};
use tessera_issuer::config::{Config, ConfigError};
use tessera_issuer::domain::IssuerId;
use tessera_issuer::keys::{Vault, load_pepper};
use tessera_issuer::service::{Assertions, MutualTls, Rotator, Statuses, TokenService};
use tessera_issuer::store::{ReplayGuard, Snapshots, SqliteFile, Store, follow};

/// The environment variable that says what is logged.
const LOG_VARIABLE: &str = "TESSERA_LOG";
/// What is logged when it does not say. warp's own trace repeats the access log, and
/// cryptoki reports each mechanism of a token that it has no name for as an error.
const LOG_FILTER: &str = "info,warp::filters=off,cryptoki=off";

pub(super) async fn serve(config: Config, arguments: Serve) -> Result<(), Failure> {
    // The last to be dropped: until then it takes lines.
    let _log = start_log(arguments.log_format, log_filter(std::env::var_os(LOG_VARIABLE))?)?;
    // In this order: nothing is changed before all that is needed is there, the address too, and nothing is
    // announced before it works.
    let vault = Vault::load(&config.vault).await?;
    let pepper = load_pepper(&config.secret_pepper)?;
    let file = SqliteFile::open(&config.database).await?;
    let allow_http_loopback = config.allow_http_loopback;
    let fetcher = Fetcher::new(FetchOptions {
        allow_http_loopback,
        addresses: Addresses::Public { allowed: config.fetch.allowed },
        origins: config.fetch.origins,
        ..FetchOptions::default()
    })
    .map_err(ConfigError::Fetch)?;
    let mutual_tls = config
        .tls
        .as_ref()
        .map(|tls| MutualTls { client_ca: tls.files.client_ca.is_some(), url: tls.url.clone() });
    let tls = config.tls.map(|tls| Ok((tls.listen, ServerTls::load(tls.files)?))).transpose();
    let tls = tls.map_err(ConfigError::Tls)?;
    let stopped = shutdown::signal().map_err(Failure::Runtime)?.shared();
    let listener = Listener::bind(config.listen)?;
    let address = listener.local_addr();
    let secure = tls.map(|(listen, tls)| Ok::<_, BindError>((Listener::bind(listen)?, tls))).transpose()?;
    let store = Arc::new(file.migrate().await?);
    let snapshots = Arc::new(Snapshots::load(&*store, &vault).await?);

    let issuer = config.issuer.unwrap_or_else(|| IssuerId::of_loopback(address));
    let assertions = Assertions::new(&issuer, fetcher, allow_http_loopback)
        .with_replay_guard(ReplayGuard::new(Arc::clone(&store) as Arc<dyn Store>, now));
    let service = TokenService::new(issuer, config.tokens, pepper, Arc::clone(&snapshots), assertions, now)
        .with_max_act_depth(config.max_act_depth)
        .with_statuses(Statuses::new(Arc::clone(&store) as Arc<dyn Store>, config.status_ttl, now));
    let service = Arc::new(match mutual_tls {
        Some(mutual_tls) => service.with_mutual_tls(mutual_tls),
        None => service,
    });
    let rotating = tokio::spawn({
        let store = Arc::clone(&store) as Arc<dyn Store>;
        Rotator::new(store, Arc::clone(&snapshots), vault.clone(), config.rotate_every).keep_rotating(now)
    });
    let following = tokio::spawn(follow(snapshots, Arc::clone(&store) as Arc<dyn Store>, vault));
    let refreshing = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.keep_fresh().await }
    });
    let noting = tokio::spawn({
        let (service, store) = (Arc::clone(&service), Arc::clone(&store));
        async move { service.last_used().keep_flushing(&*store).await }
    });

    tracing::info!(issuer = %service.issuer(), %address, started_at = now().as_seconds(), "serving");
    let mut told = format!("listening on http://{address}\n");
    if let Some((listener, _)) = &secure {
        let _ = writeln!(told, "listening on https://{}", listener.local_addr());
    }
    let mut stdout = std::io::stdout();
    // At once: whoever waits for the first line may not read on.
    stdout.write_all(told.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)?;
    let endpoints = TowerToHyperService::new(warp::service(tessera_issuer::http::routes(&service)));
    // Two listeners share what one may take of the process's descriptors.
    let listeners = if secure.is_some() { 2 } else { 1 };
    let all = Limits::default();
    let limits = Limits { connections: all.connections / listeners, ..all };
    let plain = listener.serve(endpoints.clone(), limits, stopped.clone());
    let secure = async {
        let (listener, tls) = secure?;
        let listener = listener.with_tls(tls.clone());
        tokio::select! {
            summary = listener.serve(endpoints, limits, stopped) => Some(summary),
            () = tls.keep_fresh() => None,
        }
    };
    let (plain, secure) = tokio::join!(plain, secure);

    rotating.abort();
    refreshing.abort();
    following.abort();
    noting.abort();
    if let Err(error) = service.last_used().flush(&*store).await {
        tracing::warn!(error = tessera_fetch::chain(&error), "cannot note when credentials were used");
    }
    store.close().await;
    tracing::info!("{plain}");
    if let Some(secure) = secure {
        tracing::info!("TLS: {secure}");
    }
    Ok(())
}

fn log_filter(variable: Option<OsString>) -> Result<EnvFilter, ConfigError> {
    let text = variable.filter(|it| !it.is_empty()).unwrap_or_else(|| LOG_FILTER.into());
    // What is not UTF-8 becomes what no filter can be.
    let text = text.to_string_lossy();
    EnvFilter::try_new(&text).map_err(|source| ConfigError::Log {
        variable: LOG_VARIABLE,
        text: text.into_owned(),
        source,
    })
}

fn start_log(format: LogFormat, filter: EnvFilter) -> Result<Log, Failure> {
    let log = Log::start(std::io::stderr()).map_err(Failure::Runtime)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.lines())
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_log_filter_that_cannot_be_read_is_never_another_one() {
        for absent in [None, Some(OsString::new())] {
            let default = EnvFilter::new(LOG_FILTER).to_string();
            assert_eq!(log_filter(absent).unwrap().to_string(), default);
        }
        assert_eq!(log_filter(Some("warn".into())).unwrap().to_string(), "warn");
        for wrong in [OsString::from("info,x=loud"), OsString::from_vec(b"x=\xff".to_vec())] {
            let error = log_filter(Some(wrong)).unwrap_err();
            assert!(matches!(error, ConfigError::Log { .. }), "{error}");
        }
        let error = log_filter(Some(OsString::from_vec(b"\xff".to_vec()))).unwrap_err();
        assert!(matches!(error, ConfigError::Log { .. }), "{error}");
    }
}
