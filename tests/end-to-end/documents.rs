//! The commands in the documents, run as a reader would run them.

use std::{env, fs, net::TcpListener, os::unix, path::Path, time::Duration};

use serde_json::Value;
use tessera_tests::{
    artefacts::Artefacts,
    cli::Cli,
    docs::{COMMANDS, Proof, json_examples},
    http::post_form,
    process::Server,
};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

/// The issuer promises that a change shows within a second; the rest is patience with a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn documented_commands_work() {
    let artefacts = Artefacts::find().unwrap();
    let dist = artefacts.tessera().parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(dist).chain(env::split_paths(&path))).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    unix::fs::symlink(artefacts.tessera().parent().unwrap(), scratch.path().join("dist")).unwrap();
    unix::fs::symlink(root().join("examples"), scratch.path().join("examples")).unwrap();
    let moving = document("docs/from-jwt-authn.md");
    fs::write(scratch.path().join("envoy.yaml"), yaml_example(&moving)).unwrap();
    fs::write(scratch.path().join("policy.json"), &json_examples(&document("docs/proxy.md"))[0]).unwrap();
    let (mut servers, mut variables) = (Vec::new(), Vec::new());
    let ports = free_ports();
    for documented in COMMANDS {
        let command = ports.iter().fold(documented.command.to_owned(), |command, (documented, free)| {
            command.replace(&format!(":{documented}"), &format!(":{free}"))
        });
        // `env` puts the artefacts first in PATH for servers, too.
        let path = format!("PATH={}", path.to_str().unwrap());
        match documented.proof {
            Proof::Ci | Proof::Middleware | Proof::Envoy => {}
            Proof::Runs => {
                let deadline = Instant::now() + SEEN_WITHIN;
                loop {
                    let mut run = Command::new("env");
                    run.args([&path, "sh", "-euc", &command]).envs(variables.iter().cloned());
                    let status = run.current_dir(scratch.path()).status().await.unwrap();
                    if status.success() {
                        break;
                    }
                    let may_pass_yet = command.starts_with("curl ") && Instant::now() < deadline;
                    assert!(may_pass_yet, "`{command}` ended with {status}");
                    sleep(Duration::from_millis(100)).await;
                }
            }
            Proof::Serves => {
                let script = format!("exec {command}");
                let args = [&path, "sh", "-euc", &script];
                let server = Server::start("documented", scratch.path(), Path::new("env"), args).await;
                let server = server.unwrap_or_else(|error| panic!("`{command}`: {error}"));
                if command.starts_with("tessera ") {
                    variables = issued(&artefacts, scratch.path(), &server).await;
                }
                servers.push(server);
            }
        }
    }
    // What the guide says that its example becomes.
    let [said, made] = [json_examples(&moving)[0].clone(), read(&scratch.path().join("tessera.json"))]
        .map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(said, made);
}

/// What a reader has by now: the secrets of `orders` and `billing`, and a token of the latter for the former.
async fn issued(artefacts: &Artefacts, folder: &Path, issuer: &Server) -> Vec<(&'static str, String)> {
    let cli = Cli::new(artefacts.tessera(), &folder.join("issuer/tessera.toml"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secret =
        async |client: &str| text(&cli.run(&["credential", "add-secret", client]).await.unwrap()["secret"]);
    let (orders, billing) = (secret("orders").await, secret("billing").await);
    let fields = [("grant_type", "client_credentials"), ("audience", "orders")];
    let url = issuer.url().join("/v1/token").unwrap();
    let deadline = Instant::now() + SEEN_WITHIN;
    let token = loop {
        let request = post_form(url.clone(), &fields).basic("billing", &billing);
        if let Some(token) = request.send().await.unwrap().member("access_token") {
            break token;
        }
        assert!(Instant::now() < deadline, "no token: {}", issuer.log());
        sleep(Duration::from_millis(100)).await;
    };
    fs::write(folder.join("token"), &token).unwrap();
    let keys = cli.run(&["keys", "list"]).await.unwrap();
    let active = keys.as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap();
    vec![("SECRET", orders), ("TOKEN", token), ("KID", text(&active["kid"]))]
}

#[test]
fn ci_runs_what_it_is_said_to_run() {
    let script = document(".ci/run");
    for documented in COMMANDS.iter().filter(|documented| documented.proof == Proof::Ci) {
        assert!(script.lines().any(|line| line.trim() == documented.command), "{}", documented.command);
    }
}

/// For each port in the documents one that is free: several tests may run on a machine.
fn free_ports() -> Vec<(u16, u16)> {
    let sockets = [7400, 7401].map(|port| (port, TcpListener::bind("127.0.0.1:0").unwrap()));
    sockets.iter().map(|(port, socket)| (*port, socket.local_addr().unwrap().port())).collect()
}

/// The first YAML example in a document.
fn yaml_example(document: &str) -> &str {
    let (_, rest) = document.split_once("```yaml\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

/// A file of the repository.
fn document(path: &str) -> String {
    read(&root().join(path))
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
