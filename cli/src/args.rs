//! The command line, as clap reads it. Values arrive parsed: a malformed one is a usage error.

pub(crate) mod client;
pub(crate) mod credential;
pub(crate) mod grant;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod revoke;
pub(crate) mod serve;
pub(crate) mod value;
pub(crate) mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use self::client::ClientCommand;
use self::credential::CredentialCommand;
use self::grant::GrantCommand;
use self::init::Init;
use self::keys::KeysCommand;
use self::policy::PolicyCommand;
use self::revoke::RevokeCommand;
use self::serve::Serve;
use self::verify::Verify;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, for example because there is no such client
  2  the command line is wrong
  3  the configuration or the policy is missing or wrong
  4  the database, its keys, the key-encryption key or the PKCS #11 token are unusable
  5  the address to listen on is taken or forbidden
  6  denied: what `verify` was asked about may not pass

Examples:
  tessera init issuer                         make a new issuer in ./issuer
  export TESSERA_CONFIG=issuer/tessera.toml
  tessera client add orders --scope orders:read
  tessera client add shop --secret            prints the secret once
  tessera credential add-workload shop --issuer https://ci.example --discovery --subject shop
  tessera grant add shop orders --scope orders:read
  tessera serve
  tessera revoke client shop
  tessera policy check policy.yaml
  tessera verify --policy policy.yaml --fetch --url https://orders.example/orders - < token";

/// The Tessera token server.
#[derive(Debug, Parser)]
#[command(name = "tessera", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, global = true, env = "TESSERA_CONFIG", value_name = "FILE", default_value = "tessera.toml")]
    pub(crate) config: PathBuf,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new issuer: configuration, database, key-encryption key and the first signing keys
    Init(Init),
    /// Serve tokens until SIGTERM or SIGINT
    ///
    /// Prints `listening on http://ADDRESS` to stdout when it is ready; logs to stderr. The filter of
    /// the log is taken from `TESSERA_LOG` (`info` if unset). A database that an older version made is
    /// brought up to date; the other commands leave that alone.
    Serve(Serve),
    /// Manage clients, which are audiences at the same time
    Client {
        #[command(subcommand)]
        command: ClientCommand,
    },
    /// Manage how clients prove themselves
    Credential {
        #[command(subcommand)]
        command: CredentialCommand,
    },
    /// Manage who may call whom
    Grant {
        #[command(subcommand)]
        command: GrantCommand,
    },
    /// Manage the signing keys, which otherwise look after themselves
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Take tokens back that were issued
    Revoke {
        #[command(subcommand)]
        command: RevokeCommand,
    },
    /// Work on the policies by which verifiers decide
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Print what the endpoints take and answer, as an OpenAPI 3.1 document
    #[command(name = "openapi")]
    OpenApi,
    /// Show how a verifier decides about a request or a token, step by step
    Verify(Box<Verify>),
}
