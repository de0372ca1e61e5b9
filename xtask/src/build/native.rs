//! The binaries for this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{build::place, command::Run, context::Context, failure::Failure, plan::Step};

/// The binaries into dist/.
pub(crate) const BINARIES: Step = Step { title: "dist/tessera, dist/tessera-proxy", run: binaries };

/// What dist/ holds for people to run.
pub(crate) const SHIPPED: [&str; 2] = ["tessera", "tessera-proxy"];

/// The resource service of the demo and the tests; it has no place in dist/.
const ORDERS: &str = "orders";

/// The features that turn the tests with real processes on. Building with them from the start means that the test
/// run, which needs them, finds everything compiled.
pub(crate) const END_TO_END: &str = "tessera-tests/e2e,tessera-cli/e2e";

fn binaries(cx: &Context) -> Result<String, Failure> {
    let built = compile(cx)?;
    for name in SHIPPED {
        let binary = find(&built, name)?;
        place(cx, name, |path| fs::copy(binary, path).map(drop))?;
    }
    Ok(if cx.release { "optimised" } else { "for development; --release optimises" }.to_owned())
}

/// The resource service's binary, built if need be.
pub(crate) fn orders(cx: &Context) -> Result<PathBuf, Failure> {
    Ok(find(&compile(cx)?, ORDERS)?.to_owned())
}

/// The driver of the long run, built if need be.
pub(crate) fn soak(cx: &Context) -> Result<PathBuf, Failure> {
    Ok(find(&compile(cx)?, "soak")?.to_owned())
}

/// The binary of this name, built by `cargo build` with these arguments.
pub(crate) fn compiled(cx: &Context, arguments: &[&str], name: &str) -> Result<PathBuf, Failure> {
    Ok(find(&build(cx.cargo("build").args(arguments))?, name)?.to_owned())
}

/// Builds every binary of the workspace's default members and returns where cargo says it put them.
fn compile(cx: &Context) -> Result<Vec<PathBuf>, Failure> {
    let mut command = cx.cargo("build").args(["--bins", "--features", END_TO_END]);
    if cx.release {
        command = command.args(["--release"]);
    }
    build(command)
}

fn build(command: Run) -> Result<Vec<PathBuf>, Failure> {
    let said = command.args(["--message-format=json-render-diagnostics"]).captured().map_err(|error| {
        Failure::Build {
            what: "the workspace".to_owned(),
            remedy: "mend what the compiler says above, then run the same again".to_owned(),
            source: Some(error),
        }
    })?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages.filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?))).collect())
}

fn find<'a>(built: &'a [PathBuf], name: &str) -> Result<&'a Path, Failure> {
    let named = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
    built.iter().find(named).map(PathBuf::as_path).ok_or_else(|| Failure::Build {
        what: format!("the binary `{name}`"),
        remedy: "look for its [[bin]] in the crates named by default-members in Cargo.toml".to_owned(),
        source: None,
    })
}
