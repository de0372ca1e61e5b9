//! What a command fails with, and the exit code that says so.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tessera_fetch::FetchError;
use tessera_host::RuntimeError;
use tessera_listener::BindError;
use tessera_verifier::Problem;

use tessera_issuer::config::ConfigError;
use tessera_issuer::domain::{
    ChangeError, ConditionsError, CustomClaimError, LabelError, RandomError, RegistrationError, ScopeError,
    TooManyExchanges,
};
use tessera_issuer::keys::{KeyError, SecretFileError, VaultError};
use tessera_issuer::presets::PresetError;
use tessera_issuer::server::StartError;
use tessera_issuer::service::AssertionError;
use tessera_issuer::store::StoreError;
use tracing_subscriber::filter::ParseError;

/// The exit code for a configuration or a policy that is wrong.
pub(crate) const POLICY_IS_WRONG: u8 = 3;
/// The exit code of `verify` for a request that is denied.
pub(crate) const DENIED: u8 = 6;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is unusable. Exit code 3.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The environment asks for a log that there cannot be. Exit code 3.
    #[error("{variable}={text:?} is no log filter; use for example `info`, or `info,tessera_issuer=debug`")]
    LogFilter {
        /// The environment variable.
        variable: &'static str,
        /// What it holds.
        text: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The issuer cannot serve. Exit code 3 for what the configuration names, and 4 for the rest.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database is unusable. Exit code 4.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key-encryption key or the pepper is unusable. Exit code 4.
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    /// The signing keys cannot be opened. Exit code 4.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A signing key could not be made. Exit code 4.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address cannot be had. Exit code 5.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The database says no. Exit code 1.
    #[error("{error}{}", suggestion.as_ref().map_or_else(String::new, |it| format!("; did you mean `{it}`?")))]
    Refused {
        /// Why.
        error: ChangeError,
        /// The client that was probably meant.
        suggestion: Option<String>,
    },
    /// More scopes than a set takes. Exit code 1.
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    /// More exchanges than a grant takes. Exit code 1.
    #[error(transparent)]
    Exchanges(#[from] TooManyExchanges),
    /// A registration cannot be taken as given. Exit code 1.
    #[error(transparent)]
    InvalidRegistration(#[from] RegistrationError),
    /// Conditions cannot be taken as given. Exit code 1.
    #[error(transparent)]
    Conditions(#[from] ConditionsError),
    /// A preset does not make a registration of its parameters. Exit code 1.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// Labels cannot be taken as given. Exit code 1.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A claim of a grant cannot be taken as given. Exit code 1.
    #[error(transparent)]
    Claim(#[from] CustomClaimError),
    /// A certificate cannot be taken as given. Exit code 1.
    #[error("{} holds no certificate in PEM", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
    },
    /// A registration that the verifier would not take. Exit code 1.
    #[error(transparent)]
    Registration(#[from] AssertionError),
    /// `init` found something where it would write. Exit code 1.
    #[error("{} exists already; choose another folder", path.display())]
    Exists {
        /// What it found.
        path: PathBuf,
    },
    /// A file cannot be read or written. Exit code 1.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `init` was given an address that others reach, and no name to be reached by. Exit code 2.
    #[error("an issuer that does not listen on a loopback address needs a name: add `--issuer https://…`")]
    NoIssuer,
    /// The command line does not say enough. Exit code 2.
    #[error("{0}")]
    Usage(&'static str),
    /// Somebody was asked, and said no. Exit code 1.
    #[error("nothing was changed")]
    NotConfirmed,
    /// Nobody can be asked. Exit code 1.
    #[error("cannot ask on the terminal")]
    Terminal(#[source] io::Error),
    /// A policy has problems. Exit code 3.
    #[error("{} is no good policy", path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// All that is wrong in it.
        problems: Vec<Problem>,
    },
    /// There are no filters to convert, or several. Exit code 2.
    #[error("{}", filters(path, places))]
    Filter {
        /// Which file.
        path: PathBuf,
        /// The filters that there are, a comma between them.
        places: String,
    },
    /// The verifier component is nowhere. Exit code 1.
    #[error(
        "there is no verifier component beside this program: name one with `--component FILE` or TESSERA_COMPONENT, \
         or judge with `--native`"
    )]
    NoComponent,
    /// The verifier component cannot be run. Exit code 1.
    #[error("{} cannot be run", path.display())]
    Component {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: RuntimeError,
    },
    /// A line is no case. Exit code 1.
    #[error("{}:{line}: this is no case", path.display())]
    Case {
        /// Which file.
        path: PathBuf,
        /// Which line of it, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// What should be a token of this server is none. Exit code 1.
    #[error("standard input holds no access token of this server")]
    NoToken,
    /// No randomness. Exit code 1.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// No HTTP client. Exit code 1.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The system gives no threads or no signals. Exit code 1.
    #[error("the process could not be set up")]
    Runtime(#[source] io::Error),
    /// Standard output is closed. Exit code 1.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl Failure {
    /// As `tessera --help` lists them.
    #[must_use]
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NoIssuer | Self::Usage(_) | Self::Filter { .. } => 2,
            Self::Config(_) | Self::LogFilter { .. } | Self::Policy { .. } => POLICY_IS_WRONG,
            Self::Start(error) => match error {
                StartError::Tls(_) | StartError::Fetch(_) | StartError::Listeners => POLICY_IS_WRONG,
                StartError::Vault(_)
                | StartError::Pepper(_)
                | StartError::Store(_)
                | StartError::State(_) => 4,
            },
            Self::Store(_) | Self::SecretFile(_) | Self::Vault(_) | Self::Key(_) => 4,
            Self::Bind(_) => 5,
            Self::Refused { .. }
            | Self::Scopes(_)
            | Self::Exchanges(_)
            | Self::InvalidRegistration(_)
            | Self::Conditions(_)
            | Self::Preset(_)
            | Self::Label(_)
            | Self::Claim(_)
            | Self::Certificate { .. }
            | Self::Registration(_)
            | Self::Exists { .. }
            | Self::NotConfirmed
            | Self::Terminal(_)
            | Self::File { .. }
            | Self::Case { .. }
            | Self::NoComponent
            | Self::NoToken
            | Self::Component { .. }
            | Self::Random(_)
            | Self::Fetch(_)
            | Self::Runtime(_)
            | Self::Output(_) => 1,
        })
    }
}

fn filters(path: &Path, places: &str) -> String {
    let path = path.display();
    if places.is_empty() {
        return format!("there is no jwt_authn filter (…jwt_authn.v3.JwtAuthentication) in {path}");
    }
    format!("name one of the jwt_authn filters in {path} by `--filter`: {places}")
}
