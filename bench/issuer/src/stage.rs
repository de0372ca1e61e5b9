//! An issuer as `tessera` makes it, with a database of the size that is wanted, and the servers of a run.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tessera_tests::process::Server;

use crate::{
    error::{BenchError, refused},
    load::Target,
    material::{Key, PLATFORM, Population, SCOPE, subject},
    seed::{self, TEMPLATE},
    softhsm::Token,
    tls,
};

/// The name that every issuer here signs as.
pub(crate) const ISSUER: &str = "https://id.example";

/// How secrets begin, by which one is found in what `tessera` says.
const SECRET_PREFIX: &str = "tessera_";

/// The programs, and where they run.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The issuer, as it is shipped.
    pub(crate) tessera: PathBuf,
    /// The folder of the judges, which has the peer among its packages.
    pub(crate) judges: PathBuf,
    /// SoftHSM's PKCS #11 module.
    pub(crate) softhsm: PathBuf,
    /// The processor that servers have to themselves.
    pub(crate) cpu: Option<usize>,
}

/// An issuer on disk.
pub(crate) struct Stage {
    programs: Programs,
    folder: TempDir,
    algorithm: &'static str,
    /// Where its keys are, if they are in a token.
    token: Option<Token>,
    /// The secret of every client.
    pub(crate) secret: String,
}

/// A server that runs, and its process.
pub(crate) struct Running {
    _server: Server,
    pub(crate) process: u32,
    pub(crate) target: Target,
    /// What it signs with.
    pub(crate) algorithm: &'static str,
}

impl Stage {
    /// Makes an issuer that signs with `algorithm`, its clients with a secret each, and with what else is given.
    pub(crate) async fn make(
        programs: &Programs,
        algorithm: &'static str,
        population: Population,
        own_key: Option<&Key>,
        platform: Option<&Key>,
    ) -> Result<Self, BenchError> {
        let stage = Self::empty(programs, algorithm)?;
        stage.fill(population, own_key, platform).await
    }

    /// The same with keys in a token of SoftHSM, and for clients with a secret alone.
    pub(crate) async fn make_in_token(
        programs: &Programs,
        algorithm: &'static str,
        population: Population,
    ) -> Result<Self, BenchError> {
        let mut stage = Self::empty(programs, algorithm)?;
        stage.token = Some(Token::make(&programs.softhsm, stage.folder.path())?);
        stage.fill(population, None, None).await
    }

    fn empty(programs: &Programs, algorithm: &'static str) -> Result<Self, BenchError> {
        let (programs, folder, secret) = (programs.clone(), folder()?, String::new());
        Ok(Self { programs, folder, algorithm, token: None, secret })
    }

    async fn fill(
        self,
        population: Population,
        own_key: Option<&Key>,
        platform: Option<&Key>,
    ) -> Result<Self, BenchError> {
        let mut stage = self;
        let at = stage.path("issuer").into_os_string().into_string().unwrap_or_default();
        let common =
            ["init", &at, "--listen", "127.0.0.1:0", "--issuer", ISSUER, "--algorithm", stage.algorithm];
        let in_token = stage.token.as_ref().map(Token::arguments);
        let in_token = in_token.iter().flatten().map(String::as_str);
        stage.tessera(&common.into_iter().chain(in_token).collect::<Vec<_>>())?;
        let said = stage.configured(&["client", "add", TEMPLATE, "--scope", SCOPE, "--secret"])?;
        stage.secret = secret_in(&said).ok_or(BenchError::Said { command: "client add".to_owned(), said })?;
        if let Some(key) = own_key {
            let jwks = stage.jwks("own.json", key)?;
            stage.configured(&["credential", "add-keys", TEMPLATE, "--jwks", &jwks])?;
        }
        if let Some(key) = platform {
            let jwks = stage.jwks("platform.json", key)?;
            let subject = subject(TEMPLATE);
            stage.configured(&[
                "credential",
                "add-workload",
                TEMPLATE,
                "--issuer",
                PLATFORM,
                "--jwks",
                &jwks,
                "--subject",
                &subject,
            ])?;
        }
        stage.configured(&["grant", "add", TEMPLATE, TEMPLATE, "--scope", SCOPE])?;
        seed::fill(&stage.path("issuer/tessera.db"), population).await?;
        Ok(stage)
    }

    /// Lets every audience ask for a status, from the next start on.
    pub(crate) async fn give_status(&self) -> Result<(), BenchError> {
        seed::give_status(&self.path("issuer/tessera.db")).await
    }

