//! `cargo xtask`: build, demo, test, measure, fuzz, lint, with nothing to install first.
//!
//! Each command is a list of [`plan::Step`]s. A step looks before it acts (an installed tool is not installed
//! again), says in one line what it found or did, and on failure names the command that mends it.

mod bench;
mod build;
mod command;
mod context;
mod demo;
mod failure;
mod fuzz;
mod lint;
mod mutants;
mod plan;
mod runtime;
mod setup;
mod soak;
mod test;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::{context::Context, failure::Failure};

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                  the whole path, told step by step
  cargo xtask demo --keep           the same, and everything stays for you to try, on ports 7410 to 7413
  cargo xtask build                 the artefacts into dist/
  cargo xtask build --release       the same with optimised binaries
  cargo xtask test                  every test
  cargo xtask test judges           the tests with \"judges\" in their name
  cargo xtask bench verify          the verifier against its peers, in one run
  cargo xtask bench envoy           the filter against Envoy's own, in a real Envoy
  cargo xtask bench issuer          the token server against npm oidc-provider
  cargo xtask soak 100000           the Envoy filter over rotations, outages and reloads
  cargo xtask lint                  formatting, clippy, dependencies, documents
  cargo xtask fuzz 600              every fuzz target of the verifier, for ten minutes in all
  cargo xtask mutants token.rs      whether the verifier's tests notice changes of token.rs

Environment:
  TESSERA_CACHE      where the tools that xtask installs live (default: $XDG_CACHE_HOME/tessera, ~/.cache/tessera)
  CARGO_TARGET_DIR   where cargo builds; guests go to its subfolder guest/
  NO_COLOR           no colour, on a terminal too

Exit status:
  0  done
  1  a test, a check or a step of the demo did not hold
  2  the command line was not understood
  3  something is missing and could not be installed
  4  something did not compile
  5  an artefact is not what it has to be";

/// Build, demo, test, lint: nothing to install first.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build the artefacts into dist/ and print their sizes.
    Build(BuildArgs),
    /// Play one request through every part, told step by step, and the wrong ones refused.
    Demo(DemoArgs),
    /// Run every test, or those whose name contains a filter.
    Test(TestArgs),
    /// Measure, paired with peers in the same run; figures go to the target folder's bench/.
    #[command(subcommand)]
    Bench(Bench),
    /// Hold the Envoy filter against what goes wrong around it, request by request.
    Soak(soak::SoakArgs),
    /// Check formatting, lints, dependencies, documentation and documents.
    Lint,
    /// Hold the verifier against inputs that nobody thought of.
    Fuzz(fuzz::FuzzArgs),
    /// Change the verifier in small ways and see whether its tests notice.
    Mutants(mutants::MutantsArgs),
}

/// What `build` can be told.
#[derive(Debug, Args)]
struct BuildArgs {
    /// Build the binaries optimised; the WASM artefacts always are.
    #[arg(long)]
    release: bool,
}

/// What `demo` can be told.
#[derive(Debug, Args)]
struct DemoArgs {
    /// Leave everything running and print commands to try, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Listen on four ports in a row from this one: issuer, platform, service, proxy. With --keep from 7410, if
    /// nothing is said, otherwise on free ones.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65532))]
    ports: Option<u16>,
}

/// What `test` can be told.
#[derive(Debug, Args)]
struct TestArgs {
    /// Passed to the test runner: parts of test names, or its options.
    #[arg(value_name = "FILTER", trailing_var_arg = true, allow_hyphen_values = true)]
    filters: Vec<String>,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
enum Bench {
    /// Verification: jsonwebtoken, our native builds and the components, cold and warm.
    Verify(bench::VerifyArgs),
    /// The filter for Envoy: against the built-in one, one that does nothing, and none, in a real Envoy.
    Envoy(bench::EnvoyArgs),
    /// The token server as it is shipped: tokens a CPU-second, against npm oidc-provider on the same machine.
    Issuer(bench::IssuerArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let cx = Context::discover()?;
    match cli.command {
        Verb::Build(BuildArgs { release }) => build::run(&Context { release, ..cx }),
        Verb::Demo(DemoArgs { keep, ports }) => demo::run(&cx, keep, ports),
        Verb::Test(TestArgs { filters }) => test::run(&Context { filters, ..cx }),
        Verb::Bench(Bench::Verify(args)) => bench::verify(&cx, &args),
        Verb::Bench(Bench::Envoy(args)) => bench::envoy(&cx, &args),
        Verb::Bench(Bench::Issuer(args)) => bench::issuer(&cx, &args),
        Verb::Soak(args) => soak::run(&cx, &args),
        Verb::Lint => lint::run(&cx),
        Verb::Fuzz(args) => fuzz::run(&cx, &args),
        Verb::Mutants(args) => mutants::run(&cx, &args),
    }
}
