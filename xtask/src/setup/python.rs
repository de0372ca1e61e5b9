//! Environments of Python packages, in the cache: nothing of the user's own Python changes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    command::{CommandError, Run},
    context::{Context, refused},
    failure::Failure,
    plan::Step,
    setup::machine::install_packages,
};

/// What judges and generates with packages of PyPI: tests/judges/requirements.txt.
pub(crate) const PYTHON: Step =
    Step { title: "the judges (PyPI: PyJWT, Authlib, requests-oauthlib, schemathesis)", run: judges };

/// An environment of Python packages.
pub(super) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment of this name, which need not be there yet.
    pub(super) fn named(cx: &Context, name: &str) -> Self {
        Self { folder: cx.cache.join("python").join(name) }
    }

    /// Its interpreter.
    pub(super) fn python(&self) -> PathBuf {
        self.program("python3")
    }

    /// A program that one of its packages brings.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Makes it anew, with what these arguments of `pip install` name. The failure is that of the last command.
    pub(super) fn install<'a>(
        &self,
        packages: impl IntoIterator<Item = &'a str>,
        missing: impl Fn(Option<CommandError>) -> Failure,
    ) -> Result<(), Failure> {
        let create = || Run::new("python3").args(["-m", "venv", "--clear"]).args([&self.folder]).quiet();
        if create().is_err() {
            // Debian's Python comes without the module that makes environments.
            install_packages("Python with venv", &["python3", "python3-venv"])?;
            create().map_err(|error| missing(Some(error)))?;
        }
        Run::new(self.python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages)
            .shown()
            .map_err(|error| missing(Some(error)))
    }
}

/// The interpreter that [`PYTHON`] sees to.
pub(crate) fn judges_python(cx: &Context) -> PathBuf {
    environment(cx).python()
}

fn environment(cx: &Context) -> Environment {
    Environment::named(cx, "judges")
}

fn judges(cx: &Context) -> Result<String, Failure> {
    let environment = environment(cx);
    let requirements = cx.root.join("tests").join("judges").join("requirements.txt");
    let wanted = read(&requirements)?;
    // Says what is installed, in the words it was asked for.
    let stamp = environment.folder.join(".installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && environment.python().is_file()
    {
        return Ok("already there".to_owned());
    }
    let file = requirements.to_string_lossy();
    environment.install(["--requirement", &file], |source| Failure::Missing {
        what: "the judges' packages of PyPI".to_owned(),
        remedy:
            "python3 -m pip install --requirement tests/judges/requirements.txt   # in an environment of its \
                 own; PyPI must be reachable"
                .to_owned(),
        source,
    })?;
    fs::write(&stamp, wanted).map_err(|source| refused("write", &stamp, source))?;
    Ok("installed".to_owned())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| refused("read", path, source))
}
