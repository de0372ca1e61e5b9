//! `tessera revoke`.

use std::str::FromStr;

use clap::Subcommand;
use tessera_issuer::domain::{ClientId, TokenId, TokenIdError};

#[derive(Debug, Subcommand)]
pub(crate) enum RevokeCommand {
    /// Revoke one token
    #[command(after_help = "\
Examples:
  tessera revoke token - < token
  tessera revoke token bVZ1y0fXAAABc0s7nV3pQmUuJ6kd    as the decision log names it")]
    Token {
        /// Its name (`jti`), or `-` for the token itself on stdin
        #[arg(value_name = "JTI", allow_hyphen_values = true)]
        token: TokenName,
    },
    /// Revoke all tokens that a client got until now, and those that are about it
    Client {
        /// The client
        client: ClientId,
    },
    /// Revoke all tokens that a client got until now for an audience
    Grant {
        /// Who calls
        client: ClientId,
        /// Whom
        audience: ClientId,
    },
    /// Revoke all tokens that a key signed until now
    Key {
        /// The key (`kid`), as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

/// How a token is named.
#[derive(Clone, Debug)]
pub(crate) enum TokenName {
    /// By the token itself, on stdin: on a command line, others see it.
    Stdin,
    /// By its `jti`.
    Id(TokenId),
}

impl FromStr for TokenName {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        if text == "-" { Ok(Self::Stdin) } else { text.parse().map(Self::Id) }
    }
}
