//! The figures of a run, with the machine and the versions that they belong to.

use std::{collections::BTreeMap, fs, thread};

use serde_json::{Value, json};

use crate::{command::Run, context::Context, failure::Failure};

/// A bench file: `{"bench", "machine", "versions", "rows"}`.
pub(super) struct Figures {
    pub(super) json: Value,
}

/// One row of it.
pub(super) struct Row<'f> {
    pub(super) name: &'f str,
    pub(super) unit: &'f str,
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) ratio: Option<f64>,
}

/// The crates whose versions belong to the figures.
const CRATES: [&str; 6] = ["aws-lc-rs", "curve25519-dalek", "jsonwebtoken", "p256", "p384", "wasmtime"];

impl Figures {
    /// Completes what the measuring program printed.
    pub(super) fn new(cx: &Context, mut json: Value) -> Result<Self, Failure> {
        let versions = versions(cx)?;
        if let Some(members) = json.as_object_mut() {
            members.insert("machine".into(), machine().into());
            members.insert("versions".into(), json!(versions));
        }
        Ok(Self { json })
    }

    pub(super) fn machine(&self) -> &str {
        self.json.get("machine").and_then(Value::as_str).unwrap_or_default()
    }

    /// Names and versions.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&str, &str)> {
        let versions = self.json.get("versions").and_then(Value::as_object).into_iter().flatten();
        versions.filter_map(|(name, version)| Some((name.as_str(), version.as_str()?)))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.json.get("rows").and_then(Value::as_array).into_iter().flatten().filter_map(Row::read)
    }

    pub(super) fn row(&self, name: &str) -> Option<Row<'_>> {
        self.rows().find(|row| row.name == name)
    }
}

impl<'f> Row<'f> {
    fn read(row: &'f Value) -> Option<Self> {
        let number = |name| row.get(name)?.as_f64();
        Some(Self {
            name: row.get("name")?.as_str()?,
            unit: row.get("unit")?.as_str()?,
            median: number("median")?,
            min: number("min")?,
            max: number("max")?,
            ratio: number("ratio"),
        })
    }
}

/// The processor, how many of them, and what runs on them.
fn machine() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let model = model.map_or("a processor without a name", |(_, name)| name.trim());
    format!("{cpus} × {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn versions(cx: &Context) -> Result<BTreeMap<String, String>, Failure> {
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
            && CRATES.contains(&name)
        {
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    let judges = cx.root.join("tests").join("judges");
    let npm = fs::read_to_string(judges.join("package.json")).unwrap_or_default();
    let npm: Value = serde_json::from_str(&npm).unwrap_or_default();
    if let Some(version) = npm.pointer("/dependencies/jose").and_then(Value::as_str) {
        versions.insert("jose".to_owned(), version.to_owned());
    }
    let pypi = fs::read_to_string(judges.join("requirements.txt")).unwrap_or_default();
    if let Some(version) = pypi.lines().find_map(|line| line.strip_prefix("PyJWT==")) {
        versions.insert("PyJWT".to_owned(), version.to_owned());
    }
    for (name, program, prefix) in [("Node.js", "node", "v"), ("rustc", "rustc", "rustc ")] {
        if let Ok(said) = Run::new(program).args(["--version"]).quiet() {
            let version =
                said.trim().strip_prefix(prefix).unwrap_or(&said).split(' ').next().unwrap_or_default();
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    Ok(versions)
}
