//! What can go wrong on the stage.

use std::io;

use crate::{
    artefacts::MissingArtefact,
    cli::CliError,
    http::{Exchange, HttpError},
    process::ServerError,
    token::NotAToken,
};

/// Why the scene could not be set, or a call in it got no answer.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Something was not built.
    #[error(transparent)]
    Artefact(#[from] MissingArtefact),
    /// A server did not start or stop as it should.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A command refused.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// A request got no response.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A file or folder of the scene could not be written.
    #[error("the scene's folder cannot be used")]
    Folder(#[from] io::Error),
    /// A command's answer lacks what it was run for.
    #[error("`tessera {command}` succeeded without naming a secret")]
    NoSecret {
        /// The command.
        command: String,
    },
    /// A response that should hold a token does not.
    #[error("no token came where one was due:{exchange:?}")]
    NoToken {
        /// The exchange, tokens shortened.
        exchange: Box<Exchange>,
        /// What is wrong with what came, where something came.
        #[source]
        source: Option<NotAToken>,
    },
}
