//! `cargo xtask lint`: what holds of the code without running it.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use tessera_tests::docs;

use crate::{
    build::native::{self, END_TO_END},
    command::{CommandError, Run},
    context::Context,
    failure::Failure,
    plan::{Step, carry_out},
    setup::{self, GUEST_TARGET, Tool},
};

/// The crates that only mean something on the guests' target.
const GUESTS: [&str; 6] = [
    "tessera-verifier-component",
    "tessera-verifier-envoy",
    "tessera-verifier-middleware",
    "tessera-backend-component",
    "tessera-faulty-component",
    "tessera-faulty-plugin",
];

/// The JSON Schema of the policy document.
const SCHEMA: &str = "docs/policy.schema.json";
/// The issuer's interface in OpenAPI.
const INTERFACE: &str = "docs/openapi.json";

const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::CXX_COMPILER,
    setup::WASM_TARGET,
    setup::CARGO_DENY,
    Step { title: "formatting", run: formatting },
    Step { title: "documents: commands, links, home folders", run: documents },
    Step { title: "the published JSON Schema", run: schema },
    Step { title: "the published OpenAPI document", run: interface },
    Step { title: "dependencies: duplicates, licences, sources", run: dependencies },
    Step { title: "dependencies: advisories", run: advisories },
    Step { title: "clippy on all that is native", run: clippy },
    Step { title: "clippy on the guests", run: clippy_guests },
    Step { title: "rustdoc", run: rustdoc },
];

pub(crate) fn run(cx: &Context) -> Result<(), Failure> {
    carry_out(cx, STEPS)
}

fn formatting(cx: &Context) -> Result<String, Failure> {
    held("the formatting", "cargo fmt --all", cx.cargo("fmt").args(["--all", "--check"]).shown())
}

/// In one run of cargo, which checks each dependency once.
fn clippy(cx: &Context) -> Result<String, Failure> {
    let guests = GUESTS.iter().flat_map(|package| ["--exclude", package]);
    let run = cx
        .cargo("clippy")
        .args(["--workspace"])
        .args(guests)
        .args(["--all-targets", "--features", END_TO_END, "--", "-D", "warnings"])
        .shown();
    held("clippy", "cargo clippy --fix --all-targets   # what it cannot mend stands above", run)
}

fn clippy_guests(cx: &Context) -> Result<String, Failure> {
    let packages = GUESTS.iter().flat_map(|package| ["--package", package]);
    let run =
        cx.cargo("clippy").args(packages).args(["--target", GUEST_TARGET, "--", "-D", "warnings"]).shown();
    held("clippy on a guest", "mend what stands above, then run: cargo xtask lint", run)
}

fn rustdoc(cx: &Context) -> Result<String, Failure> {
    let run = cx.cargo("doc").args(["--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings").shown();
    held("the documentation", "mend what stands above, then run: cargo doc --no-deps --open", run)
}

/// The schema in the tree has to be the one that the verifier's grammar makes.
fn schema(cx: &Context) -> Result<String, Failure> {
    printed(cx, SCHEMA, &["policy", "schema"]).map(|()| "is what the verifier takes".to_owned())
}

/// The document in the tree has to be the one that the issuer publishes.
fn interface(cx: &Context) -> Result<String, Failure> {
    printed(cx, INTERFACE, &["openapi"]).map(|()| "is what the issuer publishes".to_owned())
}

/// Whether a file is what `tessera` prints for this command.
fn printed(cx: &Context, file: &str, command: &[&str]) -> Result<(), Failure> {
    let remedy = format!("cargo run --bin tessera -- {} > {file}", command.join(" "));
    let unprinted = |source| Failure::Build {
        what: "`tessera`".to_owned(),
        remedy: remedy.clone(),
        source: Some(source),
    };
    let own = Run::new(native::tessera(cx)?).args(command).captured().map_err(unprinted)?;
    let published = std::fs::read_to_string(cx.root.join(file)).unwrap_or_default();
    if published.trim_end() == own.trim_end() {
        return Ok(());
    }
    Err(Failure::Check { what: format!("{file} is not what `tessera` prints"), remedy })
}

fn dependencies(cx: &Context) -> Result<String, Failure> {
    let run =
        Tool::DENY.run(cx).args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]).shown();
    held("a dependency", "mend what stands above, or give deny.toml the exception with its reason", run)
}

/// The advisory database lives on the network. A machine without one cannot check, and says so; it does not pass
/// in silence, and it does not fail for what it cannot know.
fn advisories(cx: &Context) -> Result<String, Failure> {
    if let Err(error) = Tool::DENY.run(cx).args(["fetch", "db"]).quiet() {
        let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        anstream::eprintln!(
            "{yellow}warning:{yellow:#} the advisory database could not be fetched ({error}):"
        );
        anstream::eprintln!("         known vulnerabilities in dependencies were NOT looked for in this run");
        return Ok("NOT CHECKED".to_owned());
    }
    let run =
        Tool::DENY.run(cx).args(["check", "--disable-fetch", "--hide-inclusion-graph", "advisories"]).shown();
    held("a dependency", "cargo update -p NAME   # or give deny.toml the exception with its reason", run)
}

fn documents(cx: &Context) -> Result<String, Failure> {
    let list = Run::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .within(&cx.root)
        .captured()
        .map_err(|error| Failure::Missing {
            what: "the list of the repository's files".to_owned(),
            remedy: "run `cargo xtask lint` in a git clone, with git installed".to_owned(),
            source: Some(error),
        })?;
    let files: Vec<PathBuf> = list.split_terminator('\0').map(PathBuf::from).collect();
    let findings = docs::check(&cx.root, &files).map_err(|source| Failure::Machine {
        doing: "read the repository's files".to_owned(),
        remedy: "git status".to_owned(),
        source,
    })?;
    for finding in &findings {
        anstream::eprintln!("  {finding}");
    }
    if findings.is_empty() {
        return Ok("hold".to_owned());
    }
    Err(Failure::Check {
        what: format!("{} promises in the documents do not hold", findings.len()),
        remedy: "mend the lines named above".to_owned(),
    })
}

fn held(what: &str, remedy: &str, run: Result<(), CommandError>) -> Result<String, Failure> {
    match run {
        Ok(()) => Ok("clean".to_owned()),
        Err(CommandError::Failed { .. }) => Err(Failure::Check {
            what: format!("{what} has findings, listed above"),
            remedy: remedy.to_owned(),
        }),
        Err(error) => Err(Failure::Missing {
            what: "a tool of this check".to_owned(),
            remedy: "rustup component add rustfmt clippy".to_owned(),
            source: Some(error),
        }),
    }
}
