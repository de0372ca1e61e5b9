//! A C compiler, the guests' compilation target, and Debian packages where we may install them.

use std::path::Path;

use crate::{
    command::{CommandError, Run},
    context::Context,
    failure::Failure,
    plan::Step,
};

/// The target every guest is built for.
pub(crate) const GUEST_TARGET: &str = "wasm32-unknown-unknown";

/// aws-lc and SQLite are C. Both build without cmake and without an assembler of their own.
pub(crate) const C_COMPILER: Step = Step { title: "a C compiler", run: c_compiler };

/// libFuzzer is C++.
pub(crate) const CXX_COMPILER: Step = Step { title: "a C++ compiler", run: cxx_compiler };

/// rustc's standard library for the guests.
pub(crate) const WASM_TARGET: Step =
    Step { title: "the Rust target wasm32-unknown-unknown", run: wasm_target };

/// The load that benchmarks put on a proxy.
pub(crate) const WRK: Step = Step { title: "wrk", run: wrk };

/// A PKCS #11 token in software, and OpenSC's tool that says what is in one.
pub(crate) const SOFTHSM: Step = Step { title: "SoftHSM and OpenSC", run: softhsm };

const ALREADY: &str = "already there";

fn c_compiler(_: &Context) -> Result<String, Failure> {
    if Run::new("cc").args(["--version"]).quiet().is_ok() {
        return Ok(ALREADY.to_owned());
    }
    install_packages("a C compiler", &["build-essential"])
}

fn cxx_compiler(_: &Context) -> Result<String, Failure> {
    if Run::new("c++").args(["--version"]).quiet().is_ok() {
        return Ok(ALREADY.to_owned());
    }
    install_packages("a C++ compiler", &["build-essential"])
}

fn wasm_target(_: &Context) -> Result<String, Failure> {
    // Asked of rustc, not of rustup: a distribution's Rust has no rustup and may have the target.
    let libraries = Run::new("rustc").args(["--print=target-libdir", "--target", GUEST_TARGET]).quiet();
    if libraries.is_ok_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(ALREADY.to_owned());
    }
    match Run::new("rustup").args(["target", "add", GUEST_TARGET]).shown() {
        Ok(()) => Ok("installed".to_owned()),
        Err(error) => Err(Failure::Missing {
            what: format!("the Rust target {GUEST_TARGET}"),
            remedy: format!("rustup target add {GUEST_TARGET}   # or your distribution's package for it"),
            source: Some(error),
        }),
    }
}

fn wrk(_: &Context) -> Result<String, Failure> {
    // It answers the question for its version by an exit status of 1.
    let there = |found: Result<String, CommandError>| !matches!(found, Err(CommandError::NotFound { .. }));
    if there(Run::new("wrk").args(["--version"]).quiet()) {
        return Ok(ALREADY.to_owned());
    }
    install_packages("wrk", &["wrk"])
}

fn softhsm(_: &Context) -> Result<String, Failure> {
    // The tool answers with its usage and an exit status of 1.
    let there = |found: Result<String, CommandError>| !matches!(found, Err(CommandError::NotFound { .. }));
    let tools = [Run::new("softhsm2-util").args(["--version"]), Run::new("pkcs11-tool").args(["--version"])];
    if tools.into_iter().all(|tool| there(tool.quiet())) {
        return Ok(ALREADY.to_owned());
    }
    install_packages("SoftHSM and OpenSC", &["softhsm2", "opensc"])
}

/// Installs Debian packages where there is apt-get and we are root; elsewhere the failure says what to type.
pub(super) fn install_packages(what: &str, packages: &[&str]) -> Result<String, Failure> {
    let missing = |source: Option<CommandError>| Failure::Missing {
        what: what.to_owned(),
        remedy: format!("sudo apt-get install {}   # or what your system calls them", packages.join(" ")),
        source,
    };
    let root = Run::new("id").args(["-u"]).quiet().is_ok_and(|id| id.trim() == "0");
    if !root {
        return Err(missing(None));
    }
    let apt = || Run::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "--quiet"]).shown().map_err(|error| missing(Some(error)))?;
    apt()
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages)
        .shown()
        .map_err(|error| missing(Some(error)))?;
    Ok(format!("installed {}", packages.join(", ")))
}
