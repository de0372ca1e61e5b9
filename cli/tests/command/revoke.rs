use std::io::Write as _;
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::exit::assert_failed;
use crate::stage::{Stage, code, stderr};

const FORM: &str = "audience=orders";

fn set_up(stage: &Stage, status: &[&str]) -> String {
    stage.json(&[&["client", "add", "orders", "--scope", "orders:read"], status].concat());
    let shop = stage.json(&["client", "add", "shop", "--secret"]);
    stage.json(&["grant", "add", "shop", "orders", "--scope", "orders:read"]);
    shop["secret"].as_str().unwrap().to_owned()
}

/// `tessera revoke token -`, with this on stdin.
fn revoke(stage: &Stage, stdin: &str) -> Output {
    let mut command = stage.command(&["revoke", "token", "-", "--json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn answer(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn the_answer_says_how_many_tokens_it_concerns_and_from_when_on() {
    let stage = Stage::new(&[]);
    stage.edit_config("listen =", "status = { ttl = 20 }\nlisten =");
    let secret = set_up(&stage, &["--status"]);
    let server = stage.serve();
    let (_, issued) = server.token("shop", &secret, FORM).await;
    let token = issued["access_token"].as_str().unwrap();
    let name = claims(token)["jti"].clone();
    let keys = stage.json(&["keys", "list"]);
    let active = keys.as_array().unwrap().iter().find(|key| key["state"] == "active");
    let kid = active.unwrap()["kid"].clone();
    let told = |kind: &str, name: &Value, audience: Option<&str>, most: u64| json!({ "kind": kind, "name": name, "audience": audience, "most_with_status": most, "refused_within": 25 });
    assert_eq!(answer(&revoke(&stage, &format!("{token}\n"))), told("token", &name, None, 1));
    let by_name = stage.json(&["revoke", "token", name.as_str().unwrap()]);
    assert_eq!(by_name, told("token", &name, None, 1));
    // One token of a block of four was issued.
    assert_eq!(stage.json(&["revoke", "client", "shop"]), told("client", &json!("shop"), None, 4));
    assert_eq!(
        stage.json(&["revoke", "grant", "shop", "orders"]),
        told("grant", &json!("shop"), Some("orders"), 4)
    );
    assert_eq!(stage.json(&["revoke", "key", kid.as_str().unwrap()]), told("key", &kid, None, 4));
    assert_eq!(stage.json(&["revoke", "client", "orders"]), told("client", &json!("orders"), None, 0));
    assert!(server.stop().success());
}

#[tokio::test]
async fn of_tokens_without_a_status_it_says_that_verifiers_take_them() {
    let stage = Stage::new(&[]);
    let secret = set_up(&stage, &[]);
    let server = stage.serve();
    let (_, issued) = server.token("shop", &secret, FORM).await;
    let name = claims(issued["access_token"].as_str().unwrap())["jti"].as_str().unwrap().to_owned();
    let output = stage.run(&["revoke", "token", &name]);
    let expected = format!(
        "the token {name} is revoked\n\
         it has no status, so that verifiers take it until it expires; introspection refuses it\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(server.stop().success());
}

#[test]
fn what_is_not_there_is_not_revoked() {
    let stage = Stage::new(&[]);
    set_up(&stage, &[]);
    let run = |arguments: &[&str]| stage.run(&[&["revoke"], arguments].concat());
    assert_failed(&run(&["client", "shpo"]), 1, "there is no client `shpo`; did you mean `shop`?");
    assert_failed(&run(&["grant", "shop", "ordres"]), 1, "`shop` has no grant for `ordres`");
    assert_failed(&run(&["key", "k"]), 1, "there is no signing key `k`");
    let list = URL_SAFE_NO_PAD.encode([1; 21]);
    assert_failed(&run(&["token", &list]), 1, "no token AQEB");
    // Every 64th name begins as an option does.
    let list = URL_SAFE_NO_PAD.encode([0xf8; 21]);
    assert_failed(&run(&["token", &list]), 1, "no token -Pj4");
    assert_failed(&run(&["key", "-k"]), 1, "there is no signing key `-k`");
    for garbage in ["", "a.b.c", &format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"jti":"x","exp":1}"#))] {
        assert_failed(&revoke(&stage, garbage), 1, "standard input holds no access token of this server");
    }
    let usage = run(&["token", "x"]);
    assert_eq!(code(&usage), 2, "{}", stderr(&usage));
    let id = URL_SAFE_NO_PAD.encode([1; 16]);
    let expired = URL_SAFE_NO_PAD.encode(json!({ "jti": id, "exp": 1_000_000 }).to_string());
    let answer = answer(&revoke(&stage, &format!("e30.{expired}.x")));
    assert_eq!(answer, json!({ "token": id, "expired_at": 1_000_000 }));
}
