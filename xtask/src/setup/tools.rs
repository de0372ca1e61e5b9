//! Cargo's companions, of pinned versions, in the cache: two clones share them, and the user's own stay untouched.

use std::{fs, path::PathBuf};

use crate::{
    command::Run,
    context::{Context, create_folder},
    failure::Failure,
    plan::Step,
};

/// The componentizing build that authors of guests know; ours must agree with it.
pub(crate) const CARGO_COMPONENT: Step =
    Step { title: "cargo-component 0.21.1", run: |cx| Tool::COMPONENT.ensure(cx) };

/// Licences, sources, duplicates, advisories.
pub(crate) const CARGO_DENY: Step = Step { title: "cargo-deny 0.20.2", run: |cx| Tool::DENY.ensure(cx) };

/// The test runner: one process per test. Any version that is already there will do.
pub(crate) const NEXTEST: Step = Step { title: "cargo-nextest", run: |cx| Tool::NEXTEST.ensure(cx) };

/// A cargo subcommand that xtask installs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The subcommand: `cargo NAME`.
    name: &'static str,
    version: &'static str,
    /// Whether the user's own copy is as good, whatever its version.
    any_version: bool,
}

impl Tool {
    pub(crate) const COMPONENT: Self = Self { name: "component", version: "0.21.1", any_version: false };
    pub(crate) const DENY: Self = Self { name: "deny", version: "0.20.2", any_version: false };
    pub(crate) const NEXTEST: Self = Self { name: "nextest", version: "0.9.143", any_version: true };

    /// The tool as cargo would run it, but surely ours: cargo looks into its own folder before `PATH`.
    pub(crate) fn run(self, cx: &Context) -> Run {
        if self.any_version && self.is_on_path(cx) {
            return cx.cargo(self.name);
        }
        Run::new(self.binary(cx)).args([self.name]).within(&cx.root)
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
        // A folder that stays when the build is interrupted, so that the next try goes on where this one stopped.
        let build = cx.cache.join("build").join(self.name);
        create_folder(&build)?;
        let spec = format!("cargo-{}@{}", self.name, self.version);
        cx.cargo("install")
            .args(["--locked", "--force", "--root"])
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

    fn installed_version(self, cx: &Context) -> Option<String> {
        let said = Run::new(self.binary(cx)).args([self.name, "--version"]).quiet().ok()?;
        // "cargo-deny 0.20.2"; cargo-component adds a commit and a date in parentheses.
        said.split_whitespace().nth(1).map(str::to_owned)
    }

    fn is_on_path(self, cx: &Context) -> bool {
        cx.cargo(self.name).args(["--version"]).quiet().is_ok()
    }

    fn binary(self, cx: &Context) -> PathBuf {
        cx.tools().join("bin").join(format!("cargo-{}", self.name))
    }
}
