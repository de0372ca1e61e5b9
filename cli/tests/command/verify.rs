use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::stage::{code, stderr, tessera};

const NOW: u64 = 1_790_000_000;

/// A folder with a policy, a key set, and the key that signs.
struct Desk {
    folder: tempfile::TempDir,
    key: Ed25519KeyPair,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), key: Ed25519KeyPair::generate().unwrap() };
        desk.write("policy.yaml", POLICY);
        desk.write("keys.json", &desk.key_set().to_string());
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] })
    }

    /// A good token, but for these changes of its claims.
    fn token(&self, changes: &Value) -> String {
        let mut claims = json!({ "iss": "https://issuer.example", "sub": "billing", "client_id": "billing",
            "aud": "orders", "scope": "orders:read", "jti": "t-1", "iat": NOW - 10, "exp": NOW + 298 });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// `tessera verify`, with this on stdin.
    fn verify(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = tessera()
            .arg("verify")
            .args(arguments)
            .current_dir(self.path())
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

    /// Explains a token to a script.
    fn explain(&self, arguments: &[&str], token: &str) -> (i32, Value) {
        let now = NOW.to_string();
        let given = ["--policy", "policy.yaml", "--jwks", "keys.json", "--now", &now, "--json", "-"];
        let output = self.verify(&[&given, arguments].concat(), token);
        assert_eq!(stderr(&output), "");
        (code(&output), serde_json::from_slice(&output.stdout).unwrap())
    }
}

const POLICY: &str = "\
issuers:
  - issuer: https://issuer.example
    jwks_uri: https://issuer.example/jwks.json
audiences: [orders]
routes:
  - path: { exact: /healthz }
    public: true
  - path: { prefix: /orders }
    methods: [GET]
    scopes: [orders:read]
  - path: { prefix: /orders }
    scopes: [orders:write]
challenge: { realm: orders }
";

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The steps with an outcome.
fn steps<'e>(explanation: &'e Value, outcome: &str) -> Vec<&'e str> {
    let steps = explanation["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["outcome"] == outcome).map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn a_decision_is_explained_step_by_step() {
    let desk = Desk::new();
    let given = ["--policy", "policy.yaml", "--jwks", "keys.json", "--now", "2026-09-21T14:13:20Z"];
    let request = ["--url", "https://orders.example/orders/1", "-"];
    let token = desk.token(&json!({}));
    let output = desk.verify(&[&given[..], &request].concat(), &format!("{token}\n"));
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let shown = text(&output);
    for line in [
        "✓ target       GET /orders/1",
        "✓ credentials  one token, in the field authorization after `Bearer`",
        "✓ header       alg EdDSA, typ at+jwt, kid k1",
        "✓ issuer       https://issuer.example",
        "✓ signature    EdDSA by k1",
        "✓ claims       sub billing, client_id billing, jti t-1",
        "✓ audience     orders",
        "✓ requirement  met, with scope orders:read",
        "allowed",
    ] {
        assert!(shown.lines().any(|own| own == line), "{line:?} in\n{shown}");
    }
    assert!(shown.contains("issued 10 s ago (2026-09-21 14:13:10Z), expires in 4 min 58 s"), "{shown}");
    assert!(!shown.contains(&token) && !shown.contains(token.rsplit('.').next().unwrap()), "{shown}");
}

#[test]
fn a_refusal_is_6_and_told_with_what_the_caller_hears() {
    let desk = Desk::new();
    let token = desk.token(&json!({}));
    let given = ["--policy", "policy.yaml", "--jwks", "keys.json", "--now", "1790000000"];
    let request = ["--method", "POST", "--url", "/orders", "-"];
    let output = desk.verify(&[&given[..], &request].concat(), &token);
    assert_eq!((code(&output), stderr(&output).as_str()), (6, ""));
    let shown = text(&output);
    assert!(shown.contains("✓ route "), "{shown}");
    assert!(shown.contains("✗ requirement  the route requires [\"orders:write\"]"), "{shown}");
    assert!(shown.contains("denied: scope-insufficient\n"), "{shown}");
    let hears = r#"the caller hears: 403, WWW-Authenticate: Bearer realm="orders", error="insufficient_scope", scope="orders:write""#;
    assert!(shown.contains(hears), "{shown}");
}

