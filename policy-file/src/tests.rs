use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod roundtrip;

/// What a YAML text is in JSON.
fn json_of(yaml: &str) -> Value {
    let file = PolicyFile::parse(yaml).unwrap_or_else(|problems| panic!("{yaml:?}: {problems:?}"));
    assert!(!file.json().contains('\n'), "{yaml:?}");
    serde_json::from_str(file.json()).unwrap()
}

/// The lines that are said about a text which is no document.
fn refused(text: &str) -> Vec<String> {
    let problems = PolicyFile::parse(text).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn json_is_passed_as_it_is() {
    for text in ["{}", " \n\t{ \"a\" : 1e400, \"a\": 2 }\n", "{ not json"] {
        let file = PolicyFile::parse(text).unwrap();
        assert_eq!(file.json(), text);
        assert_eq!(file.locate(7, 9), (7, 9));
    }
}

#[test]
fn yaml_becomes_the_json_that_it_says() {
    for (yaml, expected) in [
        ("a: b", json!({ "a": "b" })),
        (
            "a:\n  - b\n  - c: 1\n    d: [x, 'y', \"\\u00e9\"]",
            json!({ "a": ["b", { "c": 1, "d": ["x", "y", "é"] }] }),
        ),
        ("a: no\nb: on\nc: 'true'\nd: true", json!({ "a": "no", "b": "on", "c": "true", "d": true })),
        ("a:\nb: ~\nc: ''", json!({ "a": null, "b": null, "c": "" })),
        ("a: 1.50\nb: '1'\nc: 1_000", json!({ "a": 1.5, "b": "1", "c": "1_000" })),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({ "a": "x\ny\n", "b": "x y" })),
        ("# only\n---\na: b # this\n...\n# and this", json!({ "a": "b" })),
        ("a: {b: {}, c: []}", json!({ "a": { "b": {}, "c": [] } })),
        ("\"a b\": 1\n'c': 2\n\"<<\": 3", json!({ "a b": 1, "c": 2, "<<": 3 })),
        ("- a", json!(["a"])),
        ("text", json!("text")),
        ("a: \"\\0\\t\\\"\\\\\"", json!({ "a": "\0\t\"\\" })),
    ] {
        assert_eq!(json_of(yaml), expected, "{yaml:?}");
    }
    // Numbers are not computed with on the way.
    assert_eq!(PolicyFile::parse("a: 1.50e+2").unwrap().json(), r#"{"a":1.50e+2}"#);
}

#[test]
fn what_is_more_than_json_is_refused() {
    for (yaml, expected) in [
        ("a: &x b", "1:4: /a: anchors are not taken here"),
        ("a: 1\nb: *x", "2:4: /b: this is no YAML: while parsing node, found unknown anchor"),
        ("&x a: b", "1:1: anchors are not taken here"),
        ("a: !!str 1", "1:4: /a: tags are not taken here (leave it out; quotes make a text of anything)"),
        ("a: ! 1", "1:4: /a: tags are not taken here (leave it out; quotes make a text of anything)"),
        ("- !t {a: b}", "1:3: /0: tags are not taken here (leave it out; quotes make a text of anything)"),
        ("<<: {a: b}", "1:1: merge keys are not taken here (write the members out)"),
        ("a: 1\nb: 2\na: 3", "3:1: /a: this member is already there"),
        ("a: 1\n\"\\u0061\": 3", "2:1: /a: this member is already there"),
        ("a: {b/c: 1, b/c: 1}", "1:13: /a/b~1c: this member is already there"),
        ("1: a", "1:1: the name of a member is a text, which `1` is only in quotes"),
        ("true: a", "1:1: the name of a member is a text, which `true` is only in quotes"),
        ("? [a]\n: b", "1:3: the name of a member is a text"),
        (
            "a: 007",
            "1:4: /a: `007` is a number in YAML and not in JSON (write it in decimal, or in quotes if it is a text)",
        ),
        (
            "a: .inf",
            "1:4: /a: `.inf` is a number in YAML and not in JSON (write it in decimal, or in quotes if it is a text)",
        ),
        ("a: 1\n---\nb: 1", "2:1: a second document begins here; a file is one policy"),
        ("", "1:1: the file has no policy in it"),
        ("# nothing\n", "2:1: the file has no policy in it"),
    ] {
        assert_eq!(refused(yaml), [expected], "{yaml:?}");
    }
}

#[test]
fn all_of_it_is_told_at_once_in_the_order_of_the_file() {
    let yaml = "a: &x [1]\nb: *x\n<<: *x\na: 0x10\n";
    assert_eq!(
        refused(yaml),
        [
            "1:4: /a: anchors are not taken here",
            "2:4: /b: aliases are not taken here (write it out again)",
            "3:1: merge keys are not taken here (write the members out)",
            "3:5: /<<: aliases are not taken here (write it out again)",
            "4:1: /a: this member is already there",
            "4:4: /a: `0x10` is a number in YAML and not in JSON (write it in decimal, or in quotes if it is a text)",
        ]
    );
    let many = "- 007\n".repeat(500);
    assert_eq!(refused(&many).len(), limits::POLICY_PROBLEMS);
}

#[test]
fn aliases_make_nothing_grow() {
    // A billion laughs, of which none is heard.
    let mut bomb = "a0: &a0 ha\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{alias}]").unwrap();
    }
    assert_eq!(refused(&bomb).len(), 9 + 8 * 9);
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(PolicyFile::parse(&nested(limits::POLICY_DEPTH)).is_ok());
    let too_deep = refused(&nested(limits::POLICY_DEPTH + 1));
    assert_eq!(too_deep, [format!("1:17: {}: nested too deep", "/0".repeat(limits::POLICY_DEPTH))]);
    assert_eq!(refused(&nested(200)), too_deep);
    // The parser has a bound of its own, for what it has to see before it says the first word.
    assert_eq!(refused(&nested(100_000)), ["1:256: this is no YAML: recursion limit exceeded"]);

    let long = format!("a: {}", "b".repeat(limits::POLICY_BYTES));
    assert_eq!(refused(&long), ["1:1: the file is longer than 1048576 bytes"]);
}

