//! The command line, as clap reads it. Values arrive parsed: a malformed one is a usage error.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use super::policy::PolicyCommand;
use super::verify::Verify;
use tessera_issuer::domain::{
    Algorithm, ClientId, CredentialId, CustomClaim, CustomClaimError, Description, Exchange, IssuerId,
    LabelError, Lifetime, LifetimeError, Profile, Scope, ScopeError, TokenId, TokenIdError, parse_claim,
};

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

/// `tessera init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tessera init issuer
  tessera init /etc/tessera --listen 0.0.0.0:8080 --issuer https://id.example --algorithm RS256
  tessera init issuer --pkcs11-module /usr/lib/softhsm/libsofthsm2.so --pkcs11-token tessera --pkcs11-pin-file pin")]
pub(super) struct Init {
    /// The folder to make it in
    pub(super) dir: PathBuf,
    /// Where it will listen; port 0 takes a free one each time
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Its issuer identifier (https), by which others reach it; not needed on loopback
    #[arg(long, value_name = "URL")]
    pub(super) issuer: Option<IssuerId>,
    /// What its keys sign with: ES256, RS256, PS256, ES384 or EdDSA
    #[arg(long, default_value = "ES256")]
    pub(super) algorithm: Algorithm,
    #[command(flatten)]
    pub(super) pkcs11: Option<InitPkcs11>,
}

/// The PKCS #11 token in which the first keys are made. More can be said in the configuration.
#[derive(Debug, Args)]
pub(super) struct InitPkcs11 {
    /// Make the signing keys in a PKCS #11 token: the module's library, an absolute path
    #[arg(long = "pkcs11-module", value_name = "FILE", required = false, requires_all = ["token", "pin_file"])]
    pub(super) module: PathBuf,
    /// The label of the token
    #[arg(long = "pkcs11-token", value_name = "LABEL", required = false, requires = "module")]
    pub(super) token: String,
    /// A file with the PIN of the token's user, that only its owner may read
    #[arg(long = "pkcs11-pin-file", value_name = "FILE", required = false, requires = "module")]
    pub(super) pin_file: PathBuf,
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
  tessera client add orders --scope orders:read='See orders' --scope orders:write --default-scope orders:read
  tessera client add shop --secret --description 'The web shop' --label team=checkout
  tessera client add spiffe://acme.example/ns/shop/sa/billing")]
    Add {
        /// Its name: a word, a URL, a SPIFFE ID
        id: ClientId,
        #[command(flatten)]
        settings: ClientSettings,
        /// Give it a generated secret, and print that once
        #[arg(long)]
        secret: bool,
    },
    /// Change what is known of a client; what is not named stays as it is
    #[command(after_help = "\
Examples:
  tessera client set orders --scope orders:delete --withdraw-scope orders:write
  tessera client set orders --lifetime 300 --algorithm RS256
  tessera client set shop --disable")]
    Set {
        /// The client
        id: ClientId,
        #[command(flatten)]
        settings: ClientSettings,
        /// A scope to offer no more; it leaves the grants that hold it, too. Repeat for more
        #[arg(long = "withdraw-scope", value_name = "SCOPE")]
        withdraw: Vec<Scope>,
        /// Give it tokens, and others tokens for it
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Give it no tokens, and nobody tokens for it, until it is enabled again
        #[arg(long)]
        disable: bool,
    },
    /// Remove a client, with its credentials and every grant from and to it
    Remove {
        /// The client
        id: ClientId,
    },
    /// List the clients
    List,
}

