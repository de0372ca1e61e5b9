//! What figures belong to: the machine, and versions.

use std::{collections::BTreeMap, env, fs, process::Command, thread};

use serde_json::Value;

use crate::OutputError;

/// The processor, how many of them, and what runs on them.
#[must_use]
pub fn machine() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let model = model.map_or("a processor without a name", |(_, name)| name.trim());
    format!("{cpus} × {model}, {} {}", env::consts::OS, env::consts::ARCH)
}

/// The versions of these crates, as the lock file has them.
pub fn crates(names: &[&str]) -> Result<BTreeMap<String, String>, OutputError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = stdout(Command::new(cargo).args(["metadata", "--format-version=1", "--locked"]));
    let metadata = said.and_then(|said| serde_json::from_str::<Value>(&said).ok());
    let metadata = metadata.ok_or(OutputError::Versions)?;
    let mut versions = BTreeMap::new();
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| package.get(name).and_then(Value::as_str);
        if let (Some(name), Some(version)) = (text("name"), text("version"))
            && names.contains(&name)
        {
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    Ok(versions)
}

/// The compiler, with its version.
#[must_use]
pub fn rustc() -> Option<(String, String)> {
    version_said_by("rustc", &["--version"])
        .and_then(|said| Some(("rustc".to_owned(), said.split_whitespace().nth(1)?.to_owned())))
}

/// Node.js, with its version.
#[must_use]
pub fn node() -> Option<(String, String)> {
    let said = version_said_by("node", &["--version"])?;
    Some(("Node.js".to_owned(), said.trim().trim_start_matches('v').to_owned()))
}

/// A package of npm, with the version that a `package.json` pins.
#[must_use]
pub fn npm(package_json: &str, name: &str) -> Option<(String, String)> {
    let package: Value = serde_json::from_str(package_json).ok()?;
    let version = package.get("dependencies")?.get(name)?.as_str()?;
    Some((name.to_owned(), version.to_owned()))
}

/// A package of PyPI, with the version that a `requirements.txt` pins.
#[must_use]
pub fn pypi(requirements: &str, name: &str) -> Option<(String, String)> {
    let version = requirements.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="))?;
    Some((name.to_owned(), version.to_owned()))
}

fn version_said_by(program: &str, arguments: &[&str]) -> Option<String> {
    stdout(Command::new(program).args(arguments))
}

fn stdout(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
