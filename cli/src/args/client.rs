//! `tessera client`.

use clap::{Args, Subcommand};
use tessera_issuer::domain::{
    Algorithm, ClientId, Description, DescriptionError, LabelError, Lifetime, Scope, ScopeError,
};

use super::value::lifetime;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
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
pub(crate) struct ClientSettings {
    /// What it is, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<Description>,
    /// Who it belongs to, for people and other tools; replaces all labels. Repeat for more
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// A scope that it offers to its callers, and what that allows; repeat for more
    #[arg(long = "scope", value_name = "SCOPE[=DESCRIPTION]", value_parser = described_scope)]
    pub(crate) scopes: Vec<(Scope, Description)>,
    /// A scope that callers get who name none; replaces the default. Repeat for more [default: all they were granted]
    #[arg(long = "default-scope", value_name = "SCOPE")]
    pub(crate) default_scopes: Vec<Scope>,
    /// How long tokens for it live at most, 1 to 3600 [default: the issuer's]
    #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
    pub(crate) lifetime: Option<Lifetime>,
    /// What tokens for it are signed with: ES256, RS256, PS256, ES384, EdDSA [default: the issuer's]
    #[arg(long)]
    pub(crate) algorithm: Option<Algorithm>,
    /// Give tokens for it a status, so that it can refuse those that are revoked
    #[arg(long, conflicts_with = "no_status")]
    pub(crate) status: bool,
    /// Give them none [default]
    #[arg(long)]
    pub(crate) no_status: bool,
}

fn label(text: &str) -> Result<(String, String), LabelError> {
    let (name, value) = text.split_once('=').ok_or(LabelError::Syntax)?;
    Ok((name.to_owned(), value.to_owned()))
}

fn described_scope(text: &str) -> Result<(Scope, Description), String> {
    let (scope, description) = text.split_once('=').unwrap_or((text, ""));
    let scope = scope.parse().map_err(|error: ScopeError| error.to_string())?;
    Ok((scope, description.parse().map_err(|error: DescriptionError| error.to_string())?))
}
