use super::*;
use alloc::string::ToString;
use serde_json::{Value as Json, json};

use crate::json::{self, Bounds, Value};

/// Whether a condition holds for claims.
fn holds(condition: &Json, claims: &Json) -> bool {
    let bounds = Bounds { bytes: 10_000, depth: 8, elements: 100 };
    let (list, claims) = (json!([condition]).to_string(), claims.to_string());
    let (list, claims) = (json::parse(&list, bounds).unwrap(), json::parse(&claims, bounds).unwrap());
    let (Value::Array(list), Value::Object(claims)) = (&list.value, &claims.value) else {
        panic!("documents")
    };
    let mut paths = ClaimPaths::default();
    let conditions = Condition::read_all(list, &mut paths);
    assert_eq!(conditions.len(), 1, "{condition}");
    Condition::first_failing(&conditions, &paths.values(claims)).is_none()
}

#[test]
fn each_test_holds_for_what_it_says_and_for_nothing_near_it() {
    for (test, good, bad) in [
        (json!({ "equals": "a" }), json!(["a"]), json!(["A", "ab", "", ["a"], { "a": "a" }, null, true, 1])),
        (json!({ "equals": 1 }), json!([1]), json!([1.5, "1", -1, true, [1], 10])),
        (json!({ "equals": true }), json!([true]), json!([false, "true", 1])),
        (json!({ "equals": false }), json!([false]), json!([true, "", 0, null])),
        (json!({ "one_of": ["a", 2, true] }), json!(["a", 2, true]), json!(["b", "2", false, ["a"]])),
        (
            json!({ "prefix": "ns/" }),
            json!(["ns/", "ns/x"]),
            json!(["ns", "NS/x", "x/ns/", ["ns/x"], 1, null]),
        ),
        (
            json!({ "glob": "ns/*/x" }),
            json!(["ns//x", "ns/a/x"]),
            json!(["ns/x", "ns/a/b/x", "ns/a:b/x", "ns/a/x/", "NS/a/x", ["ns/a/x"], 1, null, true]),
        ),
        (
            json!({ "contains": "a" }),
            json!([["a"], ["b", "a"], "a"]),
            json!([["ab"], [], "ab", "b a", { "a": 1 }, [["a"]], null]),
        ),
        (json!({ "contains": 1 }), json!([[1], ["1", 1]]), json!([1, ["1"], [1.5]])),
        (json!({ "exists": true }), json!(["", 0, false, null, [], {}]), json!([])),
        (json!({ "exists": false }), json!([]), json!(["", 0, false, null, [], {}])),
    ] {
        let condition = |claim: Json| {
            let mut condition = test.clone();
            condition["claim"] = claim;
            condition
        };
        for (values, expected) in [(&good, true), (&bad, false)] {
            for value in values.as_array().unwrap() {
                let flat = json!({ "c": value, "other": "a" });
                assert_eq!(holds(&condition(json!("c")), &flat), expected, "{test} {value}");
                let nested = json!({ "o": { "p": { "c": value } }, "c": "x" });
                assert_eq!(holds(&condition(json!(["o", "p", "c"])), &nested), expected, "{test} {value}");
            }
        }
        let absent = test == json!({ "exists": false });
        assert_eq!(holds(&condition(json!("c")), &json!({ "C": "a" })), absent, "{test}");
        assert_eq!(holds(&condition(json!(["o", "c"])), &json!({ "o": "a" })), absent, "{test}");
        assert_eq!(holds(&condition(json!(["o", "c"])), &json!({ "o.c": "a", "c": "a" })), absent, "{test}");
    }
}

#[test]
fn a_name_is_one_name_whatever_is_in_it() {
    let condition = json!({ "claim": "https://a.example/roles", "contains": "x" });
    assert!(holds(&condition, &json!({ "https://a.example/roles": ["x"] })));
    assert!(!holds(&json!({ "claim": "a.b", "equals": "x" }), &json!({ "a": { "b": "x" } })));
    assert!(!holds(&json!({ "claim": "/a/b", "equals": "x" }), &json!({ "a": { "b": "x" } })));
}

#[test]
fn a_number_in_another_spelling_is_another() {
    // Fail closed: what a float's rounding would make of these is nobody's intention.
    let bounds = Bounds { bytes: 1000, depth: 8, elements: 100 };
    for text in ["1.0", "1e0", "10e-1"] {
        let claims = alloc::format!("{{\"n\":{text}}}");
        let node = json::parse(&claims, bounds).unwrap();
        let Value::Object(claims) = &node.value else { panic!("claims") };
        let value = ClaimPath::new(["n".into()].into()).unwrap().value(claims);
        assert!(!Test::OneOf([Scalar::Number("1".into())].into()).holds(&value), "{text}");
    }
}
