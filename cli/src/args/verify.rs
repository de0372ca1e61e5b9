//! `tessera verify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tessera_verifier::Backend;

use crate::verify::input::{Field, Moment, TokenArgument};

const HELP: &str = "\
Exit codes:
  0  allowed; with --cases: every case was judged, whatever the verdicts are
  1  failed, for example because a file cannot be read
  2  the command line is wrong
  3  the policy is wrong
  6  denied

A token on the command line can be seen in the list of processes, and stays in the history of the shell. With `-`
it is read from stdin. Neither the token nor its signature is ever printed.

A case is an object on a line of its own; members beyond these are left alone:
  {\"id\": …, \"policy\": {…}, \"jwks\": {ISSUER: {\"keys\": […]}},
   \"request\": {\"method\": …, \"url\": …, \"headers\": [[NAME, VALUE], …]}, \"now\": SECONDS}
and each gets a verdict, in their order:
  {\"id\", \"verdict\": \"allow\" | \"deny\" | \"answer\" | \"invalid\", \"error\", \"status\", \"challenge\", \"grant\", \"problems\"}
With --signature-only a case is {\"id\", \"token\", \"jwks\": {\"keys\": […]}}, and its verdict has \"id\", \"verdict\", \"error\"
and \"reason\". This program judges it: hosts have no use for a signature alone, so the component has no such export.

Examples:
  tessera verify --policy policy.yaml --jwks keys.json - < token
  tessera verify --policy policy.yaml --fetch --method POST --url https://orders.example/orders - < token
  tessera verify --policy policy.yaml --url /healthz
  tessera verify --cases cases.jsonl > verdicts.jsonl
  tessera verify --cases - --native --backend portable < cases.jsonl
  tessera verify --signature-only --jwks keys.json - < token";

/// `tessera verify`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Verify {
    /// The token, or `-` to read it from stdin; none to see what a request without one meets
    #[arg(conflicts_with = "cases")]
    pub(crate) token: Option<TokenArgument>,
    /// The policy file: JSON if it begins with {, YAML otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    pub(crate) policy: Option<PathBuf>,
    /// The key set of the token's issuer, where the policy has not the keys themselves
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cases", "fetch"])]
    pub(crate) jwks: Option<PathBuf>,
    /// Fetch key sets from where the policy says they are
    #[arg(long, conflicts_with_all = ["cases", "signature_only"])]
    pub(crate) fetch: bool,
    /// The time of the decision, in seconds since 1970 or as in 2026-01-31T23:59:59Z; now if absent
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cases", "signature_only"])]
    pub(crate) now: Option<Moment>,
    /// The method of the request [default: GET]
    #[arg(long, requires = "url", conflicts_with_all = ["cases", "signature_only"])]
    pub(crate) method: Option<String>,
    /// The URL of the request, or its path and query; without it the token is judged apart from any request
    #[arg(long, conflicts_with_all = ["cases", "signature_only"])]
    pub(crate) url: Option<String>,
    /// A header field of the request, as in `Origin: https://shop.example`; repeat for more
    #[arg(long = "header", value_name = "FIELD", requires = "url")]
    pub(crate) headers: Vec<Field>,
    /// Judge the cases of a file, or of stdin (`-`), and write a verdict for each
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// The verifier component that judges the cases [default: `TESSERA_COMPONENT`, or tessera-verifier.wasm beside
    /// this program]
    #[arg(long, value_name = "FILE", requires = "cases", conflicts_with = "native")]
    pub(crate) component: Option<PathBuf>,
    /// Judge the cases in this program, and not in the component
    #[arg(long, requires = "cases")]
    pub(crate) native: bool,
    /// Which cryptography this program verifies signatures with, where it does that itself
    #[arg(long, value_enum, default_value = "aws-lc", conflicts_with = "component")]
    pub(crate) backend: BackendArgument,
    /// Judge the signature alone: header and key, over any payload
    #[arg(long)]
    pub(crate) signature_only: bool,
}

/// The crypto backends, by the names that they have on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BackendArgument {
    /// aws-lc, as the issuer
    AwsLc,
    /// What the component uses
    Portable,
}

impl From<BackendArgument> for Backend {
    fn from(argument: BackendArgument) -> Self {
        match argument {
            BackendArgument::AwsLc => Self::AwsLc,
            BackendArgument::Portable => Self::Portable,
        }
    }
}
