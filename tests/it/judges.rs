//! Implementations that are not ours judge tokens, metadata and keys: `jose` and `oauth4webapi` (npm).

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    scene::{BILLING, Issuer, ORDERS, PAYROLL, READ, REPORTS, Scene, WRITE},
};

use crate::stage;

/// Puts a question to tests/judges/judge.mjs, which says what there is to ask.
fn ask(question: &Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges");
    let packages = folder.join("node_modules");
    assert!(packages.is_dir(), "{} is missing; `cargo xtask test` installs it", packages.display());
    let mut judge = Command::new("node")
        .arg(folder.join("judge.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js, which `cargo xtask test` installs or asks for");
    judge.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "the judge broke down; its words are above");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asks without keeping the servers' runtime from running.
async fn asked(question: Value) -> Value {
    tokio::task::spawn_blocking(move || ask(&question)).await.unwrap()
}

async fn verdicts(issuer: &str, audience: &str, token: &str) -> Value {
    asked(json!({ "ask": "token", "issuer": issuer, "audience": audience, "token": token })).await
}

/// Asserts that both judges refuse with these codes.
fn assert_refused(answer: &Value, oauth4webapi: &str, jose: &str) {
    for (verdict, (judge, code)) in
        answer["verdicts"].as_array().unwrap().iter().zip([("oauth4webapi", oauth4webapi), ("jose", jose)])
    {
        assert_eq!(verdict["judge"], judge);
        assert_eq!((&verdict["accepted"], &verdict["code"]), (&json!(false), &json!(code)), "{verdict:#}");
    }
}

/// Asserts that both judges accept, and returns the claims they read.
fn assert_accepted(answer: &Value) -> Value {
    let verdicts = answer["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 2);
    for verdict in verdicts {
        assert_eq!(verdict["accepted"], true, "{verdict:#}");
    }
    verdicts[0]["claims"].clone()
}

#[tokio::test]
async fn judges_accept_a_real_token() {
    let scene = Scene::set(&stage()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let issuer = scene.issuer.identifier();
    let claims = assert_accepted(&verdicts(&issuer, ORDERS, token.as_str()).await);
    assert_eq!(claims["iss"], json!(issuer));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(BILLING), &json!(BILLING)));
    assert_eq!(claims["scope"], READ);
}

#[tokio::test]
async fn judges_refuse_what_the_proxy_refuses() {
    let scene = Scene::set(&stage()).await.unwrap();
    let token = scene.access_token(ORDERS, READ).await.unwrap();
    let issuer = scene.issuer.identifier();
    let forged = token.with_scope(WRITE);
    let answer = verdicts(&issuer, ORDERS, forged.as_str()).await;
    assert_refused(&answer, "OAUTH_INVALID_RESPONSE", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    let answer = verdicts(&issuer, "ledger", token.as_str()).await;
    assert_refused(&answer, "OAUTH_JWT_CLAIM_COMPARISON_FAILED", "ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[tokio::test]
async fn judges_follow_a_key_rotation() {
    let scene = Scene::set(&stage()).await.unwrap();
    let issuer = scene.issuer.identifier();
    let old = scene.access_token(ORDERS, READ).await.unwrap();
    scene.issuer.cli().run(&["key", "rotate"]).await.unwrap();
    assert_accepted(&verdicts(&issuer, ORDERS, old.as_str()).await);
}

#[tokio::test]
async fn judges_accept_rs256() {
    let folder = tempfile::tempdir().unwrap();
    let artefacts = Artefacts::find().unwrap();
    let options = ["--algorithm", "RS256"];
    let issuer = Issuer::start("rs256", folder.path(), artefacts.tessera(), &options).await.unwrap();
    issuer.cli().run(&["client", "add", ORDERS, "--scope", READ]).await.unwrap();
    let added = issuer.cli().run(&["client", "add", REPORTS, "--secret"]).await.unwrap();
    issuer.cli().run(&["grant", "add", REPORTS, ORDERS, "--scope", READ]).await.unwrap();
    let fields = [("grant_type", "client_credentials"), ("audience", ORDERS), ("scope", READ)];
    let secret = added["secret"].as_str().unwrap();
    let request = || issuer.token_request(&fields).basic(REPORTS, secret);
    let (_, token) = issuer.once_granted(request).await.unwrap();
    assert_eq!(token.header()["alg"], "RS256");
    assert_accepted(&verdicts(&issuer.identifier(), ORDERS, token.as_str()).await);
}

#[tokio::test]
async fn an_independent_client_gets_tokens_in_every_way() {
    let scene = Scene::set(&stage()).await.unwrap();
    let issuer = scene.issuer.identifier();
    let (_, identity) = scene.identity().await.unwrap();
    let with_secret = |method: &str| {
        json!({
            "ask": "client_credentials", "issuer": issuer, "audience": ORDERS, "scope": READ, "client": REPORTS,
            "secret": scene.reports_secret(), "method": method,
        })
    };
    let with_assertion = |audience: &str| {
        json!({
            "ask": "assertion", "issuer": issuer, "audience": audience, "scope": READ, "client": BILLING,
            "assertion": identity.as_str(),
        })
    };
    for question in [with_secret("basic"), with_secret("post"), with_assertion(ORDERS)] {
        let response = asked(question.clone()).await;
        assert_eq!(
            response["token_type"], "bearer",
            "{} {}: {response:#}",
            question["ask"], question["method"]
        );
        assert_accepted(&verdicts(&issuer, ORDERS, response["access_token"].as_str().unwrap()).await);
    }
    let refused = asked(with_assertion(PAYROLL)).await;
    assert_eq!(refused, json!({ "refused": "invalid_target", "status": 400 }));
}
