use super::*;
use alloc::{format, string::ToString, vec};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { bytes: 4096, depth: 4, elements: 40 };

fn fault(text: &str) -> JsonFault {
    parse(text, BOUNDS).unwrap_err().fault
}

#[test]
fn reads_every_kind_of_value_and_its_place() {
    let node = parse(r#" {"a": [1, -2.5e+3, "x\u0041\n"], "b": null, "c": true} "#, BOUNDS).unwrap();
    let Value::Object(object) = &node.value else { panic!("not an object") };
    assert_eq!(node.at, 1);
    let a = object.get("a").unwrap();
    assert_eq!(a.at, 7);
    assert_eq!(
        a.value,
        Value::Array(vec![
            Node { at: 8, value: Value::Number("1") },
            Node { at: 11, value: Value::Number("-2.5e+3") },
            Node { at: 20, value: Value::String("xA\n".into()) },
        ])
    );
    assert_eq!(object.get("b").unwrap().value, Value::Null);
    assert_eq!(object.get("c").unwrap().value, Value::Bool(true));
    assert_eq!(object.get("d"), None);
}

#[test]
fn v05_refuses_a_member_that_appears_twice_however_spelled() {
    for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"b":2,"a":1}}"#] {
        assert_eq!(fault(text), JsonFault::DuplicateMember, "{text}");
    }
    let many: Vec<String> = (0..30).map(|i| format!(r#""m{i}":0"#)).collect();
    assert!(parse(&format!("{{{}}}", many.join(",")), BOUNDS).is_ok());
    for repeated in [0, 3, 29] {
        let text = format!(r#"{{{},"m{repeated}":1}}"#, many.join(","));
        assert_eq!(fault(&text), JsonFault::DuplicateMember);
    }
}

#[test]
fn v06_refuses_what_surrounds_or_breaks_the_value() {
    for (text, expected) in [
        ("\u{feff}{}", JsonFault::Unexpected),
        ("{} x", JsonFault::Trailing),
        ("{}{}", JsonFault::Trailing),
        ("{}\0", JsonFault::Trailing),
        ("", JsonFault::UnexpectedEnd),
        ("[1", JsonFault::UnexpectedEnd),
        ("\"a", JsonFault::UnexpectedEnd),
        ("\"a\\", JsonFault::UnexpectedEnd),
        ("[1,]", JsonFault::Unexpected),
        ("{\"a\":1,}", JsonFault::Unexpected),
        ("{a:1}", JsonFault::Unexpected),
        ("'a'", JsonFault::Unexpected),
        ("tru", JsonFault::UnexpectedEnd),
        ("True", JsonFault::Unexpected),
        ("NaN", JsonFault::Unexpected),
        ("\"\n\"", JsonFault::ControlCharacter),
        ("\"\\x\"", JsonFault::BadEscape),
        ("\"\\ud800\"", JsonFault::BadEscape),
        ("\"\\ud800\\n\"", JsonFault::BadEscape),
        ("\"\\ud800\\ud800\"", JsonFault::BadEscape),
        ("\"\\udc00\"", JsonFault::BadEscape),
        ("\"\\u12g4\"", JsonFault::BadEscape),
        ("01", JsonFault::BadNumber),
        ("-", JsonFault::BadNumber),
        ("1.", JsonFault::BadNumber),
        (".5", JsonFault::Unexpected),
        ("1e", JsonFault::BadNumber),
        ("+1", JsonFault::Unexpected),
        ("-01", JsonFault::BadNumber),
        ("/* */1", JsonFault::Unexpected),
    ] {
        assert_eq!(fault(text), expected, "{text:?}");
    }
}

#[test]
fn v04_keeps_its_bounds_to_the_edge() {
    assert!(parse("[[[[1]]]]", BOUNDS).is_ok());
    assert_eq!(fault("[[[[[1]]]]]"), JsonFault::TooDeep);
    assert_eq!(fault("[[[[{}]]]]"), JsonFault::TooDeep);
    let list = |n: usize| format!("[{}]", vec!["0"; n].join(","));
    assert!(parse(&list(40), BOUNDS).is_ok());
    assert_eq!(fault(&list(41)), JsonFault::TooManyMembers);
    let object = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!(r#""m{i}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(parse(&object(limits::OBJECT_MEMBERS), BOUNDS).is_ok());
    assert_eq!(fault(&object(limits::OBJECT_MEMBERS + 1)), JsonFault::TooManyMembers);
    let text = |n: usize| format!("\"{}\"", "a".repeat(n - 2));
    assert!(parse(&text(4096), BOUNDS).is_ok());
    assert_eq!(fault(&text(4097)), JsonFault::TooLong);
}

#[test]
fn joins_a_surrogate_pair() {
    assert_eq!(parse(r#""\ud83d\ude00""#, BOUNDS).unwrap().value, Value::String("😀".into()));
}

/// The same value as `serde_json` would build, for comparison; numbers by their text.
fn to_serde(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(text) => serde_json::from_str(text).unwrap(),
        Value::String(text) => text.to_string().into(),
        Value::Array(elements) => elements.iter().map(to_serde).collect(),
        Value::Object(object) => serde_json::Value::Object(
            object.iter().map(|member| (member.name.to_string(), to_serde(&member.value))).collect(),
        ),
    }
}

proptest! {
    /// serde_json is the judge: what we accept it accepts, with the same meaning.
    #[test]
    fn agrees_with_serde_json_on_what_it_accepts(text in r#"[\[\]{}:,"\\a1e.\- truefalsn0u]{0,24}"#) {
        if let Ok(node) = parse(&text, BOUNDS) {
            // A number beyond the range of f64 is a number to the grammar and an error to serde_json.
            if let Ok(theirs) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert_eq!(to_serde(&node), theirs);
            }
        } else if let Ok(theirs) = serde_json::from_str::<serde_json::Value>(&text) {
            // The only things serde_json may accept beyond us: duplicates and depth.
            let fault = parse(&text, BOUNDS).unwrap_err().fault;
            prop_assert!(
                matches!(fault, JsonFault::DuplicateMember | JsonFault::TooDeep | JsonFault::TooManyMembers),
                "{:?} for {:?}", fault, theirs
            );
        }
    }

    #[test]
    fn reads_what_serde_json_writes(text in "\\PC{0,40}", number in any::<i64>(), flag in any::<bool>()) {
        let value = serde_json::json!({ "text": text, "number": number, "list": [flag, null] });
        let written = value.to_string();
        prop_assert_eq!(to_serde(&parse(&written, BOUNDS).unwrap()), value);
    }
}
