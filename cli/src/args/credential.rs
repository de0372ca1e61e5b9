//! `tessera credential`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use tessera_issuer::domain::{ClientId, CredentialId, Profile};

use super::value::Expiry;

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
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
pub(crate) struct AddWorkload {
    /// The client
    pub(crate) id: ClientId,
    /// A platform whose tokens are known: kubernetes, gcp, aws, azure, github, gitlab, spiffe
    #[arg(long, value_name = "NAME", conflicts_with_all = [
        "issuer", "subject", "conditions", "discovery", "audience_token_endpoint", "other_audiences", "profile",
    ])]
    pub(crate) preset: Option<String>,
    /// What the preset asks for; repeat for more
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter, requires = "preset")]
    pub(crate) parameters: Vec<(String, String)>,
    /// The issuer of its JWTs (`iss`), compared as text; `spiffe://` and the trust domain for jwt-svid
    #[arg(long, value_name = "URL", required_unless_present = "preset")]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) keys: Keys,
    /// Where the keys are is in the issuer's metadata
    #[arg(long, conflicts_with_all = ["jwks", "jwks_uri"])]
    pub(crate) discovery: bool,
    /// Whom the JWTs are about (`sub`)
    #[arg(long, value_name = "SUBJECT", required_unless_present_any = ["conditions", "preset"])]
    pub(crate) subject: Option<String>,
    /// What another claim has to be, as in a policy: {"claim": …, "equals": …}; repeat for more
    #[arg(long = "condition", value_name = "JSON", value_parser = condition)]
    pub(crate) conditions: Vec<serde_json::Value>,
    /// Whom they are made for (`aud`) [default: this issuer]
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
    /// Take the token endpoint's URL for an audience, too
    #[arg(long, conflicts_with = "audience")]
    pub(crate) audience_token_endpoint: bool,
    /// Take JWTs that are made for others as well
    #[arg(long)]
    pub(crate) other_audiences: bool,
    /// The rules they follow: jwt, jwt-svid, or at+jwt for access tokens of another authorization server
    #[arg(long, default_value = "jwt")]
    pub(crate) profile: Profile,
    /// Longest life of a JWT, in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_lifetime: Option<u64>,
    #[command(flatten)]
    pub(crate) expiry: Expiry,
}

/// Where keys are.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Where the keys are (a JWK Set)
    #[arg(long, value_name = "URL")]
    pub(crate) jwks_uri: Option<String>,
    /// A file with the keys (a JWK Set)
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub(crate) jwks: Option<PathBuf>,
}

/// What a certificate has to say; one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Certificate {
    /// Its subject, in RFC 4514 text: CN=shop,O=Acme
    #[arg(long, value_name = "DN")]
    pub(crate) subject_dn: Option<String>,
    /// A DNS name among its alternative names
    #[arg(long, value_name = "NAME")]
    pub(crate) san_dns: Option<String>,
    /// A URI among its alternative names
    #[arg(long, value_name = "URI")]
    pub(crate) san_uri: Option<String>,
    /// An address among its alternative names
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) san_ip: Option<IpAddr>,
    /// A mail address among its alternative names
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) san_email: Option<String>,
    /// A file with the certificate itself, in PEM
    #[arg(long = "certificate", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a parameter is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn condition(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}