/// What `client add` and `client set` say of a client.
#[derive(Debug, Args)]
pub(super) struct ClientSettings {
    /// What it is, for people
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<Description>,
    /// Who it belongs to, for people and other tools; replaces all labels. Repeat for more
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// A scope that it offers to its callers, and what that allows; repeat for more
    #[arg(long = "scope", value_name = "SCOPE[=DESCRIPTION]", value_parser = described_scope)]
    pub(super) scopes: Vec<(Scope, Description)>,
    /// A scope that callers get who name none; replaces the default. Repeat for more [default: all they were granted]
    #[arg(long = "default-scope", value_name = "SCOPE")]
    pub(super) default_scopes: Vec<Scope>,
    /// How long tokens for it live at most, 1 to 3600 [default: the issuer's]
    #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
    pub(super) lifetime: Option<Lifetime>,
    /// What tokens for it are signed with: ES256, RS256, PS256, ES384, EdDSA [default: the issuer's]
    #[arg(long)]
    pub(super) algorithm: Option<Algorithm>,
    /// Give tokens for it a status, so that it can refuse those that are revoked
    #[arg(long, conflicts_with = "no_status")]
    pub(super) status: bool,
    /// Give them none [default]
    #[arg(long)]
    pub(super) no_status: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RevokeCommand {
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
pub(super) enum TokenName {
    /// By the token itself, on stdin: on a command line, others see it.
    Stdin,
    /// By its `jti`.
    Id(TokenId),
}

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// Give a client one more generated secret, and print it once
    #[command(after_help = "\
Replace a secret without a gap: add one, let the client use it, remove the old one. `credential list` says when each
was last used.

Examples:
  tessera credential add-secret shop
  tessera credential add-secret shop --expires-in 90d")]
    AddSecret {
        /// The client
        id: ClientId,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Let a client prove itself with assertions that it signs (`private_key_jwt`, RFC 7523)
    #[command(after_help = "\
Examples:
  tessera credential add-keys shop --jwks public.json
  tessera credential add-keys shop --jwks-uri https://shop.example/jwks.json --max-lifetime 60")]
    #[command(group(ArgGroup::new("source").required(true).args(["jwks", "jwks_uri"])))]
    AddKeys {
        /// The client
        id: ClientId,
        #[command(flatten)]
        keys: Keys,
        /// Take the token endpoint's URL for an audience, too, as older clients send it
        #[arg(long)]
        audience_token_endpoint: bool,
        /// Longest life of an assertion, in seconds [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_lifetime: Option<u64>,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Let a client prove itself with JWTs of the platform that it runs on (RFC 7523)
    #[command(after_help = "\
`credential presets` lists the presets and what they take.

Examples:
  tessera credential add-workload shop --preset kubernetes --param issuer=https://kubernetes.example \\
      --param namespace=web --param service-account=shop
  tessera credential add-workload shop --issuer https://kubernetes.example \\
      --jwks-uri https://kubernetes.example/openid/v1/jwks --subject system:serviceaccount:web:shop
  tessera credential add-workload shop --issuer https://ci.example --discovery \\
      --condition '{\"claim\": \"repository_id\", \"equals\": \"4711\"}' --audience tessera")]
    AddWorkload(Box<AddWorkload>),
    /// List what `add-workload --preset` knows, with the parameters
    Presets,
    /// Let a client prove itself with a TLS certificate (RFC 8705)
    #[command(after_help = "\
Examples:
  tessera credential add-certificate shop --san-dns shop.internal.example     issued by tls.client_ca
  tessera credential add-certificate shop --certificate shop.pem              this one, whoever issued it")]
    AddCertificate {
        /// The client
        id: ClientId,
        #[command(flatten)]
        certificate: Certificate,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Take a credential away from its client
    Remove {
        /// Its name, as `credential list` shows it
        credential: CredentialId,
    },
    /// List the credentials of a client, or of all
    List {
        /// The client
        id: Option<ClientId>,
    },
}

/// `tessera credential add-workload`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).multiple(true).args([
    "jwks", "jwks_uri", "discovery", "preset",
])))]
pub(super) struct AddWorkload {
    /// The client
    pub(super) id: ClientId,
    /// A platform whose tokens are known: kubernetes, gcp, aws, azure, github, gitlab, spiffe
    #[arg(long, value_name = "NAME", conflicts_with_all = [
        "issuer", "subject", "conditions", "discovery", "audience_token_endpoint", "other_audiences", "profile",
    ])]
    pub(super) preset: Option<String>,
    /// What the preset asks for; repeat for more
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter, requires = "preset")]
    pub(super) parameters: Vec<(String, String)>,
    /// The issuer of its JWTs (`iss`), compared as text; `spiffe://` and the trust domain for jwt-svid
    #[arg(long, value_name = "URL", required_unless_present = "preset")]
    pub(super) issuer: Option<String>,
    #[command(flatten)]
    pub(super) keys: Keys,
    /// Where the keys are is in the issuer's metadata
    #[arg(long, conflicts_with_all = ["jwks", "jwks_uri"])]
    pub(super) discovery: bool,
    /// Whom the JWTs are about (`sub`)
    #[arg(long, value_name = "SUBJECT", required_unless_present_any = ["conditions", "preset"])]
    pub(super) subject: Option<String>,
    /// What another claim has to be, as in a policy: {"claim": …, "equals": …}; repeat for more
    #[arg(long = "condition", value_name = "JSON", value_parser = condition)]
    pub(super) conditions: Vec<serde_json::Value>,
    /// Whom they are made for (`aud`) [default: this issuer]
    #[arg(long, value_name = "AUDIENCE")]
    pub(super) audience: Option<String>,
    /// Take the token endpoint's URL for an audience, too
    #[arg(long, conflicts_with = "audience")]
    pub(super) audience_token_endpoint: bool,
    /// Take JWTs that are made for others as well
    #[arg(long)]
    pub(super) other_audiences: bool,
    /// The rules they follow: jwt, jwt-svid, or at+jwt for access tokens of another authorization server
    #[arg(long, default_value = "jwt")]
    pub(super) profile: Profile,
    /// Longest life of a JWT, in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    pub(super) max_lifetime: Option<u64>,
    #[command(flatten)]
    pub(super) expiry: Expiry,
}

