//! A host of the verifier for the conformance corpus: a real Envoy with our filter.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_tests::{
    artefacts::Artefacts,
    envoy::corpus::{Protocol, judge},
};

const HELP: &str = "\
Writes a verdict for each case, a line each, as tests/vectors/README.md has it; how many cases came out in another way
than they expect, for which of the reasons in tests/vectors/envoy.json, goes to stderr.

Examples:
  conformance --host 'envoy_host --envoy envoy' --cases tests/vectors/cases/claims.jsonl
  envoy_host --http2 tests/vectors/cases/routes.jsonl";

/// Judge the cases of a file with the filter in a real Envoy.
#[derive(Debug, Parser)]
#[command(name = "envoy_host", after_help = HELP)]
struct Arguments {
    /// The file of cases
    file: PathBuf,
    /// Ask over HTTP/2 instead of HTTP/1.1
    #[arg(long)]
    http2: bool,
    /// The binary of Envoy
    #[arg(long, env = Artefacts::ENVOY_SERVER)]
    envoy: PathBuf,
    /// The filter [default: tessera-envoy.wasm in dist/]
    #[arg(long)]
    filter: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { file, http2, envoy, filter } = arguments;
    let filter = filter.map_or_else(|| Artefacts::find()?.envoy_filter(), Ok)?;
    let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
    let judged = judge(&file, protocol, &envoy, &filter).await?;
    for verdict in judged.verdicts {
        println!("{verdict}");
    }
    eprint!("{}", judged.summary);
    Ok(())
}
