use super::*;
use crate::envoy::corpus::case::{Request, Step};

/// A case that is allowed, with a token and a field that somebody has forged.
fn case() -> Case {
    let headers = [("authorization", "Bearer t"), ("X_Subject", "admin"), ("accept", "a")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let (method, host, target) = ("GET".to_owned(), "orders.example".to_owned(), "/1?t=1".to_owned());
    let grant = json!({
        "identity": { "issuer": "i", "subject": "shop", "client": "c", "scopes": ["a", "b"], "expiry": 7 },
        "remove": ["authorization", "x-subject"],
        "set": [["x-subject", "shop"]],
        "target": "/1",
    });
    Case {
        id: "case".to_owned(),
        policy: String::new(),
        jwks: [].into(),
        documents: [].into(),
        steps: vec![Step { request: Request { method, host, target, headers }, now: 1 }],
        expected: Outcome::from_json(&json!({ "verdict": "allow", "grant": grant })),
    }
}

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What the service answers if this arrives.
fn answer(target: &str, arrived: &[(&str, &str)]) -> Answer {
    let arrived = json!({ "target": target, "fields": fields(arrived) });
    let arrived = STANDARD.encode(arrived.to_string());
    Answer::Response { status: 200, fields: fields(&[(ARRIVED, &arrived)]) }
}

/// What arrives, if all is right.
const RIGHT: [(&str, &str); 9] = [
    ("host", "orders.example"),
    ("x-subject", "shop"),
    ("accept", "a"),
    ("conformance-decision", "allow"),
    ("conformance-issuer", "i"),
    ("conformance-subject", "shop"),
    ("conformance-client-id", "c"),
    ("conformance-scopes", "a b"),
    ("conformance-expiry", "7"),
];

#[test]
fn a_grant_is_what_became_of_the_request() {
    assert_eq!(of(&case(), &answer("/1", &RIGHT)), case().expected);
    for (name, value) in [
        // What was to be removed, in whichever spelling.
        ("authorization", "Bearer t"),
        ("x_subject", "admin"),
        // What was to be set, twice.
        ("x-subject", "admin"),
        // What nobody asked for.
        ("x-other", "1"),
        ("accept", "b"),
        ("conformance-scopes", "c"),
    ] {
        let mut arrived = vec![(name, value)];
        arrived.extend(RIGHT);
        assert_ne!(of(&case(), &answer("/1", &arrived)), case().expected, "{name}: {value}");
    }
    for left_out in
        ["x-subject", "accept", "conformance-issuer", "conformance-client-id", "conformance-expiry"]
    {
        let arrived: Vec<_> = RIGHT.into_iter().filter(|(name, _)| *name != left_out).collect();
        assert_ne!(of(&case(), &answer("/1", &arrived)), case().expected, "{left_out}");
    }
    assert_ne!(of(&case(), &answer("/1?t=1", &RIGHT)), case().expected);
}

#[test]
fn a_response_of_envoys_own_is_no_refusal_of_the_filters() {
    let response = |own: &[(&str, &str)]| {
        let answer = Answer::Response { status: 401, fields: fields(own) };
        of(&case(), &answer).to_json()
    };
    let filters = [
        ("conformance-decision", "deny"),
        ("conformance-reason", "token-missing"),
        ("www-authenticate", "Bearer"),
    ];
    let expected = json!({
        "verdict": "deny", "error": "token-missing", "status": 401, "challenge": "Bearer",
    });
    assert_eq!(response(&filters), expected);
    let envoys = [("conformance-decision", "-"), ("www-authenticate", "Bearer")];
    assert_eq!(response(&envoys), json!({ "verdict": "deny", "error": REFUSED_BY_ENVOY, "status": 401 }));
    // One that went upstream and was changed on the way back is none either.
    assert_eq!(response(&[("conformance-decision", "allow")])["verdict"], "allow");
}