/// Where keys are.
#[derive(Debug, Args)]
pub(super) struct Keys {
    /// Where the keys are (a JWK Set)
    #[arg(long, value_name = "URL")]
    pub(super) jwks_uri: Option<String>,
    /// A file with the keys (a JWK Set)
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub(super) jwks: Option<PathBuf>,
}

/// What a certificate has to say; one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Certificate {
    /// Its subject, in RFC 4514 text: CN=shop,O=Acme
    #[arg(long, value_name = "DN")]
    pub(super) subject_dn: Option<String>,
    /// A DNS name among its alternative names
    #[arg(long, value_name = "NAME")]
    pub(super) san_dns: Option<String>,
    /// A URI among its alternative names
    #[arg(long, value_name = "URI")]
    pub(super) san_uri: Option<String>,
    /// An address among its alternative names
    #[arg(long, value_name = "ADDRESS")]
    pub(super) san_ip: Option<IpAddr>,
    /// A mail address among its alternative names
    #[arg(long, value_name = "ADDRESS")]
    pub(super) san_email: Option<String>,
    /// A file with the certificate itself, in PEM
    #[arg(long = "certificate", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

/// How long something is good.
#[derive(Debug, Args)]
pub(super) struct Expiry {
    /// For how long it is good: 90d, 12h, 30m, 45s [default: until it is removed]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) expires_in: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantCommand {
    /// Let a client call an audience; replaces what was granted before
    #[command(after_help = "\
Examples:
  tessera grant add shop orders --scope orders:read
  tessera grant add shop mail --lifetime 60
  tessera grant add orders stock --scope stock:reserve --exchange orders:write=stock:reserve
  tessera grant add shop ledger --expires-in 14d --reason 'Migration, ticket 4711' --claim tenant=acme")]
    Add {
        /// Who calls
        client: ClientId,
        /// Who is called
        audience: ClientId,
        /// A scope out of those that the audience offers; repeat for more
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// Let the client trade a token that it was called with: who holds FROM at the client may have TO at the
        /// audience, which is a `--scope` of this grant [default: nothing is traded]. Repeat for more
        #[arg(long = "exchange", value_name = "FROM[=TO]")]
        exchanges: Vec<Exchange>,
        /// How long each token lives at most, 1 to 3600 [default: the audience's]
        #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
        lifetime: Option<Lifetime>,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<Description>,
        /// A claim for its tokens: roles, groups, entitlements (repeat for more values), tenant, environment, region
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
        claims: Vec<(CustomClaim, String)>,
        #[command(flatten)]
        expiry: Expiry,
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
pub(super) enum KeysCommand {
    /// List the signing keys, and what becomes of each
    List,
    /// Let the next key take over as soon as every verifier knows it
    ///
    /// If that is now it happens now; otherwise a running issuer does it when the time has come. The old key stays
    /// published until its last token has expired, so nothing that was issued stops working.
    #[command(after_help = "\
Examples:
  tessera keys rotate
  tessera keys rotate --now       verifiers may not know the new key yet")]
    Rotate {
        /// Whose turn it is, as `ES256` [default: what tokens are signed with unless an audience says]
        #[arg(long)]
        algorithm: Option<Algorithm>,
        /// Do not wait
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Take a key out of the published set at once, as after a theft
    ///
    /// Every token that was signed with it is refused by each verifier from when that fetches the key set again. In the
    /// place of the active key the next one signs.
    #[command(after_help = "\
Example:
  tessera keys retire NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    Retire {
        /// The key, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Make the first key of another algorithm, for audiences that ask for it
    ///
    /// It is published, and signs from when every verifier knows it.
    #[command(after_help = "\
Example:
  tessera keys add --algorithm RS256")]
    Add {
        /// ES256, RS256, PS256, ES384 or EdDSA
        #[arg(long)]
        algorithm: Algorithm,
        /// Let it sign at once
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Seal all keys under the current key-encryption key, those too that are under one of `old_key_encryption_keys`
    ///
    /// Servers that run go on with the keys that they have opened. Do this when all of them have been started with
    /// both.
    Reseal,
}

/// That what breaks may break.
#[derive(Debug, Args)]
pub(super) struct Confirmed {
    /// Do it although something breaks; without this the terminal is asked
    #[arg(long)]
    pub(super) yes: bool,
}

fn lifetime(text: &str) -> Result<Lifetime, LifetimeError> {
    Lifetime::from_seconds(text.parse().map_err(|_| LifetimeError)?)
}

impl FromStr for TokenName {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        if text == "-" { Ok(Self::Stdin) } else { text.parse().map(Self::Id) }
    }
}

fn label(text: &str) -> Result<(String, String), LabelError> {
    let (name, value) = text.split_once('=').ok_or(LabelError::Syntax)?;
    Ok((name.to_owned(), value.to_owned()))
}

fn described_scope(text: &str) -> Result<(Scope, Description), String> {
    let (scope, description) = text.split_once('=').unwrap_or((text, ""));
    let scope = scope.parse().map_err(|error: ScopeError| error.to_string())?;
    Ok((
        scope,
        description.parse().map_err(|error: tessera_issuer::domain::DescriptionError| error.to_string())?,
    ))
}

fn claim(text: &str) -> Result<(CustomClaim, String), CustomClaimError> {
    parse_claim(text)
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a parameter is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn condition(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// A number and a unit.
fn duration(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a duration is a whole number and d, h, m or s: 90d, 12h";
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or(WRONG)?;
    let unit = match unit {
        "d" => 24 * 60 * 60,
        "h" => 60 * 60,
        "m" => 60,
        "s" => 1,
        _ => return Err(WRONG),
    };
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or(WRONG)
}