#[test]
fn a_dry_run_shows_what_it_lets_through() {
    let desk = Desk::new();
    desk.write("policy.yaml", &format!("{POLICY}dry_run: true\n"));
    let request = ["--url", "/orders/1"];
    let (exit, forged) = desk.explain(&request, &Desk::new().token(&json!({})));
    assert_eq!((exit, &forged["verdict"], &forged["grant"]["identity"]), (0, &json!("allow"), &Value::Null));
    assert_eq!(
        (&forged["grant"]["refusal"], &forged["reason"]),
        (&json!("signature-wrong"), &json!("the signature is wrong"))
    );
    assert_eq!(steps(&forged, "refused"), ["signature"]);
}

#[test]
fn scripts_get_the_same_in_json() {
    let desk = Desk::new();
    let request = ["--url", "/orders/1"];
    let (exit, allowed) = desk.explain(&request, &desk.token(&json!({})));
    assert_eq!((exit, &allowed["verdict"]), (0, &json!("allow")));
    let identity = json!({ "issuer": "https://issuer.example", "subject": "billing", "client": "billing",
        "scopes": ["orders:read"], "expiry": NOW + 298 });
    assert_eq!(allowed["grant"]["identity"], identity);

    let (exit, expired) = desk.explain(&request, &desk.token(&json!({ "exp": NOW - 90 })));
    assert_eq!(exit, 6);
    assert_eq!(
        (&expired["verdict"], &expired["error"], &expired["status"], &expired["grant"]),
        (&json!("deny"), &json!("token-expired"), &json!(401), &Value::Null)
    );
    assert_eq!(steps(&expired, "refused"), ["times"]);
    assert!(steps(&expired, "passed").ends_with(&["signature", "claims"]), "{expired}");
    assert!(steps(&expired, "not-reached").contains(&"requirement"), "{expired}");
    let times = expired["steps"].as_array().unwrap().iter().find(|step| step["step"] == "times").unwrap();
    assert!(times["detail"].as_str().unwrap().starts_with("expired 1 min 30 s ago"), "{times}");

    let (exit, wrong) = desk.explain(&request, &Desk::new().token(&json!({})));
    assert_eq!((exit, &wrong["error"]), (6, &json!("signature-wrong")));
    assert_eq!(steps(&wrong, "refused"), ["signature"]);
}

#[test]
fn a_token_is_judged_apart_from_any_request_and_a_request_without_a_token() {
    let desk = Desk::new();
    let (exit, alone) = desk.explain(&[], &desk.token(&json!({})));
    assert_eq!((exit, &alone["verdict"]), (0, &json!("allow")));
    assert!(!steps(&alone, "passed").contains(&"route"));
    let (exit, other) = desk.explain(&[], &desk.token(&json!({ "aud": "mail" })));
    assert_eq!((exit, &other["error"], &other["status"]), (6, &json!("audience-wrong"), &Value::Null));

    for (url, exit, verdict) in [("/healthz", 0, "allowed\n"), ("/orders", 6, "denied: token-missing\n")] {
        let output = desk.verify(&["--policy", "policy.yaml", "--url", url], "");
        assert_eq!(code(&output), exit);
        assert!(text(&output).contains(verdict), "{}", text(&output));
    }
}

#[test]
fn missing_keys_are_said_to_be_missing() {
    let desk = Desk::new();
    let token = desk.token(&json!({}));
    let output = desk.verify(&["--policy", "policy.yaml", "--now", "1790000000", "-"], &token);
    assert_eq!(code(&output), 6);
    assert!(text(&output).contains("denied: keys-unavailable\n"), "{}", text(&output));
    assert!(
        text(&output).contains("with `--jwks FILE`, or let it be fetched with `--fetch`"),
        "{}",
        text(&output)
    );

    let inline = json!({ "issuers": [{ "issuer": "https://issuer.example", "jwks": desk.key_set() }],
        "audiences": ["orders"] });
    desk.write("inline.json", &inline.to_string());
    let output = desk.verify(&["--policy", "inline.json", "--now", "1790000000", "-"], &token);
    assert_eq!(code(&output), 0, "{}", text(&output));
}

