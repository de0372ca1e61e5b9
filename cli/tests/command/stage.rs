//! An issuer in a temporary folder.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

/// A running `tessera serve`, killed if the test forgets it.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

pub(crate) fn tessera() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.env_remove("TESSERA_CONFIG").env_remove("TESSERA_LOG").env("USER", "tester");
    command
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

impl Stage {
    /// `tessera init` with a free port.
    pub(crate) fn new(extra: &[&str]) -> Self {
        let stage = Self::empty();
        let made = stage.init(extra).output().unwrap();
        assert_eq!(code(&made), 0, "{}", stderr(&made));
        stage
    }

    /// A folder without an issuer.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// `tessera init` with a free port.
    pub(crate) fn init(&self, extra: &[&str]) -> Command {
        let mut command = tessera();
        command.arg("init").arg(self.path("")).args(["--listen", "127.0.0.1:0"]).args(extra);
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("issuer").join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tessera();
        command.arg("--config").arg(self.path("tessera.toml")).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and gives its answer in JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn edit_config(&self, from: &str, to: &str) {
        let path = self.path("tessera.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// With these variables in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let log = std::fs::File::create(self.log()).unwrap();
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).trim().to_owned();
        Server { child, url }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("log")
    }
}

impl Server {
    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    pub(crate) async fn token(&self, client: &str, secret: &str, form: &str) -> (u16, Value) {
        let answer = reqwest::Client::new()
            .post(format!("{}/v1/token", self.url))
            .basic_auth(client, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=client_credentials&{form}"))
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Asks for a token until the answer has `status`: how a change becomes visible.
    pub(crate) async fn token_until(&self, status: u16, client: &str, secret: &str, form: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..200 {
            let (found, answer) = self.token(client, secret, form).await;
            if found == status {
                return answer;
            }
            last = answer;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never {status}, at last {last}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
