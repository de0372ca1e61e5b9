//! Implementations that are not ours judge tokens, metadata and keys: `jose` and `oauth4webapi` (npm), `PyJWT` and
//! Authlib (PyPI). And they mint tokens, which ours judge.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tessera_tests::{
    artefacts::Artefacts,
    conformance::{CaseFile, cases_folder},
    scene::{BILLING, Issuer, ORDERS, PAYROLL, READ, REPORTS, Scene, WRITE},
    token::Token,
};

use crate::{
    conformance::{assert_agreement, hosts},
    stage,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("judges")
}

/// Puts a question to tests/judges/judge.mjs, which says what there is to ask.
fn ask(question: &Value) -> Value {
    let packages = folder().join("node_modules");
    assert!(packages.is_dir(), "{} is missing; `cargo xtask test` installs it", packages.display());
    put(Command::new("node").arg(folder().join("judge.mjs")), question)
}

/// Puts a question to tests/judges/judge.py, which says what there is to ask.
fn ask_python(question: &Value) -> Value {
    let python = Artefacts::named_by(Artefacts::PYTHON).unwrap();
    put(Command::new(python).arg(folder().join("judge.py")), question)
}

fn put(judge: &mut Command, question: &Value) -> Value {
    let mut judge = judge
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js and Python, which `cargo xtask test` installs or asks for");
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
    scene.issuer.cli().run(&["keys", "rotate", "--now", "--yes"]).await.unwrap();
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

/// The time at which the minted tokens are judged.
const NOW: u64 = 1_790_000_000;
const MINT: &str = "https://mint.example";

/// A case for a minted token: the policy knows its key, and nothing else is in its way.
fn minted_case(id: &str, token: &str, jwk: &Value, expect: &Value) -> String {
    let case = json!({
        "id": id,
        "about": "a token that others minted",
        "policy": {
            "issuers": [{ "issuer": MINT, "jwks_uri": format!("{MINT}/jwks") }],
            "audiences": [ORDERS],
            "routes": [{ "scopes": [READ] }],
        },
        "jwks": { MINT: { "keys": [jwk] } },
        "request": { "method": "GET", "url": "https://orders.example/", "headers": [["authorization", format!("Bearer {token}")]] },
        "now": NOW,
        "expect": expect,
    });
    format!("{case}\n")
}

#[test]
fn tokens_of_other_minters_pass_and_pass_no_longer_when_tampered_with() {
    let question = json!({ "ask": "mint", "claims": {
        "iss": MINT, "sub": BILLING, "client_id": BILLING, "aud": ORDERS, "scope": READ, "jti": "1", "iat": NOW, "exp": NOW + 300,
    } });
    let minted = [ask(&question), ask_python(&question)];
    let minted: Vec<&Value> = minted.iter().flat_map(|minted| minted.as_array().unwrap()).collect();
    for (minter, algorithms) in [("jose", 10), ("PyJWT", 9), ("Authlib", 9)] {
        let by = minted.iter().filter(|minted| minted["minter"] == minter);
        assert_eq!(by.count(), algorithms, "{minter}");
    }
    let allowed = json!({ "verdict": "allow", "grant": {
        "identity": { "issuer": MINT, "subject": BILLING, "client": BILLING, "scopes": [READ], "expiry": NOW + 300 },
        "remove": ["authorization", "tessera-dry-run"],
    } });
    let refused = json!({
        "verdict": "deny", "error": "signature-wrong", "status": 401, "challenge": r#"Bearer error="invalid_token""#,
    });
    let mut cases = String::new();
    for minted in minted {
        let (token, jwk) = (minted["token"].as_str().unwrap(), &minted["jwk"]);
        let id = format!("{}-{}", minted["minter"].as_str().unwrap(), minted["alg"].as_str().unwrap());
        let genuine = Token::parse(token).unwrap();
        let other_claims = genuine.with_scope(&format!("{READ} {WRITE}"));
        let other_signature = genuine.with_other_signature();
        cases += &minted_case(&id, token, jwk, &allowed);
        cases += &minted_case(&format!("{id}-other-claims"), other_claims.as_str(), jwk, &refused);
        cases += &minted_case(&format!("{id}-other-signature"), other_signature.as_str(), jwk, &refused);
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("minted.jsonl");
    fs::write(&file, cases).unwrap();
    assert_agreement(&hosts(), &[CaseFile::read(&file).unwrap()]);
}

#[test]
fn judges_find_the_corpus_allows_good_signatures_only() {
    let files = CaseFile::read_all(&cases_folder()).unwrap();
    let paths: Vec<_> = files.iter().map(|file| file.path().to_str().unwrap()).collect();
    let answer = ask_python(&json!({ "ask": "controls", "cases": paths }));
    assert!(answer["judged"].as_u64() > Some(200), "{answer}");
    let exceptions = fs::read_to_string(cases_folder().with_file_name("exceptions.json")).unwrap();
    let exceptions: Value = serde_json::from_str(&exceptions).unwrap();
    let ids = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&answer["refused"]), ids(&exceptions["exceptions"]), "{answer}");
}