    /// Adds a TLS listener, which is there from the next start on.
    pub(crate) fn listen_on_tls(&self) -> Result<Target, BenchError> {
        tls::add_listener(self.folder.path(), &self.config())
    }

    /// Starts the issuer. Its log, with a record of every decision, goes to a file.
    pub(crate) async fn serve(&self) -> Result<Running, BenchError> {
        let arguments = ["--config".into(), self.config().into_os_string(), "serve".into()];
        let tessera = &self.programs.tessera;
        let Some(token) = &self.token else {
            return run("tessera", self.folder.path(), &self.programs, tessera, arguments, self.algorithm)
                .await;
        };
        // env(1) becomes what it runs, too.
        let variables = token.environment().map(|(name, value)| {
            let mut variable = OsString::from(format!("{name}="));
            variable.push(value);
            variable
        });
        let arguments = variables.into_iter().chain([tessera.into()]).chain(arguments);
        run("tessera", self.folder.path(), &self.programs, Path::new("env"), arguments, self.algorithm).await
    }

    /// Runs a command on this issuer; returns its answer, in JSON.
    fn configured(&self, arguments: &[&str]) -> Result<String, BenchError> {
        let config = self.config().into_os_string().into_string().unwrap_or_default();
        self.tessera(&[&["--config", &config, "--json"], arguments].concat())
    }

    fn tessera(&self, arguments: &[&str]) -> Result<String, BenchError> {
        let output = Command::new(&self.programs.tessera)
            .args(arguments)
            .envs(self.token.iter().flat_map(Token::environment))
            .stdin(Stdio::null())
            .output()
            .map_err(refused(format!("run {}", self.programs.tessera.display())))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(BenchError::Command { command: arguments.join(" "), said })
        }
    }

    fn jwks(&self, name: &str, key: &Key) -> Result<String, BenchError> {
        let path = self.path(name);
        fs::write(&path, key.jwks().to_string()).map_err(refused(format!("write {}", path.display())))?;
        Ok(path.into_os_string().into_string().unwrap_or_default())
    }

    fn config(&self) -> PathBuf {
        self.path("issuer/tessera.toml")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Starts the peer with these clients. It ends with what is returned.
pub(crate) async fn peer(
    programs: &Programs,
    folder: &Path,
    algorithm: &'static str,
    clients: Vec<Value>,
) -> Result<Running, BenchError> {
    let configuration = serde_json::json!({
        "judges": programs.judges,
        "algorithm": algorithm,
        "clients": clients,
    });
    let path = folder.join("peer.json");
    fs::write(&path, configuration.to_string()).map_err(refused(format!("write {}", path.display())))?;
    let script = folder.join("oidc-provider.mjs");
    fs::write(&script, include_str!("../oidc-provider.mjs")).map_err(refused("write the peer's script"))?;
    let arguments = [script.into_os_string(), path.into_os_string()];
    run("oidc-provider", folder, programs, Path::new("node"), arguments, algorithm).await
}

/// A folder that is gone when it is dropped.
pub(crate) fn folder() -> Result<TempDir, BenchError> {
    tempfile::tempdir().map_err(refused("create a folder"))
}

/// Starts a server on the processor that is meant for servers.
async fn run(
    name: &'static str,
    folder: &Path,
    programs: &Programs,
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
    algorithm: &'static str,
) -> Result<Running, BenchError> {
    let server = match programs.cpu {
        // taskset(1) becomes what it runs, so the process is the server's.
        Some(cpu) => {
            let pinned = ["--cpu-list".into(), cpu.to_string().into(), program.as_os_str().to_owned()];
            Server::start(name, folder, Path::new("taskset"), pinned.into_iter().chain(arguments)).await?
        }
        None => Server::start(name, folder, program, arguments).await?,
    };
    let gone = || BenchError::Said { command: name.to_owned(), said: server.url().to_string() };
    let addresses = server.url().socket_addrs(|| None).map_err(refused("resolve a loopback address"))?;
    let address = *addresses.first().ok_or_else(gone)?;
    let process = server.id().ok_or_else(gone)?;
    Ok(Running { _server: server, process, target: Target { address, tls: None }, algorithm })
}

/// The first text in an answer that looks like a secret.
fn secret_in(answer: &str) -> Option<String> {
    answer.split('"').find(|text| text.starts_with(SECRET_PREFIX)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_is_said() {
        let answer = r#"{"client":"template","credential":{"secret":"tessera_abc"}}"#;
        assert_eq!(secret_in(answer).as_deref(), Some("tessera_abc"));
        assert_eq!(secret_in(r#"{"client":"template"}"#), None);
    }
}
