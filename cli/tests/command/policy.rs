use std::path::PathBuf;
use std::process::Output;

use serde_json::json;

use crate::stage::{code, stderr, tessera};

const GOOD: &str = "\
issuers:
  - issuer: https://issuer.example
    jwks_uri: https://issuer.example/jwks.json
audiences: [orders]
";

const BAD: &str = "\
issuers:
  - issuer: https://issuer.example
    jwks-uri: https://issuer.example/jwks.json
    clock_skew: 301
audiences: [orders]
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn check(&self, name: &str, extra: &[&str]) -> Output {
        let command = ["policy", "check", name];
        tessera().args(command).args(extra).current_dir(self.0.path()).output().unwrap()
    }
}

#[test]
fn a_good_policy_is_0_in_either_language() {
    let folder = Folder::new();
    folder.file("policy.yaml", GOOD);
    let json =
        r#"{ "issuers": [{ "issuer": "i", "jwks_uri": "https://i.example/jwks" }], "audiences": ["a"] }"#;
    folder.file("policy.json", json);
    for name in ["policy.yaml", "policy.json"] {
        let output = folder.check(name, &[]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{name} is a good policy\n"));
        assert_eq!(output.stderr, b"");
        assert_eq!(folder.check(name, &["--json"]).stdout, b"[]\n");
    }
}

#[test]
fn problems_are_3_and_all_told_at_once() {
    let folder = Folder::new();
    folder.file("policy.yaml", BAD);
    let output = folder.check("policy.yaml", &[]);
    assert_eq!(code(&output), 3);
    assert_eq!(output.stdout, b"");
    let lines = stderr(&output);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("policy.yaml:2:5: /issuers/0: "), "{lines:?}");
    assert_eq!(lines[1], "policy.yaml:3:5: /issuers/0/jwks-uri: unknown member (did you mean `jwks_uri`?)");
    assert!(lines[2].starts_with("policy.yaml:4:17: /issuers/0/clock_skew: "), "{lines:?}");

    let output = folder.check("policy.yaml", &["--json"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (3, ""));
    let problems: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({ "place": "/issuers/0/jwks-uri", "line": 3, "column": 5, "message": "unknown member",
        "suggestion": "did you mean `jwks_uri`?" });
    assert_eq!(problems[1], expected);
    assert_eq!(problems.as_array().unwrap().len(), 3);
}

#[test]
fn a_file_that_is_no_document_is_told_as_one_with_problems() {
    let folder = Folder::new();
    folder.file("alias.yaml", "a: &x 1\nb: *x\n");
    let output = folder.check("alias.yaml", &[]);
    assert_eq!(code(&output), 3);
    assert_eq!(
        stderr(&output),
        "alias.yaml:1:4: /a: anchors are not taken here\nalias.yaml:2:4: /b: aliases are not taken here (write it out again)\n"
    );
    let output = folder.check("none.yaml", &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).starts_with("error: cannot read none.yaml: "), "{}", stderr(&output));
}

#[test]
fn the_schema_is_printed_as_it_is() {
    let output = tessera().args(["policy", "schema"]).output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim_end(),
        tessera_verifier::policy_schema().trim_end()
    );
}
