//! The TLS listener of `tessera serve`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exit::assert_failed;
use crate::stage::Stage;

const TABLE: &str = "\n[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn configure(stage: &Stage, table: &str) {
    let path = stage.path("tessera.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + table).unwrap();
}

/// A certificate for 127.0.0.1, whose root it is itself.
fn certify(stage: &Stage) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(stage.path("tls.crt"), pem("CERTIFICATE", made.cert.der())).unwrap();
    std::fs::write(stage.path("tls.key"), pem("PRIVATE KEY", made.signing_key.serialized_der())).unwrap();
    reqwest::Certificate::from_der(made.cert.der()).unwrap()
}

/// On two threads: the end of an HTTP/2 connection takes both sides, and this one waits for the process meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn both_listeners_are_announced_serve_and_end() {
    let stage = Stage::new(&[]);
    configure(&stage, TABLE);
    let root = certify(&stage);
    let mut child = stage.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let plain = line().strip_prefix("listening on ").unwrap().to_owned();
    let secure = line().strip_prefix("listening on ").unwrap().to_owned();
    assert!(plain.starts_with("http://127.0.0.1:") && secure.starts_with("https://127.0.0.1:"));

    let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let mut documents = Vec::new();
    for url in [&plain, &secure] {
        let answer = client.get(format!("{url}/.well-known/jwks.json")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        documents.push(answer.text().await.unwrap());
    }
    assert_eq!(documents[0], documents[1]);

    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(log.matches("stopped after 1 connections, 0 cut").count(), 2, "{log}");
}

#[test]
fn files_that_are_no_good_are_3() {
    let stage = Stage::new(&[]);
    configure(&stage, TABLE);
    assert_failed(&stage.run(&["serve"]), 3, "the TLS listener cannot be set up: cannot read ");
    certify(&stage);
    std::fs::write(stage.path("tls.key"), "no key").unwrap();
    assert_failed(&stage.run(&["serve"]), 3, "tls.key holds no private key in PEM");
    let stage = Stage::new(&[]);
    configure(&stage, "\n[[fetch.origin]]\nurl = \"https://kubernetes.default.svc\"\nca = \"ca.crt\"\n");
    assert_failed(
        &stage.run(&["serve"]),
        3,
        "the settings for https://kubernetes.default.svc cannot be used: ",
    );
}

#[test]
fn a_tls_address_that_cannot_be_had_is_5() {
    let stage = Stage::new(&[]);
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap().to_string();
    configure(&stage, &TABLE.replace("127.0.0.1:0", &busy));
    certify(&stage);
    assert_failed(&stage.run(&["serve"]), 5, "is already in use");
}