#[test]
fn cases_get_a_verdict_a_line() {
    let desk = Desk::new();
    let bearer = |token: &str| json!([["Authorization", format!("Bearer {token}")]]);
    let policy = json!({ "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/k" }],
        "audiences": ["orders"] });
    let keys = json!({ "https://issuer.example": desk.key_set() });
    let case = |id: &str, policy: Value, token: &str| {
        json!({ "id": id, "about": "left alone", "policy": policy, "jwks": keys, "now": NOW, "expect": {},
            "request": { "method": "GET", "url": "https://orders.example/x", "headers": bearer(token) } })
    };
    let good = desk.token(&json!({}));
    let cases = [
        case("good", policy.clone(), &good),
        case("as text", policy.to_string().into(), &good),
        case("expired", policy.clone(), &desk.token(&json!({ "exp": NOW - 30 }))),
        case("invalid", json!({ "issuers": [] }), &good),
        // The document is judged as it is spelled.
        case("twice", r#"{"issuers":[],"issuers":[]}"#.into(), &good),
    ];
    let lines = cases.map(|case| case.to_string()).join("\n\n");
    for backend in ["portable", "aws-lc"] {
        let output = desk.verify(&["--cases", "-", "--native", "--backend", backend], &lines);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        let verdicts: Vec<Value> =
            text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> =
            verdicts.iter().map(|it| (it["id"].as_str().unwrap(), it["verdict"].as_str().unwrap())).collect();
        let expected = [
            ("good", "allow"),
            ("as text", "allow"),
            ("expired", "deny"),
            ("invalid", "invalid"),
            ("twice", "invalid"),
        ];
        assert_eq!(told, expected);
        assert_eq!(verdicts[0]["grant"]["identity"]["subject"], "billing");
        assert_eq!(verdicts[0]["grant"]["refusal"], Value::Null);
        let denied = json!({ "id": "expired", "verdict": "deny", "error": "token-expired", "status": 401,
            "challenge": "Bearer error=\"invalid_token\"", "grant": null });
        assert_eq!(verdicts[2], denied);
        assert_eq!(verdicts[4]["problems"][0]["message"], "a member appears twice");
    }
    desk.write("cases.jsonl", "{\"id\": 1}\n");
    let output = desk.verify(&["--cases", "cases.jsonl", "--native"], "");
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).starts_with("error: cases.jsonl:1: this is no case: missing field"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_does_not_go_together_is_2_and_a_bad_policy_3() {
    let desk = Desk::new();
    for arguments in [
        &[][..],
        &["t"],
        &["--policy", "policy.yaml"],
        &["--policy", "policy.yaml", "--cases", "-"],
        &["--policy", "policy.yaml", "--jwks", "keys.json", "--fetch", "t"],
        &["--policy", "policy.yaml", "--method", "GET", "t"],
        &["--policy", "policy.yaml", "--now", "tomorrow", "t"],
        &["--policy", "policy.yaml", "--native", "t"],
        &["--cases", "-", "--native", "--component", "x.wasm"],
        &["--cases", "-", "--backend", "rot13", "--native"],
    ] {
        let output = desk.verify(arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.stdout, b"");
    }
    desk.write("policy.yaml", "issuers: []\naudiences: [a]\n");
    let output = desk.verify(&["--policy", "policy.yaml", "t"], "");
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).starts_with("policy.yaml:1:10: /issuers: "), "{}", stderr(&output));
}

/// RFC 7515 A.2 signs claims that are no access token's; here it is not even claims.
#[test]
fn a_signature_is_judged_alone_over_any_payload() {
    let desk = Desk::new();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"k1"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(b"\xff no JSON"));
    let signature = desk.key.sign(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    let wrong = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    for backend in ["portable", "aws-lc"] {
        let given = ["--signature-only", "--backend", backend, "--jwks", "keys.json", "-"];
        let output = desk.verify(&given, &token);
        assert_eq!(
            (code(&output), text(&output).as_str()),
            (0, "the signature is good\n"),
            "{}",
            stderr(&output)
        );
        let output = desk.verify(&given, &wrong);
        assert_eq!(
            (code(&output), text(&output).as_str()),
            (6, "denied: signature-wrong: the signature is wrong\n")
        );

        let case =
            |id: u8, token: &str, jwks: Value| json!({ "id": id, "token": token, "jwks": jwks }).to_string();
        let cases = [
            case(1, &token, desk.key_set()),
            case(2, &wrong, desk.key_set()),
            case(3, &token, json!({ "keys": [] })),
        ];
        let output =
            desk.verify(&["--signature-only", "--cases", "-", "--backend", backend], &cases.join("\n"));
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        let told: Vec<Value> =
            text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told[0], json!({ "id": 1, "verdict": "allow", "error": null, "reason": null }));
        assert_eq!((&told[1]["verdict"], &told[1]["error"]), (&json!("deny"), &json!("signature-wrong")));
        assert_eq!((&told[2]["verdict"], &told[2]["error"]), (&json!("deny"), &json!("key-set-refused")));
    }
    for arguments in [
        &["--signature-only", "--cases", "-", "--component", "x.wasm"][..],
        &["--signature-only", "--jwks", "keys.json", "--policy", "policy.yaml", "-"],
        &["--signature-only", "-"],
    ] {
        let output = desk.verify(arguments, &token);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("`--signature-only`"), "{}", stderr(&output));
    }
}
