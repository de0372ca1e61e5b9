//! A real Envoy as a process, and the pieces of its configuration.

pub mod bootstrap;
pub mod clock;
pub mod corpus;
pub mod listeners;

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::Instant,
};
use url::Url;

use crate::http::get;

/// Envoy starts in about a second; compiling the filter takes V8 another on a busy machine.
const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How an Envoy is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many workers answer requests. There is one virtual machine more: the main thread's.
    pub workers: u32,
    /// Further environment variables.
    pub environment: Vec<(String, OsString)>,
    /// Further arguments of the command line.
    pub arguments: Vec<OsString>,
}

/// A running Envoy. Dropping it ends the process.
#[derive(Debug)]
pub struct Envoy {
    process: Child,
    admin: Url,
    log: PathBuf,
    folder: TempDir,
}

/// Why an Envoy does not run.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// The system refused.
    #[error("Envoy could not be run")]
    Run(#[from] io::Error),
    /// It ended before it was ready, as it does with a configuration that it refuses.
    #[error("Envoy ended with {status}:\n{log}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        log: String,
    },
    /// It got neither ready nor ended.
    #[error("Envoy was not ready within {} s:\n{log}", READY_WITHIN.as_secs())]
    Stuck {
        /// What it said.
        log: String,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 1, environment: Vec::new(), arguments: Vec::new() }
    }
}

impl Envoy {
    /// Starts it and waits until it is ready. `bootstrap` is its configuration (see [`bootstrap`]).
    pub async fn start(program: &Path, bootstrap: &Value, options: &Options) -> Result<Self, EnvoyError> {
        let folder = tempfile::Builder::new().prefix("tessera-envoy-").tempdir()?;
        let (admin_file, log) = (folder.path().join("admin"), folder.path().join("envoy.log"));
        let config = write(folder.path(), bootstrap)?;
        let mut process = command(program, &config)
            .args(["--concurrency", &options.workers.to_string()])
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(&options.arguments)
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .stderr(File::create(&log)?)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let deadline = Instant::now() + READY_WITHIN;
        let admin = loop {
            if let Some(admin) = ready(&admin_file).await {
                break admin;
            }
            if let Some(status) = process.try_wait()? {
                return Err(EnvoyError::Ended { status, log: said() });
            }
            if Instant::now() > deadline {
                return Err(EnvoyError::Stuck { log: said() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        Ok(Self { process, admin, log, folder })
    }

    /// Says what it thinks of a configuration, plug-ins' own included: nothing, if that is good, else its log.
    pub async fn validate(program: &Path, bootstrap: &Value) -> Result<(), EnvoyError> {
        let folder = tempfile::Builder::new().prefix("tessera-envoy-").tempdir()?;
        let config = write(folder.path(), bootstrap)?;
        let output = command(program, &config).args(["--mode", "validate"]).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(EnvoyError::Ended { status: output.status, log })
    }

    /// The process, for looking at what it takes.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its administration interface.
    #[must_use]
    pub fn admin(&self) -> &Url {
        &self.admin
    }

    /// A folder that goes with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where a listener is that took a free port of the loopback address; none if there is no such listener.
    pub async fn listener(&self, name: &str) -> Option<Url> {
        let listeners = self.ask("/listeners?format=json").await?;
        let listeners: Value = serde_json::from_str(&listeners).ok()?;
        let mut listeners = listeners.get("listener_statuses")?.as_array()?.iter();
        let listener =
            listeners.find(|listener| listener.get("name").and_then(Value::as_str) == Some(name))?;
        let port = listener.pointer("/local_address/socket_address/port_value")?.as_u64()?;
        Url::parse(&format!("http://127.0.0.1:{port}/")).ok()
    }

    /// What a statistic stands at; none if there is none of this name (yet).
    pub async fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.ask("/stats").await?;
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        line.parse().ok()
    }

    /// The body of an answer of its administration interface.
    pub async fn ask(&self, path: &str) -> Option<String> {
        let answer = get(self.admin.join(path).ok()?).send().await.ok()?;
        (answer.status == 200).then_some(answer.body)
    }
}

fn command(program: &Path, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config-path").arg(config);
    command.args(["--disable-hot-restart", "--log-level", "warning", "--component-log-level", "wasm:info"]);
    // Access logs that are read while Envoy runs are not to be waited for.
    command.args(["--file-flush-interval-msec", "50"]);
    command
}

fn write(folder: &Path, bootstrap: &Value) -> io::Result<PathBuf> {
    let path = folder.join("envoy.json");
    fs::write(&path, bootstrap.to_string())?;
    Ok(path)
}

/// Its administration interface, once it says that it is ready.
async fn ready(admin_file: &Path) -> Option<Url> {
    let address = fs::read_to_string(admin_file).ok().filter(|address| !address.is_empty())?;
    let admin = Url::parse(&format!("http://{address}/")).ok()?;
    let answer = get(admin.join("/ready").ok()?).send().await.ok()?;
    (answer.status == 200).then_some(admin)
}
