//! The judges that we did not write: npm packages under tests/judges, and the Node.js that runs them.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::symlink,
    path::Path,
};

use crate::{
    command::Run,
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::Step,
    setup::machine::install_packages,
};

/// The judges use Web Crypto and fetch as globals, which Node.js has without flags since this release.
const OLDEST_NODE: u32 = 20;

/// Node.js and npm.
pub(crate) const NODE: Step = Step { title: "Node.js", run: node };

/// `npm ci` in the cache, when what is there was not installed from the lock file in tests/judges as it is now.
pub(crate) const JUDGES: Step =
    Step { title: "the judges (npm: jose, oauth4webapi, openid-client, oidc-provider)", run: judges };

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
    let sources = cx.root.join("tests").join("judges");
    let lock = read(&sources.join("package-lock.json"))?;
    // One folder for each lock file: clones at different commits share the cache and do not take turns in it.
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let folder = cx.cache.join("node").join(format!("judges-{:016x}", hasher.finish()));
    // npm's own record of what it installed differs in form from the lock file, so we keep a copy to compare with.
    let stamp = folder.join(".installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        link(&folder, &sources)?;
        return Ok("already there".to_owned());
    }
    create_folder(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        let copy = folder.join(name);
        fs::copy(sources.join(name), &copy).map_err(|source| refused("write", &copy, source))?;
    }
    Run::new("npm").args(["ci", "--no-audit", "--no-fund"]).within(&folder).shown().map_err(|error| {
        Failure::Missing {
            what: "the judges' npm packages".to_owned(),
            remedy: "npm ci --prefix tests/judges   # the npm registry must be reachable".to_owned(),
            source: Some(error),
        }
    })?;
    fs::write(&stamp, lock).map_err(|source| refused("write", &stamp, source))?;
    link(&folder, &sources)?;
    Ok("installed".to_owned())
}

/// Node.js looks for packages beside the script and above it, and nowhere else that an ES module could name: a link
/// there leads to the cache.
fn link(installed: &Path, sources: &Path) -> Result<(), Failure> {
    let (packages, link) = (installed.join("node_modules"), sources.join("node_modules"));
    if fs::read_link(&link).is_ok_and(|target| target == packages) {
        return Ok(());
    }
    // What stands there is an older link, or what somebody's own `npm ci` installed.
    let removed = match fs::symlink_metadata(&link) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(&link),
        Ok(_) => fs::remove_file(&link),
        Err(_) => Ok(()),
    };
    removed.and_then(|()| symlink(&packages, &link)).map_err(|source| refused("link", &link, source))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| refused("read", path, source))
}
