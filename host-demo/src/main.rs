//! `tessera-proxy`: a reverse proxy that lets through what the verifier allows.

mod proxy;

use std::{
    env, fs,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use tessera_fetch::chain;
use tessera_host::{Egress, EgressProxy, Limits, LoadError, Options, RuntimeError, Verifier};
use tessera_listener::{Listener, shutdown};
use tessera_policy_file::{PolicyFile, ReadError};
use tracing_subscriber::EnvFilter;

use crate::proxy::{Proxy, Timeouts, Upstream};

/// A reverse proxy that lets through what the verifier allows.
///
/// It checks the token of each request (signature, issuer, audience, time, scopes) by a policy
/// document, in a WebAssembly component that can reach nothing, and passes the request on to the
/// upstream. What is refused is answered with status and challenge; the reason is in the log.
#[expect(clippy::doc_markdown, reason = "these comments are the text of --help")]
#[derive(Debug, Parser)]
#[command(name = "tessera-proxy", version, after_long_help = AFTER_HELP)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "TESSERA_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where allowed requests go, such as http://127.0.0.1:8080.
    #[arg(long, env = "TESSERA_UPSTREAM", value_name = "URL")]
    upstream: Upstream,
    /// The policy: JSON if it begins with {, YAML otherwise.
    #[arg(long, env = "TESSERA_POLICY", value_name = "FILE")]
    policy: PathBuf,
    /// The verifier component, as `cargo xtask build` makes it.
    #[arg(
        long,
        env = "TESSERA_COMPONENT",
        default_value = "dist/tessera-verifier.wasm",
        value_name = "FILE"
    )]
    component: PathBuf,
    /// The only root certificates for fetching key sets, PEM [default: the system's, or those of SSL_CERT_FILE].
    #[arg(long, env = "TESSERA_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The HTTP proxy for fetching key sets; HTTPS_PROXY and its kin are not read.
    #[arg(long, env = "TESSERA_EGRESS_PROXY", value_name = "URL")]
    egress_proxy: Option<EgressProxy>,
    /// How many verifier instances there may be [default: one for each processor].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    instances: Option<u16>,
    /// How long one decision may take, in milliseconds.
    #[arg(long, default_value_t = 250, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    deadline: u64,
    /// The most memory one verifier instance may have, in MiB.
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=2048))]
    memory: u16,
    /// How long to go on accepting connections after SIGTERM, in seconds, so that load balancers see it go.
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=300))]
    lame_duck: u64,
    /// How log lines look. TESSERA_LOG says which are written [default: info].
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  tessera-proxy --upstream http://127.0.0.1:8080 --policy policy.yaml
  tessera-proxy --listen 0.0.0.0:8000 --upstream http://orders:8080 --policy policy.json --log-format json

When it is ready it writes `listening on http://ADDRESS` to stdout. SIGTERM or Ctrl-C lets the requests
under way finish, then ends it; a second one ends it at once.

Exit codes:
  0  ended by a signal
  1  failed
  2  wrong usage
  3  the policy, the component or another setting is no good
  5  the address cannot be listened on";

/// Why the proxy cannot start, by exit code.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect::<Vec<_>>().join("\n"))]
    Policy { path: PathBuf, problems: Vec<String> },
    #[error("{}: {}", path.display(), chain(source))]
    Component { path: PathBuf, source: RuntimeError },
    #[error("{}", chain(&**.0))]
    Load(Box<LoadError>),
    #[error("TESSERA_LOG: {0}")]
    LogFilter(String),
    #[error("{}", chain(.0))]
    Address(#[from] tessera_listener::BindError),
    #[error("{0}")]
    System(#[from] io::Error),
}

impl StartError {
    fn policy(path: &Path, problems: &[impl ToString]) -> Self {
        Self::Policy { path: path.to_owned(), problems: problems.iter().map(ToString::to_string).collect() }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody can read stderr any more there is nobody to tell.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(match error {
                StartError::Load(error) if matches!(*error, LoadError::Fetcher(_)) => 3,
                StartError::System(_) | StartError::Load(_) => 1,
                StartError::Unreadable { .. }
                | StartError::Policy { .. }
                | StartError::Component { .. }
                | StartError::LogFilter(_) => 3,
                StartError::Address(_) => 5,
            })
        }
    }
}

fn start(arguments: Arguments) -> Result<(), StartError> {
    start_log(arguments.log_format)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<(), StartError> {
    let stop = shutdown::signal()?;
    let policy = PolicyFile::read(&arguments.policy).map_err(|error| match error {
        ReadError::Unreadable(source) => StartError::Unreadable { path: arguments.policy.clone(), source },
        ReadError::Problems(problems) => StartError::policy(&arguments.policy, &problems),
    })?;
    let component = fs::read(&arguments.component)
        .map_err(|source| StartError::Unreadable { path: arguments.component.clone(), source })?;
    let mut options = Options {
        limits: Limits {
            decision: Duration::from_millis(arguments.deadline),
            memory: usize::from(arguments.memory) * 1024 * 1024,
            ..Limits::default()
        },
        egress: Egress { ca: arguments.ca, proxy: arguments.egress_proxy },
        ..Options::default()
    };
    if let Some(instances) = arguments.instances {
        options.instances = instances.into();
    }
    let verifier = Verifier::load(&component, policy.json(), options).map_err(|error| match error {
        LoadError::Policy(mut problems) => {
            for problem in &mut problems {
                (problem.line, problem.column) = policy.locate(problem.line, problem.column);
            }
            StartError::policy(&arguments.policy, &problems)
        }
        LoadError::Runtime(source) => StartError::Component { path: arguments.component, source },
        other => StartError::Load(Box::new(other)),
    })?;
    let listener = Listener::bind(arguments.listen)?;
    let address = listener.local_addr();
    tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.keep_fresh().await }
    });
    let proxy = Proxy::new(verifier, arguments.upstream, Timeouts::default());
    writeln!(io::stdout(), "listening on http://{address}")?;
    let limits = tessera_listener::Limits {
        lame_duck: Duration::from_secs(arguments.lame_duck),
        ..tessera_listener::Limits::of_process()
    };
    let summary = listener.serve(proxy, limits, stop).await;
    tracing::info!("{summary}");
    Ok(())
}

fn start_log(format: LogFormat) -> Result<(), StartError> {
    let filter = match env::var("TESSERA_LOG") {
        Ok(filter) if !filter.is_empty() => {
            EnvFilter::try_new(filter).map_err(|error| StartError::LogFilter(error.to_string()))?
        }
        _ => EnvFilter::new("info"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
