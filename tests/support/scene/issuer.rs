//! One issuer: its state, its process, its command line.

use std::path::Path;

use tokio::time::{Instant, sleep};
use url::Url;

use super::{CHANGE_SEEN_WITHIN, LOOK_EVERY, StageError, below};
use crate::{
    cli::Cli,
    http::{Call, Exchange, post_form},
    process::Server,
    token::Token,
};

/// An issuer at work, and its command line.
#[derive(Debug)]
pub struct Issuer {
    server: Server,
    cli: Cli,
}

impl Issuer {
    /// Creates an issuer's state in a folder of its own below `folder` and serves it on a free loopback port.
    /// `options` are further ones for `tessera init`.
    pub async fn start(
        name: &'static str,
        folder: &Path,
        program: &Path,
        options: &[&str],
    ) -> Result<Self, StageError> {
        Self::start_on(0, name, folder, program, options).await
    }

    /// The same on a port of the loopback address, 0 for a free one.
    pub(super) async fn start_on(
        port: u16,
        name: &'static str,
        folder: &Path,
        program: &Path,
        options: &[&str],
    ) -> Result<Self, StageError> {
        let address = super::loopback(port);
        let options = [&["--listen", &address], options].concat();
        let cli = Cli::init(program, &folder.join(name), &options).await?;
        let config = cli.config().as_os_str();
        let server =
            Server::start(name, folder, program, ["--config".as_ref(), config, "serve".as_ref()]).await?;
        Ok(Self { server, cli })
    }

    /// Its command line.
    #[must_use]
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// The process.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Gives the process up, to be stopped.
    #[must_use]
    pub fn into_server(self) -> Server {
        self.server
    }

    /// Its identifier (`iss`): where it listens, as it was given no other.
    #[must_use]
    pub fn identifier(&self) -> String {
        self.server.origin()
    }

    /// A URL below its own.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        below(self.server.url(), path)
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> Url {
        self.at("/.well-known/jwks.json")
    }

    /// Repeats a token request until it is granted: the running issuer sees what the command line changed within a
    /// second, not at once. A request that stays refused is the error.
    pub async fn once_granted(&self, request: impl Fn() -> Call) -> Result<(Exchange, Token), StageError> {
        let deadline = Instant::now() + CHANGE_SEEN_WITHIN;
        loop {
            match issued(request().send().await?) {
                Err(StageError::NoToken { .. }) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                granted_or_late => return granted_or_late,
            }
        }
    }

    /// `POST /v1/token` with a form.
    pub fn token_request(&self, fields: &[(&str, &str)]) -> Call {
        post_form(self.at("/v1/token"), fields)
    }
}

/// The token in a token response, with the exchange that brought it.
pub fn issued(exchange: Exchange) -> Result<(Exchange, Token), StageError> {
    match exchange.member("access_token").map(|token| Token::parse(&token)) {
        Some(Ok(token)) if exchange.status.is_success() => Ok((exchange, token)),
        parsed => {
            let source = parsed.and_then(Result::err);
            Err(StageError::NoToken { exchange: Box::new(exchange), source })
        }
    }
}
