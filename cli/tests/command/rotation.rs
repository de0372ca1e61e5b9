//! Signing keys that take turns.

use std::time::Duration;

use jsonwebtoken::decode_header;
use serde_json::{Value, json};

use crate::stage::{Server, Stage, code, stderr};

const FORM: &str = "audience=orders";

/// A client with a grant, and its secret.
fn set_up(stage: &Stage) -> String {
    stage.json(&["client", "add", "orders"]);
    let secret = stage.json(&["client", "add", "shop", "--secret"])["secret"].as_str().unwrap().to_owned();
    stage.json(&["grant", "add", "shop", "orders"]);
    secret
}

/// The ids of the keys in a state.
fn kids(keys: &Value, state: &str) -> Vec<String> {
    let keys = keys.as_array().unwrap().iter().filter(|key| key["state"] == state);
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn only(keys: &Value, state: &str) -> String {
    let kids = kids(keys, state);
    assert_eq!(kids.len(), 1, "{state}: {keys}");
    kids[0].clone()
}

async fn published(server: &Server) -> Vec<String> {
    let keys = server.get("/.well-known/jwks.json").await;
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Polls until the answer is there.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}")
}

async fn signed_by(server: &Server, secret: &str) -> String {
    let (_, answer) = server.token("shop", secret, FORM).await;
    decode_header(answer["access_token"].as_str().unwrap()).unwrap().kid.unwrap()
}

#[test]
fn a_rotation_waits_until_it_is_safe() {
    let stage = Stage::new(&[]);
    let before = stage.json(&["keys", "list"]);
    let (active, next) = (only(&before, "active"), only(&before, "next"));
    let created = before[0]["since"].as_u64().unwrap();
    let month = json!({ "event": "retirement", "at": created + 30 * 24 * 60 * 60 });
    let find = |keys: &Value, kid: &str| {
        keys.as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone()
    };
    assert_eq!(find(&before, &active)["next"], month);

    let asked = stage.run(&["keys", "rotate", "--json"]);
    assert_eq!(code(&asked), 0, "{}", stderr(&asked));
    let told = stderr(&asked);
    assert!(told.starts_with("verifiers may not know the next ES256 key yet; a running issuer"), "{told}");
    let asked: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!((only(&asked, "active"), only(&asked, "next")), (active.clone(), next.clone()));
    assert!(find(&asked, &active)["rotation_asked_at"].as_u64().unwrap() >= created);
    let (retirement, activation) =
        (find(&asked, &active)["next"].clone(), find(&asked, &next)["next"].clone());
    let at = find(&asked, &next)["since"].as_u64().unwrap() + 370;
    assert_eq!(retirement, json!({ "event": "retirement", "at": at }));
    assert_eq!(activation, json!({ "event": "activation", "at": at }));
    let again = stage.json(&["keys", "rotate"]);
    assert_eq!(find(&again, &active)["rotation_asked_at"], find(&asked, &active)["rotation_asked_at"]);

    let table = String::from_utf8(stage.run(&["keys", "list"]).stdout).unwrap();
    assert!(table.starts_with("KEY"), "{table}");
    assert!(table.contains(", as was asked for") && table.contains("  signs at 20"), "{table}");
}

#[test]
fn what_breaks_has_to_be_confirmed() {
    let stage = Stage::new(&[]);
    let before = stage.json(&["keys", "list"]);
    let (active, next) = (only(&before, "active"), only(&before, "next"));
    for (arguments, breaks) in [
        (&["keys", "rotate", "--now"][..], "warning: verifiers may not know the key that signs from now on"),
        (&["keys", "retire", &active], "warning: every token that was signed with "),
        (&["keys", "add", "--algorithm", "ES384", "--now"], "warning: verifiers may not know the key"),
    ] {
        let refused = stage.run(arguments);
        assert_eq!(code(&refused), 2, "{arguments:?}");
        let told = stderr(&refused);
        assert!(told.starts_with(breaks), "{told}");
        assert!(told.ends_with("so this has to be confirmed: add `--yes`\n"), "{told}");
    }
    assert_eq!(stage.json(&["keys", "list"]), before);
    // It has signed nothing, so nothing breaks.
    assert!(kids(&stage.json(&["keys", "retire", &next]), "next").is_empty());

    let unknown = stage.run(&["keys", "retire", &format!("{active}x"), "--yes"]);
    let expected = format!(
        "error: there is no signing key `{active}x`; `tessera keys list` shows them; did you mean `{active}`?\n"
    );
    assert_eq!((code(&unknown), stderr(&unknown)), (1, expected));
}

#[tokio::test]
async fn a_key_that_is_taken_away_is_gone_and_replaced_while_serving() {
    let stage = Stage::new(&[]);
    let secret = set_up(&stage);
    let server = stage.serve();
    let keys = stage.json(&["keys", "list"]);
    let (stolen, next) = (only(&keys, "active"), only(&keys, "next"));
    assert_eq!(signed_by(&server, &secret).await, stolen);

    let keys = stage.json(&["keys", "retire", &stolen, "--yes"]);
    assert_eq!(only(&keys, "active"), next);
    until("the next key signs", async || (signed_by(&server, &secret).await == next).then_some(())).await;
    let made = async || kids(&stage.json(&["keys", "list"]), "next").pop();
    let fresh = until("the server makes another", made).await;
    until("it is published", async || published(&server).await.contains(&fresh).then_some(())).await;
    let now = published(&server).await;
    assert!(now.len() == 2 && now.contains(&next), "{now:?}");

    assert!(server.stop().success());
    let log = std::fs::read_to_string(stage.log()).unwrap();
    assert!(log.contains("published a next signing key algorithm=ES256"), "{log}");
}

/// Without a server there is nobody to make another.
#[test]
fn the_last_key_is_never_taken_away_without_another() {
    let stage = Stage::new(&[]);
    let keys = stage.json(&["keys", "list"]);
    let (active, next) = (only(&keys, "active"), only(&keys, "next"));
    let keys = stage.json(&["keys", "retire", &active, "--yes"]);
    assert_eq!((only(&keys, "active"), kids(&keys, "next").len()), (next.clone(), 0));
    let keys = stage.json(&["keys", "retire", &next, "--yes"]);
    let active = only(&keys, "active");
    assert!(active != next && keys.as_array().unwrap().len() == 1);
    let keys = stage.json(&["keys", "rotate", "--now", "--yes"]);
    assert_eq!((kids(&keys, "next").len(), only(&keys, "retired")), (1, active));
}

#[test]
fn another_algorithm_is_published_before_it_signs() {
    let stage = Stage::new(&[]);
    stage.json(&["client", "add", "orders"]);
    let keys = stage.json(&["keys", "add", "--algorithm", "ES384"]);
    let first = keys.as_array().unwrap().iter().find(|key| key["algorithm"] == "ES384").unwrap();
    assert_eq!((&first["state"], &first["next"]["event"]), (&json!("next"), &json!("activation")));
    let refused = stage.run(&["client", "set", "orders", "--algorithm", "ES384"]);
    let expected = "error: the ES384 signing key does not sign yet; `tessera keys list` says when it will\n";
    assert_eq!((code(&refused), stderr(&refused)), (1, expected.to_owned()));
    stage.json(&["keys", "rotate", "--algorithm", "ES384", "--now", "--yes"]);
    stage.json(&["client", "set", "orders", "--algorithm", "ES384"]);
}
