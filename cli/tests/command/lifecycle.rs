use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::stage::{Server, Stage};

const FORM: &str = "audience=orders";

/// Verifies a token as a stranger would: by the published keys.
async fn verify(server: &Server, token: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(server.get("/.well-known/jwks.json").await).unwrap();
    let header = decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["orders"]);
    validation.set_issuer(&[&server.url]);
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

fn set_up(stage: &Stage) -> String {
    stage.json(&["client", "add", "orders", "--scope", "orders:read", "--scope", "orders:write"]);
    let shop = stage.json(&["client", "add", "shop", "--secret"]);
    stage.json(&["grant", "add", "shop", "orders", "--scope", "orders:read", "--lifetime", "120"]);
    shop["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn from_nothing_to_a_token_and_through_a_rotation() {
    let stage = Stage::new(&[]);
    let secret = set_up(&stage);
    let server = stage.serve();
    let (status, answer) = server.token("shop", &secret, FORM).await;
    assert_eq!((status, &answer["expires_in"], &answer["scope"]), (200, &json!(120), &json!("orders:read")));
    let old = answer["access_token"].as_str().unwrap().to_owned();
    assert_eq!(verify(&server, &old).await["sub"], "shop");
    assert_eq!(server.get("/.well-known/oauth-authorization-server").await["issuer"], server.url);

    let before = decode_header(&old).unwrap().kid;
    let next =
        stage.json(&["keys", "list"]).as_array().unwrap().iter().find(|key| key["state"] == "next").cloned();
    let keys = stage.json(&["keys", "rotate", "--now", "--yes"]);
    assert_eq!(keys.as_array().unwrap().len(), 3);
    let new = loop {
        let (_, answer) = server.token("shop", &secret, FORM).await;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        if decode_header(&token).unwrap().kid != before {
            break token;
        }
    };
    assert_eq!(json!(decode_header(&new).unwrap().kid), next.unwrap()["kid"], "the announced key signs");
    verify(&server, &new).await;
    verify(&server, &old).await;
    let name = "x".repeat(6000);
    assert_eq!(server.token("shop", &secret, &format!("{name}=1&{name}=2")).await.0, 400);
    assert!(server.stop().success());

    let log = std::fs::read_to_string(stage.log()).unwrap();
    let granted = log.lines().find(|line| line.contains("outcome=\"issued\"")).unwrap();
    assert!(
        granted.contains("client=\"shop\"") && granted.contains("method=\"client_secret_basic\""),
        "{granted}"
    );
    assert!(log.contains("the parameter `xxx"), "{log}");
    assert!(log.lines().all(|line| line.len() < 2048), "what a stranger wrote is cut");
    for hidden in [&*secret, &old, &new, old.rsplit('.').next().unwrap()] {
        assert!(!log.contains(hidden), "the log must not hold secrets or tokens");
    }
}

#[tokio::test]
async fn changes_are_seen_while_serving() {
    let stage = Stage::new(&["--algorithm", "RS256"]);
    let server = stage.serve();
    let secret = set_up(&stage);
    let answer = server.token_until(200, "shop", &secret, FORM).await;
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(decode_header(token).unwrap().alg, Algorithm::RS256);
    verify(&server, token).await;

    let old = stage.json(&["credential", "list", "shop"])[0]["id"].as_str().unwrap().to_owned();
    let fresh = stage.json(&["credential", "add-secret", "shop"])["secret"].as_str().unwrap().to_owned();
    server.token_until(200, "shop", &fresh, FORM).await;
    server.token_until(200, "shop", &secret, FORM).await;
    stage.json(&["credential", "remove", &old]);
    server.token_until(401, "shop", &secret, FORM).await;
    stage.json(&["client", "set", "shop", "--disable"]);
    server.token_until(401, "shop", &fresh, FORM).await;
    stage.json(&["client", "set", "shop", "--enable"]);
    server.token_until(200, "shop", &fresh, FORM).await;
    stage.json(&["grant", "remove", "shop", "orders"]);
    let answer = server.token_until(400, "shop", &fresh, FORM).await;
    assert_eq!(answer["error"], "invalid_target");
    stage.json(&["client", "remove", "shop"]);
    server.token_until(401, "shop", &fresh, FORM).await;
    assert!(server.stop().success());
}

#[tokio::test]
async fn one_issuer_is_the_platform_of_another() {
    let (platform, stage) = (Stage::new(&[]), Stage::new(&[]));
    let issuer = stage.serve();
    platform.json(&["client", "add", &issuer.url]);
    let pod = platform.json(&["client", "add", "pod", "--secret"])["secret"].as_str().unwrap().to_owned();
    platform.json(&["grant", "add", "pod", &issuer.url]);
    let platform = platform.serve();

    set_up(&stage);
    let jwks_uri = format!("{}/.well-known/jwks.json", platform.url);
    let trusted = ["credential", "add-workload", "shop", "--issuer", &platform.url, "--jwks-uri", &jwks_uri];
    stage.json(&[&trusted[..], &["--subject", "pod", "--profile", "at+jwt"]].concat());

    let (_, answer) = platform.token("pod", &pod, &format!("audience={}", issuer.url)).await;
    let assertion = answer["access_token"].as_str().unwrap();
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&audience=orders&assertion={assertion}"
    );
    let mut answer = Value::Null;
    // The registration is seen within the follower's bound.
    for _ in 0..200 {
        let request = reqwest::Client::new()
            .post(format!("{}/v1/token", issuer.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone());
        answer = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        if answer.get("access_token").is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(verify(&issuer, token).await["client_id"], "shop");
}

#[test]
fn lists_are_tables_for_people_and_json_for_programs() {
    let stage = Stage::new(&[]);
    set_up(&stage);
    let clients = stage.json(&["client", "list"]);
    assert_eq!(clients[0]["client"], "orders");
    assert_eq!(clients[0]["scopes"], json!(["orders:read", "orders:write"]));
    let credential = &clients[1]["credentials"][0];
    assert_eq!((&credential["kind"], credential.get("secret")), (&json!("secret"), None));
    let grants = stage.json(&["grant", "list"]);
    let grant = json!({
        "client": "shop", "audience": "orders", "scopes": ["orders:read"], "lifetime": 120, "expires_at": null,
        "reason": "", "claims": {}, "exchanges": [],
    });
    assert_eq!(grants, json!([grant]));
    let table = String::from_utf8(stage.run(&["grant", "list"]).stdout).unwrap();
    assert_eq!(
        table,
        "CLIENT  AUDIENCE  SCOPES       EXCHANGES  SECONDS  EXPIRES  REASON\n\
         shop    orders    orders:read             120\n"
    );
}

#[tokio::test]
async fn an_audience_chooses_its_algorithm() {
    let stage = Stage::new(&[]);
    let secret = set_up(&stage);
    let refused = stage.run(&["client", "set", "orders", "--algorithm", "RS256"]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        error,
        "error: there is no RS256 signing key; `tessera keys add --algorithm RS256` makes one\n"
    );
    stage.json(&["keys", "add", "--algorithm", "RS256", "--now", "--yes"]);
    stage.json(&["client", "set", "orders", "--algorithm", "RS256", "--lifetime", "60"]);
    let server = stage.serve();
    let (_, answer) = server.token("shop", &secret, FORM).await;
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!((decode_header(token).unwrap().alg, &answer["expires_in"]), (Algorithm::RS256, &json!(60)));
    verify(&server, token).await;
}

#[test]
fn a_preset_asks_for_what_its_platform_mints() {
    let stage = Stage::new(&[]);
    stage.json(&["client", "add", "shop"]);
    let kubernetes = ["credential", "add-workload", "shop", "--preset", "kubernetes"];
    let parameters = ["issuer=https://kubernetes.example", "namespace=web", "service-account=shop"];
    let parameters: Vec<&str> = parameters.iter().flat_map(|it| ["--param", it]).collect();
    let added = stage.json(&[&kubernetes[..], &parameters].concat());
    let workload = &added["credential"]["workload"];
    assert_eq!(workload["keys"], "discovery");
    let subject = json!({ "claim": "sub", "equals": "system:serviceaccount:web:shop" });
    assert!(workload["conditions"].as_array().unwrap().contains(&subject), "{workload}");
    let refused = stage.run(&[&kubernetes[..], &parameters[..4]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let listed = stage.json(&["credential", "presets"]);
    let names: Vec<_> = listed["presets"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert!(names.contains(&json!("github")) && names.contains(&json!("spiffe")), "{names:?}");
}
