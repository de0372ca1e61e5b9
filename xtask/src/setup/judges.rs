//! The judges that we did not write: npm packages under tests/judges, and the Node.js that runs them.

use std::{fs, path::Path};

use crate::{
    command::Run,
    context::{Context, refused},
    failure::Failure,
    plan::Step,
    setup::machine::install_packages,
};

/// The judges use Web Crypto and fetch as globals, which Node.js has without flags since this release.
const OLDEST_NODE: u32 = 20;

/// Node.js and npm.
pub(crate) const NODE: Step = Step { title: "Node.js", run: node };

/// `npm ci` in tests/judges, when what is there was not installed from the lock file as it is now.
pub(crate) const JUDGES: Step = Step { title: "the judges (npm: jose, oauth4webapi)", run: judges };

fn node(_: &Context) -> Result<String, Failure> {
    let mut note = "already there".to_owned();
    if node_version().is_none() || Run::new("npm").args(["--version"]).quiet().is_err() {
        note = install_packages("Node.js", &["nodejs", "npm"])?;
    }
    match node_version() {
        Some(version) if version >= OLDEST_NODE => Ok(note),
        Some(version) => Err(Failure::Missing {
            what: format!("Node.js {OLDEST_NODE} (this is {version})"),
            remedy: format!("install Node.js {OLDEST_NODE} or newer and put it first in PATH"),
            source: None,
        }),
        None => Err(Failure::Missing {
            what: "Node.js".to_owned(),
            remedy: "sudo apt-get install nodejs npm".to_owned(),
            source: None,
        }),
    }
}

/// The major version: `node --version` prints `v20.20.2`.
fn node_version() -> Option<u32> {
    let said = Run::new("node").args(["--version"]).quiet().ok()?;
    said.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn judges(cx: &Context) -> Result<String, Failure> {
    let folder = cx.root.join("tests").join("judges");
    let lock = read(&folder.join("package-lock.json"))?;
    // npm's own record of what it installed differs in form from the lock file, so we keep a copy to compare with.
    let stamp = folder.join("node_modules").join(".installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok("already there".to_owned());
    }
    Run::new("npm").args(["ci", "--no-audit", "--no-fund"]).within(&folder).shown().map_err(|error| {
        Failure::Missing {
            what: "the judges' npm packages".to_owned(),
            remedy: "npm ci --prefix tests/judges   # the npm registry must be reachable".to_owned(),
            source: Some(error),
        }
    })?;
    fs::write(&stamp, lock).map_err(|source| refused("write", &stamp, source))?;
    Ok("installed".to_owned())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| refused("read", path, source))
}