#[test]
fn what_the_verifier_says_is_told_with_the_place_in_the_file() {
    let yaml = "\
# Who issues.
issuers:
  - issuer: https://issuer.example
    jwks_uri: 'http://ümlaut.example' # not https
    clock_skew:
    clock-skew: 30
audiences: [orders, orders]
routes:
- methods: [ get ]
  path:
      prefix: /orders/
  scopes: []
";
    let problems = PolicyFile::parse(yaml).unwrap().check().unwrap_err();
    let places: Vec<_> = problems.iter().map(|it| (&*it.pointer, it.line, it.column)).collect();
    assert_eq!(
        places,
        [
            ("/issuers/0/jwks_uri", 4, 15),
            ("/issuers/0/clock_skew", 5, 5),
            ("/issuers/0/clock-skew", 6, 5),
            ("/audiences/1", 7, 21),
            ("/routes/0/methods/0", 9, 14),
            ("/routes/0/scopes", 12, 11),
        ]
    );
}

#[test]
fn files_are_read_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        PolicyFile::read(&path)
    };
    assert_eq!(read(b"a: b").unwrap().json(), r#"{"a":"b"}"#);
    for (bytes, expected) in [
        (b"a: b\nc: \xff".to_vec(), "2:4: this is not UTF-8"),
        ("é".repeat(limits::POLICY_BYTES).into_bytes(), "1:1: the file is longer than 1048576 bytes"),
        (vec![b' '; limits::POLICY_BYTES + 1], "1:1: the file is longer than 1048576 bytes"),
    ] {
        let Err(ReadError::Problems(problems)) = read(&bytes) else { panic!("{expected}") };
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
    let missing = PolicyFile::read(&folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, ReadError::Unreadable(_)), "{missing:?}");
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_answered(text in "\\PC{0,40}|[ \\n\\t:\\-\\[\\]{}&*!|>'\"%@`#,?ax1~<]{0,60}") {
        if let Ok(file) = PolicyFile::parse(&text) && !text.trim_start().starts_with('{') {
            prop_assert!(serde_json::from_str::<Value>(file.json()).is_ok(), "{}", file.json());
        }
    }
}
