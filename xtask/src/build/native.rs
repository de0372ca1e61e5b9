//! The binaries for this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{build::place, command::Run, context::Context, failure::Failure, plan::Step};

/// The binaries into dist/.
pub(crate) const BINARIES: Step = Step {
    title: "dist/tessera, dist/tessera-proxy: compiling (about 5 min on two cores the first time)",
    run: binaries,
};

/// What dist/ holds for people to run.
pub(crate) const SHIPPED: [&str; 2] = ["tessera", "tessera-proxy"];

/// A binary of the workspace.
#[derive(Clone, Copy)]
struct Binary {
    package: &'static str,
    name: &'static str,
}

const TESSERA: Binary = Binary { package: "tessera-cli", name: "tessera" };
const PROXY: Binary = Binary { package: "tessera-host-demo", name: "tessera-proxy" };
/// The resource service of the demo and the tests; it has no place in dist/.
const ORDERS: Binary = Binary { package: "tessera-tests", name: "orders" };
const SOAK: Binary = Binary { package: "tessera-tests", name: "soak" };

/// The features that turn the tests with real processes on. Building with them from the start means that the test
/// run, which needs them, finds everything compiled.
pub(crate) const END_TO_END: &str = "tessera-tests/e2e,tessera-cli/e2e";

/// Selected in every build for development: it has the features of all of them, so that they share what they compile.
const FEATURES: &str = "xtask-features";

fn binaries(cx: &Context) -> Result<String, Failure> {
    // The service comes along: one run of cargo is quicker than two.
    let built = compile(cx, &[TESSERA, PROXY, ORDERS])?;
    for name in SHIPPED {
        let binary = find(&built, name)?;
        place(cx, name, |path| fs::copy(binary, path).map(drop))?;
    }
    Ok(if cx.release { "optimised" } else { "for development; --release optimises" }.to_owned())
}

/// The resource service's binary, built if need be.
pub(crate) fn orders(cx: &Context) -> Result<PathBuf, Failure> {
    one(cx, ORDERS)
}

/// The binary of people's commands, built if need be.
pub(crate) fn tessera(cx: &Context) -> Result<PathBuf, Failure> {
    one(cx, TESSERA)
}

/// The driver of the long run, built if need be.
pub(crate) fn soak(cx: &Context) -> Result<PathBuf, Failure> {
    one(cx, SOAK)
}

/// The binary of this name, built by `cargo build` with these arguments.
pub(crate) fn compiled(cx: &Context, arguments: &[&str], name: &str) -> Result<PathBuf, Failure> {
    Ok(find(&build(cx.cargo("build").args(arguments))?, name)?.to_owned())
}

fn one(cx: &Context, binary: Binary) -> Result<PathBuf, Failure> {
    Ok(find(&compile(cx, &[binary])?, binary.name)?.to_owned())
}

/// Builds these binaries and returns where cargo says it put them.
fn compile(cx: &Context, binaries: &[Binary]) -> Result<Vec<PathBuf>, Failure> {
    let selected = binaries.iter().flat_map(|binary| ["--package", binary.package, "--bin", binary.name]);
    let mut command = cx.cargo("build").args(selected);
    if cx.release {
        command = command.args(["--release"]);
    } else {
        command = command.args(["--package", FEATURES]);
    }
    for (package, feature) in [("tessera-tests", "tessera-tests/e2e"), ("tessera-cli", "tessera-cli/e2e")] {
        if binaries.iter().any(|binary| binary.package == package) {
            command = command.args(["--features", feature]);
        }
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
