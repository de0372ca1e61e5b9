//! The commands in the documents, run as a reader would run them.

use std::{env, fs, net::TcpListener, os::unix, path::Path};

use tessera_tests::{
    artefacts::Artefacts,
    docs::{COMMANDS, Proof, json_examples},
    process::Server,
};
use tokio::process::Command;

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
    let mut servers = Vec::new();
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
                let status = Command::new("env")
                    .args([&path, "sh", "-euc", &command])
                    .current_dir(scratch.path())
                    .status()
                    .await
                    .unwrap();
                assert!(status.success(), "`{command}` ended with {status}");
            }
            Proof::Serves => {
                let script = format!("exec {command}");
                let args = [&path, "sh", "-euc", &script];
                let server = Server::start("documented", scratch.path(), Path::new("env"), args).await;
                servers.push(server.unwrap_or_else(|error| panic!("`{command}`: {error}")));
            }
        }
    }
    // What the guide says that its example becomes.
    let [said, made] = [json_examples(&moving)[0].clone(), read(&scratch.path().join("tessera.json"))]
        .map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    assert_eq!(said, made);
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
