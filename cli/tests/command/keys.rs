//! Signing keys at rest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::stage::{Stage, code, stderr};

const SEALED_BY_FILE: &str = "key_encryption_key = \"tessera.kek\"";

/// A client with a grant, and its secret.
fn set_up(stage: &Stage) -> String {
    stage.json(&["client", "add", "orders"]);
    let secret = stage.json(&["client", "add", "shop", "--secret"])["secret"].as_str().unwrap().to_owned();
    stage.json(&["grant", "add", "shop", "orders"]);
    secret
}

fn assert_closed(stage: &Stage, says: &str) {
    let output = stage.run(&["serve"]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains(says), "{}", stderr(&output));
}

#[tokio::test]
async fn resealing_moves_all_keys_at_once_and_servers_go_on() {
    let stage = Stage::new(&[]);
    let secret = set_up(&stage);
    let server = stage.serve();
    let kids: Vec<_> =
        stage.json(&["keys", "list"]).as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    let nothing = stage.json(&["keys", "reseal"]);
    assert_eq!((&nothing["resealed"], &nothing["sealed"]), (&json!([]), &json!(2)));
    let old = nothing["key_encryption_key"].as_str().unwrap().to_owned();

    let fresh = URL_SAFE_NO_PAD.encode([42; 32]);
    std::fs::write(stage.path("fresh"), format!("{fresh}\n")).unwrap();
    let by_command = format!("key_encryption_key = {{ command = [\"cat\", {:?}] }}", stage.path("fresh"));
    stage.edit_config(SEALED_BY_FILE, &by_command);
    assert_closed(&stage, &format!("it is sealed under the key-encryption key {old}, which is not"));
    let both = format!("{by_command}\nold_key_encryption_keys = [\"tessera.kek\"]");
    stage.edit_config(&by_command, &both);
    let moved = stage.json(&["keys", "reseal"]);
    assert_eq!((&moved["resealed"], &moved["sealed"]), (&json!(kids), &json!(2)));
    assert_ne!(moved["key_encryption_key"], json!(old));

    // It learns of the change, and signs with the key that it has opened.
    server.token_until(200, "shop", &secret, "audience=orders").await;
    assert!(server.stop().success());
    stage.edit_config(&both, "key_encryption_key = { env = \"TESSERA_TEST_KEK\" }");
    assert_closed(&stage, "environment variable TESSERA_TEST_KEK, which is not set");
    let started = stage.serve_with(&[("TESSERA_TEST_KEK", &fresh)]);
    started.token_until(200, "shop", &secret, "audience=orders").await;
    assert!(started.stop().success());

    stage.edit_config("key_encryption_key = { env = \"TESSERA_TEST_KEK\" }", SEALED_BY_FILE);
    let new = moved["key_encryption_key"].as_str().unwrap();
    assert_closed(&stage, &format!("it is sealed under the key-encryption key {new}, which is not"));
}

#[test]
fn a_key_encryption_key_that_is_none_is_named_and_not_shown() {
    let stage = Stage::new(&[]);
    stage.edit_config(SEALED_BY_FILE, "key_encryption_key = { command = [\"echo\", \"hunter2\"] }");
    let output = stage.run(&["serve"]);
    assert_eq!(code(&output), 4);
    let says = "error: the key-encryption key from `echo` is not 32 bytes in base64url\n";
    assert_eq!(stderr(&output), says);
}
