//! From a command line to the command that it names.

use std::process::ExitCode;

use tessera_issuer::config::Config;
use tokio::runtime;

use super::args::{Arguments, Command};
use super::failure::Failure;
use super::session::Session;
use super::{client, credential, grant, init, keys, output, policy, revoke, serve, verify};

/// Runs a command, and prints what it answers.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
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
