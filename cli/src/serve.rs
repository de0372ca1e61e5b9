//! `tessera serve`: the log, the addresses, the signals, and the line that says where it listens.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use tessera_issuer::config::Config;
use tessera_issuer::server::{Listeners, Server};
use tessera_listener::shutdown;
use tracing_subscriber::EnvFilter;

use super::args::serve::{LogFormat, Serve};
use super::failure::Failure;
use super::log::Log;

/// The environment variable that says what is logged.
const LOG_VARIABLE: &str = "TESSERA_LOG";
/// What is logged when it does not say. warp's own trace repeats the access log, and
/// cryptoki reports each mechanism of a token that it has no name for as an error.
const LOG_FILTER: &str = "info,warp::filters=off,cryptoki=off";

pub(super) async fn serve(config: Config, arguments: Serve) -> Result<(), Failure> {
    // The last to be dropped: until then it takes lines.
    let _log = start_log(arguments.log_format, log_filter(std::env::var_os(LOG_VARIABLE))?)?;
    let stopped = shutdown::signal().map_err(Failure::Runtime)?;
    let server = Server::open(config.clone(), Listeners::bind(&config)?).await?;
    announce(server.listeners())?;
    server.run(stopped).await;
    Ok(())
}

/// Says where the server listens, once everything works.
fn announce(listeners: &Listeners) -> Result<(), Failure> {
    let mut lines = format!("listening on http://{}\n", listeners.public.local_addr());
    if let Some(tls) = &listeners.tls {
        // Writing to a String does not fail.
        let _ = writeln!(lines, "listening on https://{}", tls.local_addr());
    }
    let mut stdout = std::io::stdout();
    // At once: whoever waits for the first line may not read on.
    stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

fn log_filter(variable: Option<OsString>) -> Result<EnvFilter, Failure> {
    let text = variable.filter(|it| !it.is_empty()).unwrap_or_else(|| LOG_FILTER.into());
    // What is not UTF-8 becomes what no filter can be.
    let text = text.to_string_lossy();
    EnvFilter::try_new(&text).map_err(|source| Failure::LogFilter {
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
            assert!(matches!(error, Failure::LogFilter { .. }), "{error}");
        }
        let error = log_filter(Some(OsString::from_vec(b"\xff".to_vec()))).unwrap_err();
        assert!(matches!(error, Failure::LogFilter { .. }), "{error}");
    }
}
