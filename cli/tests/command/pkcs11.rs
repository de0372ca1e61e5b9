//! Signing keys in a PKCS #11 token, with SoftHSM for the token and OpenSC for its judge.

mod lost;
mod softhsm;

use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use self::softhsm::{CONFIGURATION, LABEL, Token};
use crate::stage::{Server, Stage, code, stderr};

const ALGORITHMS: [(&str, Algorithm); 5] = [
    ("ES256", Algorithm::ES256),
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// An issuer whose keys are in the token.
fn init(stage: &Stage, token: &Token<'_>) {
    let arguments = token.arguments();
    let made = token.environment(stage.init(&arguments.each_ref().map(|it| &**it))).output().unwrap();
    assert_eq!(code(&made), 0, "{}", stderr(&made));
}

fn run(stage: &Stage, token: &Token<'_>, arguments: &[&str]) -> Output {
    token.environment(stage.command(arguments)).output().unwrap()
}

fn json(stage: &Stage, token: &Token<'_>, arguments: &[&str]) -> Value {
    let output = run(stage, token, &[arguments, &["--json"]].concat());
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn serve(stage: &Stage, token: &Token<'_>) -> Server {
    stage.serve_with(&[(CONFIGURATION, token.configuration().to_str().unwrap())])
}

/// Asserts that what is issued for `audience` is signed with `algorithm`, as jsonwebtoken sees it.
async fn assert_issues(server: &Server, secret: &str, audience: &str, algorithm: Algorithm) {
    let (status, answer) = server.token("shop", secret, &format!("audience={audience}")).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let keys: JwkSet = serde_json::from_value(server.get("/.well-known/jwks.json").await).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.alg, algorithm);
    let key = keys.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[&server.url]);
    let claims = decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    assert_eq!(claims["sub"], "shop");
}

#[tokio::test]
async fn keys_of_every_algorithm_are_made_in_the_token_sign_there_and_are_found_again() {
    let stage = Stage::empty();
    let token = Token::new(&stage);
    init(&stage, &token);
    let secret =
        json(&stage, &token, &["client", "add", "shop", "--secret"])["secret"].as_str().unwrap().to_owned();
    for (name, _) in ALGORITHMS {
        if name != "ES256" {
            json(&stage, &token, &["keys", "add", "--algorithm", name, "--now", "--yes"]);
        }
        json(&stage, &token, &["client", "add", &format!("aud-{name}"), "--algorithm", name]);
        json(&stage, &token, &["grant", "add", "shop", &format!("aud-{name}")]);
    }
    // As they are after a restart, too.
    for _ in 0..2 {
        let server = serve(&stage, &token);
        for (name, algorithm) in ALGORITHMS {
            assert_issues(&server, &secret, &format!("aud-{name}"), algorithm).await;
        }
        assert!(server.stop().success());
    }

    let mut listed: Vec<[String; 4]> = json(&stage, &token, &["keys", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let kid = key["kid"].as_str().unwrap();
            let id = URL_SAFE_NO_PAD.decode(kid).unwrap();
            let id = id.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            let access = "sensitive, always sensitive, never extractable, local";
            [kid.to_owned(), id, "sign".to_owned(), access.to_owned()]
        })
        .collect();
    let mut found = token.private_keys();
    listed.sort();
    found.sort();
    assert_eq!(found, listed, "the token has these keys, for signing alone, and gives none away");

    let database = std::fs::read(stage.path("tessera.db")).unwrap();
    assert!(!database.windows(3).any(|it| it == b"v1."), "nothing is sealed where nothing is kept");
}

#[test]
fn what_is_wrong_with_a_token_is_said_at_the_start_with_exit_code_4() {
    let stage = Stage::empty();
    let token = Token::new(&stage);
    init(&stage, &token);
    let assert_refused = |says: &str| {
        let output = run(&stage, &token, &["serve"]);
        assert_eq!(code(&output), 4, "{}", stderr(&output));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
        assert_eq!(stderr(&output).trim_end().lines().count(), 1, "{}", stderr(&output));
        assert!(!stderr(&output).contains(softhsm::PIN), "the PIN must not be shown");
    };
    let module = softhsm::module();
    let module = module.to_str().unwrap();

    stage.edit_config(module, "/no/such/module.so");
    assert_refused("the PKCS #11 module /no/such/module.so cannot be loaded; check `[pkcs11] module`");
    stage.edit_config("/no/such/module.so", stage.path("tessera.toml").to_str().unwrap());
    assert_refused("cannot be loaded");
    stage.edit_config(&format!("module = {:?}", stage.path("tessera.toml")), &format!("module = {module:?}"));

    stage.edit_config(&format!("token = \"{LABEL}\""), "token = \"other\"");
    assert_refused(&format!("no PKCS #11 token has the label `other`; there is `{LABEL}`"));
    stage.edit_config("token = \"other\"", "serial = \"4711\"");
    assert_refused("no PKCS #11 token has the serial number `4711`");
    stage.edit_config("serial = \"4711\"", &format!("token = \"{LABEL}\""));

    token.write_pin("111111");
    assert_refused(&format!("the PKCS #11 token `{LABEL}` refuses the PIN; check `[pkcs11] pin`"));
    std::fs::remove_file(token.pin_file()).unwrap();
    assert_refused("cannot read the PIN");
    token.write_pin(softhsm::PIN);

    let kids = json(&stage, &token, &["keys", "list"]);
    let active = kids.as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap();
    let active = active["kid"].as_str().unwrap();
    let deleted = token.tool(&["--delete-object", "--type", "privkey", "--label", active]);
    assert_eq!(code(&deleted), 0, "{}", stderr(&deleted));
    assert_refused(&format!(
        "the signing key {active} cannot be used: the PKCS #11 token `{LABEL}` has no such private key"
    ));

    let config = std::fs::read_to_string(stage.path("tessera.toml")).unwrap();
    let (without, _) = config.split_once("[pkcs11]").unwrap();
    std::fs::write(stage.path("tessera.toml"), without).unwrap();
    assert_refused(&format!("is in the PKCS #11 token `{LABEL}`, which `[pkcs11]` does not name"));
}
