//! `tessera policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::envoy::options::Profile;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a policy file, and tell everything that is wrong in it
    ///
    /// A file that begins with { is JSON, any other YAML. Each problem is a line on stderr: file, line, column, the
    /// place in the document (a JSON Pointer), what is wrong and, where that can be told, what to write. With
    /// --json they are an array on stdout, empty for a good policy.
    ///
    /// The file can also be an Envoy configuration, or that of our plug-in alone. Of an Envoy configuration every
    /// configuration of our plug-in is checked: its policies, whether the clusters exist that its keys come from,
    /// whether the policies exist that routes choose and no route that chooses is matched by what the verifier
    /// changes, that no other plug-in can put keys in the place of the issuers', and that nothing lets requests
    /// through when the plug-in is out of order. What is allowed, and may not be meant, is a warning on stderr.
    #[command(after_help = "\
Exit codes:
  0  every host of the verifier takes the policy, or Envoy and our plug-in the configuration
  1  the file cannot be read
  3  there are problems

Examples:
  tessera policy check policy.yaml
  tessera policy check envoy.yaml
  tessera policy check policy.yaml --json")]
    Check {
        /// The policy file
        file: PathBuf,
    },
    /// Print the JSON Schema of the policy document, for editors and other programs
    #[command(after_help = "\
Examples:
  tessera policy schema > tessera-policy.schema.json")]
    Schema,
    /// Convert the JWT filter of Envoy (`jwt_authn`) into the configuration of our plug-in
    ///
    /// The file is an Envoy configuration, whole or in part, in JSON or in YAML without anchors, aliases, merge keys
    /// and tags. Prints the configuration to stdout; everything in which it differs is a line on stderr: file, line,
    /// column, the place in the file (a JSON Pointer), what kind of difference it is, and what is different.
    #[command(after_help = "\
Kinds of differences:
  refused   cannot be converted without letting through what was refused; then nothing is printed
  by hand   has to be done in the file around the plug-in's configuration
  open      lets requests pass without a token, as before
  stricter  refuses what was let through
  dropped   is left out; no decision hangs on it

Exit codes:
  0  the configuration is on stdout
  1  the file cannot be read
  2  there is not exactly one such filter, and none was named
  3  something was refused, or the file is damaged

Examples:
  tessera policy from-envoy envoy.yaml > tessera.json
  tessera policy from-envoy envoy.yaml --audience orders --keep-query-tokens
  tessera policy from-envoy envoy.yaml --json | jq '.notes[] | select(.kind == \"stricter\")'")]
    FromEnvoy(FromEnvoy),
}

/// `tessera policy from-envoy`.
#[derive(Debug, Args)]
pub(crate) struct FromEnvoy {
    /// The Envoy configuration
    pub(crate) file: PathBuf,
    /// What the service is called in `aud`, for providers that name no audience; repeat for more
    #[arg(long = "audience", value_name = "NAME")]
    pub(crate) audiences: Vec<String>,
    /// Read tokens from the parameter `access_token`, too, where a provider does not say where they are
    #[arg(long)]
    pub(crate) keep_query_tokens: bool,
    /// What the issuers' tokens are
    #[arg(long, value_enum, default_value = "jwt")]
    pub(crate) profile: Profile,
    /// Which filter, if there are several: its place in the file (a JSON Pointer)
    #[arg(long, value_name = "PLACE")]
    pub(crate) filter: Option<String>,
}
