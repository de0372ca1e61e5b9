//! What figures belong to: the machine, and versions.

use std::{collections::BTreeMap, fs, thread};

use serde_json::Value;

use crate::{command::Run, context::Context, failure::Failure};

/// The processor, how many of them, and what runs on them.
pub(super) fn machine() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let model = model.map_or("a processor without a name", |(_, name)| name.trim());
    format!("{cpus} × {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The versions of these crates, as the lock file has them.
pub(super) fn crates(cx: &Context, names: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let metadata = cx
        .cargo("metadata")
        .args(["--format-version=1", "--locked"])
        .captured()
        .ok()
        .and_then(|said| serde_json::from_str::<Value>(&said).ok())
        .ok_or_else(|| Failure::Artefact {
            what: "cargo metadata".to_owned(),
            problem: "it does not say which versions of crates are used".to_owned(),
            remedy: "cargo metadata --locked --format-version=1".to_owned(),
        })?;
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
pub(super) fn rustc() -> Option<(String, String)> {
    let said = Run::new("rustc").args(["--version"]).quiet().ok()?;
    let version = said.strip_prefix("rustc ")?.split_whitespace().next()?;
    Some(("rustc".to_owned(), version.to_owned()))
}
