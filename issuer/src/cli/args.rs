//! The command line, as clap reads it. Values arrive parsed: a malformed one is a usage error.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::policy::PolicyCommand;
use super::verify::Verify;
use crate::domain::{Algorithm, ClientId, IssuerId, Profile, Scope};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, for example because there is no such client
  2  the command line is wrong
  3  the configuration or the policy is missing or wrong
  4  the database, its keys or the key-encryption key are unusable
  5  the address to listen on is taken or forbidden
  6  denied: what `verify` was asked about may not pass

Examples:
  tessera init issuer                         make a new issuer in ./issuer
  export TESSERA_CONFIG=issuer/tessera.toml
  tessera client add orders --scope orders:read
  tessera client add shop --secret            prints the secret once
  tessera grant add shop orders --scope orders:read
  tessera serve
  tessera policy check policy.yaml
  tessera verify --policy policy.yaml --fetch --url https://orders.example/orders - < token";

/// The Tessera token server.
#[derive(Debug, Parser)]
#[command(name = "tessera", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, global = true, env = "TESSERA_CONFIG", value_name = "FILE", default_value = "tessera.toml")]
    pub(super) config: PathBuf,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
    /// Manage who may call whom
    Grant {
        #[command(subcommand)]
        command: GrantCommand,
    },
    /// Manage the signing keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Work on the policies by which verifiers decide
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Show how a verifier decides about a request or a token, step by step
    Verify(Box<Verify>),
}

/// `tessera init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tessera init issuer
  tessera init /etc/tessera --listen 0.0.0.0:8080 --issuer https://id.example --algorithm RS256")]
pub(super) struct Init {
    /// The folder to make it in
    pub(super) dir: PathBuf,
    /// Where it will listen; port 0 takes a free one each time
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Its issuer identifier (https), by which others reach it; not needed on loopback
    #[arg(long, value_name = "URL")]
    pub(super) issuer: Option<IssuerId>,
    /// What its keys sign with: ES256 or RS256
    #[arg(long, default_value = "ES256")]
    pub(super) algorithm: Algorithm,
}

/// `tessera serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// How log lines look
    #[arg(long, value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// For machines, one object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Register a client
    #[command(after_help = "\
Examples:
  tessera client add orders --scope orders:read --scope orders:write
  tessera client add shop --secret")]
    Add {
        /// Its name: a word or a URL
        id: ClientId,
        /// A scope that it offers to its callers; repeat for more
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// Give it a generated secret, and print that once
        #[arg(long)]
        secret: bool,
    },
    /// Let a client offer more scopes to its callers
    Offer {
        /// The client
        id: ClientId,
        /// The scope; repeat for more
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,
    },
    /// Replace a client's secret, and print the new one once
    Secret {
        /// The client
        id: ClientId,
    },
    /// Let a client prove itself with JWTs of another issuer
    #[command(after_help = "\
Examples:
  tessera client trust shop --issuer https://kubernetes.example \\
      --jwks-uri https://kubernetes.example/openid/v1/jwks --subject system:serviceaccount:web:shop
  tessera client trust shop --issuer https://ci.example --jwks keys.json --subject build --audience tessera")]
    Trust(Trust),
    /// Withdraw what `trust` registered
    Distrust {
        /// The client
        id: ClientId,
        /// The issuer (`iss`)
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// The subject (`sub`)
        #[arg(long, value_name = "SUBJECT")]
        subject: String,
    },
    /// Remove a client, with every grant from and to it
    Remove {
        /// The client
        id: ClientId,
    },
    /// List the clients
    List,
}

/// `tessera client trust`.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The client
    pub(super) id: ClientId,
    /// The issuer of its JWTs (`iss`), compared as text
    #[arg(long, value_name = "URL")]
    pub(super) issuer: String,
    /// Where the issuer's keys are
    #[arg(long, value_name = "URL", required_unless_present = "jwks")]
    pub(super) jwks_uri: Option<String>,
    /// A file with the issuer's keys (a JWK Set)
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub(super) jwks: Option<PathBuf>,
    /// Whom the JWTs are about (`sub`)
    #[arg(long, value_name = "SUBJECT")]
    pub(super) subject: String,
    /// Whom they are made for (`aud`); this issuer if absent
    #[arg(long, value_name = "AUDIENCE")]
    pub(super) audience: Option<String>,
    /// The rules they follow: jwt, or at+jwt for access tokens of another authorization server
    #[arg(long, default_value = "jwt")]
    pub(super) profile: Profile,
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantCommand {
    /// Let a client call an audience; replaces what was granted before
    #[command(after_help = "\
Examples:
  tessera grant add shop orders --scope orders:read
  tessera grant add shop mail --lifetime 60")]
    Add {
        /// Who calls
        client: ClientId,
        /// Who is called
        audience: ClientId,
        /// A scope out of those that the audience offers; repeat for more
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// How long each token lives, 1 to 3600 [default: 900]
        #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
        lifetime: Option<crate::domain::Lifetime>,
    },
    /// Withdraw a grant; tokens already issued live until they expire
    Remove {
        /// Who could call
        client: ClientId,
        /// Whom
        audience: ClientId,
    },
    /// List the grants
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the signing keys
    List,
    /// Sign with the next key from now on, and make another next one
    ///
    /// The old key stays published until its last token has expired, so nothing that was issued stops
    /// working. A change of algorithm takes effect with the rotation after this one.
    Rotate {
        /// What the new next key signs with, ES256 or RS256; as the key before it if absent
        #[arg(long)]
        algorithm: Option<Algorithm>,
    },
}

fn lifetime(text: &str) -> Result<crate::domain::Lifetime, crate::domain::LifetimeError> {
    let seconds = text.parse().map_err(|_| crate::domain::LifetimeError)?;
    crate::domain::Lifetime::from_seconds(seconds)
}
