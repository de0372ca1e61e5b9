//! Who judges: programs in tests/judges, one job on stdin, one answer on stdout.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tessera_tests::artefacts::Artefacts;

/// Somebody else's implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Judge {
    Oauth4webapi,
    OpenidClient,
    Jose,
    Authlib,
    RequestsOauthlib,
    PyJwt,
}

/// All of them, in the order of the table.
pub(super) const JUDGES: [Judge; 6] = [
    Judge::Oauth4webapi,
    Judge::OpenidClient,
    Judge::Jose,
    Judge::Authlib,
    Judge::RequestsOauthlib,
    Judge::PyJwt,
];

impl Judge {
    /// Its package's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Oauth4webapi => "oauth4webapi",
            Self::OpenidClient => "openid-client",
            Self::Jose => "jose",
            Self::Authlib => "Authlib",
            Self::RequestsOauthlib => "requests-oauthlib",
            Self::PyJwt => "PyJWT",
        }
    }

    /// Has it ask for a token.
    pub(super) async fn ask(self, job: Value) -> Value {
        self.run("client", job).await
    }

    /// Has it ask about tokens, or trade them: several times in one run, since to start one takes longest.
    pub(super) async fn ask_about_tokens(self, jobs: Vec<Value>) -> Vec<Value> {
        match self.run("tokens", jobs.into()).await {
            Value::Array(answers) => answers,
            other => panic!("{other}"),
        }
    }

    async fn run(self, script: &str, job: Value) -> Value {
        match self {
            Self::Oauth4webapi | Self::OpenidClient | Self::Jose => node(&format!("{script}.mjs"), job).await,
            Self::Authlib | Self::RequestsOauthlib | Self::PyJwt => {
                python(&format!("{script}.py"), job).await
            }
        }
    }
}

/// Gives a job to a script in tests/judges/node.
pub(super) async fn node(script: &str, job: Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges");
    let packages = folder.join("node_modules");
    assert!(packages.is_dir(), "{} is missing; `cargo xtask test` installs it", packages.display());
    let mut command = Command::new("node");
    command.arg(folder.join("node").join(script));
    put(command, job).await
}

/// Gives a job to a script in tests/judges/python.
pub(super) async fn python(script: &str, job: Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges").join("python");
    let mut command = Command::new(Artefacts::named_by(Artefacts::PYTHON).unwrap());
    command.arg(folder.join(script));
    put(command, job).await
}

/// Without keeping the test's runtime from running: its servers answer meanwhile.
async fn put(mut command: Command, job: Value) -> Value {
    tokio::task::spawn_blocking(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Node.js and Python, which `cargo xtask test` installs or asks for");
        child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the judge broke down:\n{words}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}; {words}"))
    })
    .await
    .unwrap()
}
