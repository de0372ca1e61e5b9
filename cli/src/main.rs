//! The `tessera` command: arguments to changes and answers. Data goes to stdout, everything else to stderr.

mod actor;
mod args;
mod client;
mod clock;
mod command;
mod credential;
mod envoy;
mod failure;
mod grant;
mod init;
mod keys;
mod log;
mod output;
mod policy;
mod policy_file;
mod reseal;
mod revoke;
mod serve;
mod session;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

/// Runs the command line of this process.
fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing more can be done about a closed terminal.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    command::run(arguments).unwrap_or_else(|failure| {
        output::error(&failure);
        failure.exit_code()
    })
}
