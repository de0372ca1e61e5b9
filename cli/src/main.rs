//! The `tessera` command: arguments to changes and answers. Data goes to stdout, everything else to stderr.

mod args;
mod client;
mod credential;
mod envoy;
mod failure;
mod grant;
mod init;
mod keys;
mod log;
mod output;
mod policy;
mod reseal;
mod revoke;
mod serve;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime;

use self::args::{Arguments, Command};
use self::failure::Failure;
use tessera_issuer::config::Config;
use tessera_issuer::domain::{Actor, Applied, Change, ChangeError, UnixTime};
use tessera_issuer::keys::Vault;
use tessera_issuer::store::{SqliteStore, State, Store as _, StoreError};

/// The exit code for a configuration or a policy that is wrong.
const POLICY_IS_WRONG: u8 = 3;
/// The exit code of `verify` for a request that is denied.
const DENIED: u8 = 6;

/// Runs the command line of this process.
fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing more can be done about a closed terminal.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match run(arguments) {
        Ok(code) => code,
        Err(failure) => {
            output::error(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { config, json, command } = arguments;
    let config = || Config::load(&config);
    // One thread is enough for everything but serving.
    let mut one = runtime::Builder::new_current_thread();
    let answer = match command {
        Command::Serve(arguments) => {
            let mut many = runtime::Builder::new_multi_thread();
            return block_on(&mut many, serve::serve(config()?, arguments)).map(|()| ExitCode::SUCCESS);
        }
        Command::Policy { command } => return policy::run(command, json),
        Command::OpenApi => {
            output::text(&tessera_issuer::http::openapi_document())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Verify(arguments) => return verify::run(*arguments, json),
        Command::Init(arguments) => block_on(&mut one, init::init(arguments)),
        Command::Client { command } => block_on(&mut one, client::run(Session::new(config()?), command)),
        Command::Credential { command } => {
            block_on(&mut one, credential::run(Session::new(config()?), command))
        }
        Command::Grant { command } => block_on(&mut one, grant::run(Session::new(config()?), command)),
        Command::Keys { command } => block_on(&mut one, keys::run(Session::new(config()?), command)),
        Command::Revoke { command } => block_on(&mut one, revoke::run(Session::new(config()?), command)),
    }?;
    output::answer(&answer, json).map(|()| ExitCode::SUCCESS)
}

fn block_on<T>(
    builder: &mut runtime::Builder,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    builder.enable_all().build().map_err(Failure::Runtime)?.block_on(future)
}

/// One command's work on the database.
struct Session {
    config: Config,
}

impl Session {
    const fn new(config: Config) -> Self {
        Self { config }
    }

    async fn store(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.config.database).await?)
    }

    /// Where the signing keys are made and opened.
    async fn vault(&self) -> Result<Vault, Failure> {
        Ok(Vault::load(&self.config.vault).await?)
    }

    async fn load(&self) -> Result<State, Failure> {
        let store = self.store().await?;
        let state = store.load().await?;
        store.close().await;
        Ok(state)
    }

    /// Makes one change. If it names a client that there is not, the failure suggests one.
    async fn apply(&self, change: Change) -> Result<Applied, Failure> {
        let store = self.store().await?;
        let applied = store.apply(&actor(), &change, now()).await;
        let applied = match applied {
            Err(StoreError::Refused(error)) => {
                let suggestion = match &error {
                    ChangeError::UnknownClient(id) => {
                        let state = store.load().await?;
                        let known = state.directory.clients().into_iter().map(|client| client.id.as_str());
                        tessera_issuer::suggest::nearest(id.as_str(), known).map(str::to_owned)
                    }
                    _ => None,
                };
                Err(Failure::Refused { error, suggestion })
            }
            other => other.map_err(Failure::from),
        };
        store.close().await;
        applied
    }
}

fn now() -> UnixTime {
    std::time::SystemTime::now().into()
}

/// Whoever runs the command, as the environment names them.
fn actor() -> Actor {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Actor::command_line(user.as_deref().unwrap_or("unknown"))
}
