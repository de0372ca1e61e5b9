//! `tessera verify --cases`: the component and the library, asked the same, say the same.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tessera_tests::artefacts::Artefacts;

fn verify(arguments: &[&str], stdin: &str) -> Output {
    let artefacts = Artefacts::find().unwrap();
    let mut child = Command::new(artefacts.tessera())
        .arg("verify")
        .args(arguments)
        .env_remove("TESSERA_COMPONENT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Cases of every verdict: nothing here is signed, and none of it needs to be.
fn cases() -> String {
    let policy = json!({
        "issuers": [{ "issuer": "https://issuer.example", "discovery": true }],
        "audiences": ["orders"],
        "routes": [
            { "path": { "exact": "/healthz" }, "public": true },
            { "path": { "exact": "/tried" }, "dry_run": true },
            { "scopes": ["orders:read"] },
        ],
        "resource": { "identifier": "https://orders.example" },
        "upstream": { "claims": [{ "claim": "sub", "header": "x-subject" }] },
    });
    let case = |id: &str, policy: &Value, method: &str, url: &str, headers: Value| {
        json!({ "id": id, "policy": policy, "request": { "method": method, "url": url, "headers": headers },
                "jwks": {}, "now": 1_790_000_000 })
    };
    let bearer = |token: &str| json!([["Authorization", format!("Bearer {token}")]]);
    // Header and claims of a token whose keys are not to be had.
    let keyless = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.AA";
    [
        case("public", &policy, "GET", "/healthz", json!([["X_Subject", "root"]])),
        case("dry run", &policy, "GET", "https://orders.example/tried", json!([])),
        case("missing", &policy, "GET", "/orders", json!([["x-odd", "a\r\nb"]])),
        case("no token", &policy, "GET", "/orders", bearer("a.b")),
        case("no keys", &policy, "GET", "/orders", bearer(keyless)),
        case(
            "two",
            &policy,
            "GET",
            "/orders",
            json!([["authorization", "Bearer a"], ["AUTHORIZATION", "Bearer b"]]),
        ),
        case("target", &policy, "GET", "/a/../b", json!([])),
        case("metadata", &policy, "GET", "/.well-known/oauth-protected-resource", json!([])),
        case("invalid", &json!({ "issuer": [] }), "GET", "/", json!([])),
        case("no policy", &json!("["), "GET", "/", json!([])),
    ]
    .map(|case| case.to_string() + "\n")
    .concat()
}

#[test]
fn the_component_and_the_library_give_the_same_verdicts() {
    let cases = cases();
    let component = lines(&verify(&["--cases", "-"], &cases));
    let verdicts: Vec<_> = component
        .iter()
        .map(|it| [&it["verdict"], &it["error"]].map(|text| text.as_str().unwrap_or_default()))
        .collect();
    let expected = [
        ["allow", ""],
        ["allow", ""],
        ["deny", "token-missing"],
        ["deny", "token-not-compact"],
        ["deny", "keys-unavailable"],
        ["deny", "credentials-repeated"],
        ["deny", "target-refused"],
        ["answer", ""],
        ["invalid", ""],
        ["invalid", ""],
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(component[1]["grant"]["refusal"], "token-missing");
    assert!(
        component[0]["grant"]["remove"].as_array().unwrap().contains(&json!("x-subject")),
        "{}",
        component[0]
    );
    for backend in ["portable", "aws-lc"] {
        assert_eq!(
            lines(&verify(&["--cases", "-", "--native", "--backend", backend], &cases)),
            component,
            "{backend}"
        );
    }
    let artefacts = Artefacts::find().unwrap();
    let named = artefacts.component().to_str().unwrap();
    assert_eq!(lines(&verify(&["--cases", "-", "--component", named], &cases)), component);
}

#[test]
fn what_is_no_component_is_said_to_be_none() {
    let output = verify(&["--cases", "-", "--component", "Cargo.toml"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: Cargo.toml cannot be run: "), "{said}");
}
