//! Where things are: this workspace, its target folder, the cache of tools.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    command::{CommandError, Run},
    failure::Failure,
};

/// What every step knows.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The cargo that runs us.
    pub(crate) cargo: OsString,
    /// The workspace's root folder.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the user put it.
    pub(crate) target: PathBuf,
    /// Tools of pinned versions and what else is worth keeping between clones.
    pub(crate) cache: PathBuf,
    /// Build the binaries optimised.
    pub(crate) release: bool,
    /// What to pass to the test runner.
    pub(crate) filters: Vec<String>,
}

impl Context {
    /// Asks cargo where the workspace of the current folder and its target folder are.
    pub(crate) fn discover() -> Result<Self, Failure> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let metadata = Run::new(&cargo)
            .args(["metadata", "--no-deps", "--format-version=1"])
            .captured()
            .map_err(Self::no_workspace)?;
        let metadata: Value = serde_json::from_str(&metadata).unwrap_or_default();
        let folder = |name: &str| {
            metadata.get(name).and_then(Value::as_str).map(PathBuf::from).ok_or_else(|| Failure::Artefact {
                what: "cargo metadata".to_owned(),
                problem: format!("has no `{name}`"),
                remedy: "cargo --version   # 1.95 or newer is needed".to_owned(),
            })
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
            cache: cache()?,
            cargo,
            release: false,
            filters: Vec::new(),
        })
    }

    /// Cargo, run at the workspace's root.
    pub(crate) fn cargo(&self, subcommand: &str) -> Run {
        Run::new(&self.cargo).args([subcommand]).within(&self.root)
    }

    /// Where the artefacts go.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The root that pinned tools are installed under.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    fn no_workspace(error: CommandError) -> Failure {
        Failure::Missing {
            what: "the workspace".to_owned(),
            remedy: "run `cargo xtask` inside a clone of the project".to_owned(),
            source: Some(error),
        }
    }
}

/// `$TESSERA_CACHE`, `$XDG_CACHE_HOME/tessera` or `~/.cache/tessera`; a relative one would move with the caller.
fn cache() -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    set("TESSERA_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("tessera")))
        .or_else(|| env::home_dir().map(|folder| folder.join(".cache").join("tessera")))
        .ok_or_else(|| Failure::Missing {
            what: "a folder for the tools".to_owned(),
            remedy: "export TESSERA_CACHE=/an/absolute/folder".to_owned(),
            source: None,
        })
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|source| refused("create", folder, source))
}

/// The failure of an ordinary file operation: `doing` is a verb, as in "could not read PATH".
pub(crate) fn refused(doing: &str, path: &Path, source: io::Error) -> Failure {
    Failure::Machine {
        doing: format!("{doing} {}", path.display()),
        remedy: format!("ls -ld {}   # who owns it, and is the disk full?", path.display()),
        source,
    }
}
