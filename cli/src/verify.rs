//! `tessera verify`: what the verifier makes of a request, of many, or of a signature.

mod carrier;
mod cases;
mod component;
mod documents;
mod explain;
mod input;
mod judge;
mod native;
mod report;
mod signature;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tessera_verifier::Backend;

use self::input::{Field, Moment, TokenArgument};
use super::Failure;

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
pub(super) struct Verify {
    /// The token, or `-` to read it from stdin; none to see what a request without one meets
    #[arg(conflicts_with = "cases")]
    token: Option<TokenArgument>,
    /// The policy file: JSON if it begins with {, YAML otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    policy: Option<PathBuf>,
    /// The key set of the token's issuer, where the policy has not the keys themselves
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cases", "fetch"])]
    jwks: Option<PathBuf>,
    /// Fetch key sets from where the policy says they are
    #[arg(long, conflicts_with_all = ["cases", "signature_only"])]
    fetch: bool,
    /// The time of the decision, in seconds since 1970 or as in 2026-01-31T23:59:59Z; now if absent
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cases", "signature_only"])]
    now: Option<Moment>,
    /// The method of the request [default: GET]
    #[arg(long, requires = "url", conflicts_with_all = ["cases", "signature_only"])]
    method: Option<String>,
    /// The URL of the request, or its path and query; without it the token is judged apart from any request
    #[arg(long, conflicts_with_all = ["cases", "signature_only"])]
    url: Option<String>,
    /// A header field of the request, as in `Origin: https://shop.example`; repeat for more
    #[arg(long = "header", value_name = "FIELD", requires = "url")]
    headers: Vec<Field>,
    /// Judge the cases of a file, or of stdin (`-`), and write a verdict for each
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// The verifier component that judges the cases [default: `TESSERA_COMPONENT`, or tessera-verifier.wasm beside
    /// this program]
    #[arg(long, value_name = "FILE", requires = "cases", conflicts_with = "native")]
    component: Option<PathBuf>,
    /// Judge the cases in this program, and not in the component
    #[arg(long, requires = "cases")]
    native: bool,
    /// Which cryptography this program verifies signatures with, where it does that itself
    #[arg(long, value_enum, default_value = "aws-lc", conflicts_with = "component")]
    backend: BackendArgument,
    /// Judge the signature alone: header and key, over any payload
    #[arg(long)]
    signature_only: bool,
}

/// The crypto backends, by the names that they have on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum BackendArgument {
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

/// The signature alone: what only this program judges, since no host has a use for it.
fn signature_only(arguments: Verify, backend: Backend, json: bool) -> Result<ExitCode, Failure> {
    match arguments {
        Verify { component: Some(_), .. } => Err(Failure::Usage(
            "`--signature-only` is judged by this program alone: the component has no such export; leave `--component` out",
        )),
        Verify { policy: Some(_), .. } => {
            Err(Failure::Usage("`--signature-only` asks for no policy; leave `--policy` out"))
        }
        Verify { cases: Some(file), .. } => signature::cases(&file, backend).map(|()| ExitCode::SUCCESS),
        Verify { token: Some(token), jwks: Some(jwks), .. } => {
            signature::run(&token.read()?, &jwks, backend, json)
        }
        _ => Err(Failure::Usage(
            "`--signature-only` needs `--jwks FILE` and a TOKEN (`-` reads it from stdin), or `--cases FILE`",
        )),
    }
}

pub(super) fn run(arguments: Verify, json: bool) -> Result<ExitCode, Failure> {
    let backend = arguments.backend.into();
    if arguments.signature_only {
        return signature_only(arguments, backend, json);
    }
    if let Some(file) = &arguments.cases {
        let engine = match (arguments.native, arguments.component) {
            (true, _) => judge::Engine::Native(backend),
            (false, component) => judge::Engine::component(component)?,
        };
        return cases::run(file, &engine).map(|()| ExitCode::SUCCESS);
    }
    // clap waives what would contradict the token.
    if arguments.native || arguments.component.is_some() {
        return Err(Failure::Usage("`--native` and `--component` say who judges `--cases FILE`"));
    }
    let Some(policy) = arguments.policy else {
        return Err(Failure::Usage("say by which policy: add `--policy FILE`, or `--cases FILE`"));
    };
    if arguments.token.is_none() && arguments.url.is_none() {
        return Err(Failure::Usage(
            "say what is to be judged: a TOKEN (`-` reads it from stdin), a `--url`, or both",
        ));
    }
    let keys = match (arguments.jwks, arguments.fetch) {
        (Some(file), _) => explain::Keys::File(file),
        (None, true) => explain::Keys::Fetched,
        (None, false) => explain::Keys::OfPolicy,
    };
    let subject = explain::Subject {
        policy,
        keys,
        token: arguments.token.map(TokenArgument::read).transpose()?,
        now: arguments.now.map_or_else(super::now, Moment::into),
        request: arguments.url.map(|url| judge::Request {
            method: arguments.method.unwrap_or_else(|| "GET".to_owned()),
            ..judge::Request::to(&url, arguments.headers.into_iter().map(Field::into_pair).collect())
        }),
    };
    explain::run(subject, backend, json)
}
