use super::*;
use alloc::{format, string::ToString, vec};
use serde_json::{Value as Json, json};

use crate::{algorithm::Algorithm, testing::Signer};

mod issuers;
mod survival;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text, Backend::Portable)
}

/// A policy without fault, to put faults into.
fn good() -> Json {
    json!({
        "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwks.json" }],
        "audiences": ["orders"],
    })
}

fn with(member: &str, value: Json) -> String {
    let mut policy = good();
    policy[member] = value;
    policy.to_string()
}

/// A policy whose one issuer has these further members; `null` takes one away.
fn with_issuer(changes: &Json) -> String {
    let mut policy = good();
    let issuer = policy["issuers"][0].as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            issuer.remove(name);
        } else {
            issuer.insert(name.clone(), value.clone());
        }
    }
    policy.to_string()
}

/// What is wrong: place, message and suggestion, in the form in which people see them.
fn faults(policy: &str) -> Vec<String> {
    match parse(policy) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let show = |problem: &Problem| {
                let suggestion =
                    problem.suggestion.as_ref().map_or(String::new(), |text| format!(" ({text})"));
                format!("{}: {}{suggestion}", problem.pointer, problem.message)
            };
            error.problems().iter().map(show).collect()
        }
    }
}

fn assert_faults(policy: &str, expected: &[&str]) {
    assert_eq!(faults(policy), expected, "{policy}");
}

#[test]
fn takes_the_smallest_policy_and_fills_in_the_defaults() {
    let policy = parse(&good().to_string()).unwrap();
    let [issuer] = policy.issuers.as_slice() else { panic!("one issuer") };
    assert_eq!(issuer.name, "https://issuer.example");
    assert_eq!(issuer.profile, Profile::AccessToken);
    assert_eq!(issuer.algorithms, Algorithm::ALL);
    assert_eq!((issuer.clock_skew, issuer.max_lifetime), (30, 86_400));
    assert!(matches!(&issuer.keys, KeySource::Url(url) if url == "https://issuer.example/jwks.json"));
    assert!(issuer.types.is_empty() && issuer.claims.is_empty());
    assert_eq!((policy.cache.entries, policy.cache.bytes), (10_000, 16 * 1024 * 1024));
    let Rules { audiences, tokens, routes, upstream, challenge, resource, cors_preflight, dry_run } =
        policy.rules;
    assert_eq!(audiences, ["orders"]);
    assert_eq!(tokens, [TokenSource::bearer()]);
    assert!(routes.is_empty() && resource.is_none() && !cors_preflight && !dry_run);
    assert_eq!((challenge.realm, challenge.resource_metadata), (None, None));
    assert!(!challenge.blames_token_for_missing_keys && !upstream.forward_token);
}

#[test]
fn takes_all_that_a_policy_can_say() {
    let policy = json!({
        "issuers": [
            {
                "issuer": "https://issuer.example",
                "jwks_uri": "http://127.0.0.1:8080/jwks.json",
                "profile": "at+jwt",
                "algorithms": ["ES256", "Ed25519"],
                "clock_skew": 0,
                "max_lifetime": 3600,
            },
            { "issuer": "platform", "jwks": { "keys": [Signer::es256().jwk("k")] }, "profile": "jwt" },
            { "issuer": "spiffe://example.org", "jwks_uri": "https://spire.example/bundle", "profile": "jwt-svid" },
            {
                "issuer": "shop",
                "jwks_uri": "https://shop.example/jwks.json",
                "profile": "client-assertion",
                "claims": [{ "claim": "env", "glob": "prod-*" }],
            },
        ],
        "audiences": ["orders", "https://orders.example"],
        "routes": [
            { "path": { "exact": "/healthz" }, "public": true },
            { "methods": ["GET", "HEAD"], "path": { "prefix": "/orders" }, "scopes": ["orders:read"] },
            { "path": { "prefix": "/x" }, "public": false },
            {},
        ],
        "challenge": { "realm": "orders", "resource_metadata": "https://orders.example/.well-known/x" },
        "allow_http_loopback": true,
    });
    let policy = parse(&policy.to_string()).unwrap();
    assert_eq!(policy.issuers[0].algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!((policy.issuers[0].clock_skew, policy.issuers[0].max_lifetime), (0, 3600));
    assert_eq!(policy.issuers[1].profile, Profile::Jwt);
    assert!(matches!(policy.issuers[1].keys, KeySource::Inline(_)));
    assert_eq!(policy.issuers[2].profile, Profile::JwtSvid);
    assert!(!policy.issuers[2].algorithms.contains(&Algorithm::EdDsa));
    assert_eq!(policy.issuers[3].profile, Profile::ClientAssertion);
    let access: Vec<_> = policy.rules.routes.iter().map(|route| &route.access).collect();
    let [Access::Public, Access::Token { requirement, optional: false }, rest @ ..] = access.as_slice()
    else {
        panic!("{access:?}")
    };
    assert_eq!(requirement.scopes(), ["orders:read"]);
    let any_token = Access::Token { requirement: Requirement::ANY_TOKEN.clone(), optional: false };
    assert_eq!(rest, [&any_token, &any_token]);
}

#[test]
fn says_line_and_column_in_characters() {
    let text = "{\n  \"issuers\": [\n    { \"issuer\": \"é\", \"jwks_uri\": \"http://é\" } ],\n\t\"audiences\": [] }";
    let error = parse(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3:34: /issuers/0/jwks_uri: a URL is ASCII without spaces, quotes, backslashes, braces and the characters <>^`|\n\
         4:15: /audiences: at least one is needed"
    );
    let places: Vec<_> = error.problems().iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(3, 34), (4, 15)]);
    assert_eq!(error.clone().into_problems(), error.problems());
}

#[test]
fn says_every_problem_at_once_in_the_order_of_the_document() {
    let text = r#"{
  "routes": [{ "methods": ["get", 1, "get"], "scopes": ["a b"] }],
  "issuer": [],
  "audiences": ["orders", "orders", ""],
  "issuers": [{ "jwks_uri": "https://issuer.example/jwks.json", "algorithms": ["HS256"], "clock_skew": 301 }, {}]
}"#;
    let error = parse(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2:28: /routes/0/methods/0: `get` is no method: they are upper-case letters (RFC 9110 §9.1) (write `GET`)\n\
         2:35: /routes/0/methods/1: expected a string, found a number\n\
         2:38: /routes/0/methods/2: `get` is already named\n\
         2:38: /routes/0/methods/2: `get` is no method: they are upper-case letters (RFC 9110 §9.1) (write `GET`)\n\
         2:57: /routes/0/scopes/0: `a b` is no scope (RFC 6749 §3.3)\n\
         3:3: /issuer: unknown member (did you mean `issuers`?)\n\
         4:27: /audiences/1: `orders` is already named\n\
         4:37: /audiences/2: the text is empty\n\
         5:15: /issuers/0: `issuer` is missing\n\
         5:80: /issuers/0/algorithms/0: `HS256` is not supported; there are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA (did you mean `ES256`?)\n\
         5:104: /issuers/0/clock_skew: expected whole seconds from 0 to 300\n\
         5:111: /issuers/1: `issuer` is missing\n\
         5:111: /issuers/1: `discovery`, `jwks_uri` or `jwks` is missing"
    );
}

#[test]
fn shows_a_document_that_plays_with_the_terminal_on_one_line() {
    let mut policy = good();
    policy["a\n\u{1b}[2J"] = 1.into();
    policy["issuers"][0]["profile"] = "\r\u{9b}".into();
    let shown = parse(&policy.to_string()).unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(
        lines,
        [
            r"/a\n\u{1b}[2J: unknown member (known here: issuers, audiences, tokens, routes, upstream, challenge, resource, while_keys_missing, cors_preflight, dry_run, token_cache, allow_http_loopback)",
            r"/issuers/0/profile: `\r\u{9b}` is no profile; there are at+jwt, jwt, jwt-svid, client-assertion",
        ]
    );
}

#[test]
fn stops_reporting_where_nobody_reads_on() {
    let audiences = vec![json!(1); 4000];
    let error = parse(&with("audiences", audiences.into())).unwrap_err();
    assert_eq!(error.problems().len(), limits::POLICY_PROBLEMS);
    assert_eq!(error.problems()[99].pointer, "/audiences/99");
}

#[test]
fn says_what_keeps_it_from_reading_at_all() {
    for (text, expected) in [
        ("", "1:1: ends too early"),
        ("{\n \"issuers\" }", "2:12: unexpected character"),
        ("{\"a\":1,\n\"a\":2}", "2:1: a member appears twice"),
        ("{} {}", "1:4: something follows the value"),
        ("[]", "1:1: expected an object, found an array"),
        ("null", "1:1: expected an object, found null"),
        ("{}", "1:1: `issuers` is missing\n1:1: `audiences` is missing"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text:?}");
    }
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    assert_eq!(parse(&deep).unwrap_err().to_string(), "1:17: nested too deep");
    let long = format!("{}{}", good(), " ".repeat(limits::POLICY_BYTES));
    assert_eq!(faults(&long), [": too long"]);
    // The bound may fall inside a character.
    let long = "é".repeat(limits::POLICY_BYTES);
    assert_eq!(faults(&long), [": too long"]);
}

#[test]
fn knows_every_member_and_suggests_the_close_ones() {
    assert_faults(&with("Audience", json!([])), &["/Audience: unknown member (did you mean `audiences`?)"]);
    assert_faults(
        &with("listen", json!(1)),
        &[
            "/listen: unknown member (known here: issuers, audiences, tokens, routes, upstream, challenge, resource, while_keys_missing, cors_preflight, dry_run, token_cache, allow_http_loopback)",
        ],
    );
    assert_faults(
        &with("a/b~c", json!(1)).replace("a/b~c", "routes/~"),
        &["/routes~1~0: unknown member (did you mean `routes`?)"],
    );
    for (changes, expected) in [
        (json!({ "jwksUri": "x" }), "/issuers/0/jwksUri: unknown member (did you mean `jwks_uri`?)"),
        (
            json!({ "algorithm": ["ES256"] }),
            "/issuers/0/algorithm: unknown member (did you mean `algorithms`?)",
        ),
        (json!({ "clock-skew": 1 }), "/issuers/0/clock-skew: unknown member (did you mean `clock_skew`?)"),
        (
            json!({ "certificates": "x" }),
            "/issuers/0/certificates: unknown member (known here: issuer, discovery, jwks_uri, jwks, profile, \
             types, algorithms, clock_skew, max_lifetime, max_stale, status, claims)",
        ),
    ] {
        assert_faults(&with_issuer(&changes), &[expected]);
    }
    assert_faults(
        &with("challenge", json!({ "Realm": "x" })),
        &["/challenge/Realm: unknown member (did you mean `realm`?)"],
    );
    assert_faults(
        &with("routes", json!([{ "scope": ["x"], "path": { "prefixes": "/" } }])),
        &[
            "/routes/0/path: `exact`, `prefix`, `template` or `regex` is missing",
            "/routes/0/path/prefixes: unknown member (did you mean `prefix`?)",
            "/routes/0/scope: unknown member (did you mean `scopes`?)",
        ],
    );
}

#[test]
fn wants_each_value_of_its_type() {
    for (member, value, expected) in [
        ("issuers", json!({}), "/issuers: expected an array, found an object"),
        ("issuers", json!([]), "/issuers: at least one is needed"),
        ("issuers", json!([1]), "/issuers/0: expected an object, found a number"),
        ("audiences", json!("orders"), "/audiences: expected an array, found a string"),
        ("audiences", json!([null]), "/audiences/0: expected a string, found null"),
        ("routes", json!(true), "/routes: expected an array, found a boolean"),
        ("routes", json!([[]]), "/routes/0: expected an object, found an array"),
        ("challenge", json!("x"), "/challenge: expected an object, found a string"),
        ("challenge", json!({ "realm": 1 }), "/challenge/realm: expected a string, found a number"),
        ("challenge", json!({ "realm": "a\r\nb" }), "/challenge/realm: a realm is printable ASCII"),
        ("challenge", json!({ "realm": "é" }), "/challenge/realm: a realm is printable ASCII"),
        ("allow_http_loopback", json!("yes"), "/allow_http_loopback: expected true or false, found a string"),
    ] {
        assert_faults(&with(member, value), &[expected]);
    }
    for (changes, expected) in [
        (json!({ "issuer": 1 }), "/issuers/0/issuer: expected a string, found a number"),
        (json!({ "issuer": "" }), "/issuers/0/issuer: the text is empty"),
        (json!({ "issuer": "i".repeat(2049) }), "/issuers/0/issuer: the text is too long"),
        (json!({ "issuer": null }), "/issuers/0: `issuer` is missing"),
        (json!({ "profile": ["jwt"] }), "/issuers/0/profile: expected a string, found an array"),
        (
            json!({ "profile": "JWT" }),
            "/issuers/0/profile: `JWT` is no profile; there are at+jwt, jwt, jwt-svid, client-assertion (did you mean `jwt`?)",
        ),
        (
            json!({ "profile": "id_token" }),
            "/issuers/0/profile: `id_token` is no profile; there are at+jwt, jwt, jwt-svid, client-assertion",
        ),
        (json!({ "algorithms": [] }), "/issuers/0/algorithms: at least one is needed"),
        (json!({ "algorithms": "ES256" }), "/issuers/0/algorithms: expected an array, found a string"),
        (
            json!({ "algorithms": ["none"] }),
            "/issuers/0/algorithms/0: `none` is not supported; there are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
        ),
        (
            json!({ "clock_skew": "30" }),
            "/issuers/0/clock_skew: expected a number of seconds, found a string",
        ),
        (json!({ "clock_skew": 1.5 }), "/issuers/0/clock_skew: expected whole seconds from 0 to 300"),
        (json!({ "clock_skew": -1 }), "/issuers/0/clock_skew: expected whole seconds from 0 to 300"),
        (json!({ "max_lifetime": 0 }), "/issuers/0/max_lifetime: expected whole seconds from 1 to 31622400"),
        (
            json!({ "max_lifetime": 31_622_401 }),
            "/issuers/0/max_lifetime: expected whole seconds from 1 to 31622400",
        ),
    ] {
        assert_faults(&with_issuer(&changes), &[expected]);
    }
}

#[test]
fn refuses_contradictions() {
    let jwks = json!({ "keys": [Signer::ed25519().jwk("k")] });
    assert_faults(
        &with_issuer(&json!({ "jwks": jwks })),
        &["/issuers/0/jwks: `jwks_uri` is there as well: keep one"],
    );
    assert_faults(
        &with_issuer(&json!({ "jwks_uri": null })),
        &["/issuers/0: `discovery`, `jwks_uri` or `jwks` is missing"],
    );
    let issuer = json!({ "issuer": "i", "jwks": jwks });
    assert_faults(
        &with("issuers", json!([issuer, issuer])),
        &["/issuers/1: the issuer `i` is already there"],
    );
    assert_faults(&with("routes", json!([])), &["/routes: at least one is needed"]);
    for (route, expected) in [
        (
            json!({ "public": true, "scopes": ["a"] }),
            "/routes/0/scopes: the route is `public`, so this is never asked",
        ),
        (json!({ "scopes": [] }), "/routes/0/scopes: at least one is needed"),
        (json!({ "methods": [] }), "/routes/0/methods: at least one is needed"),
        (
            json!({ "path": { "exact": "/a", "prefix": "/a" } }),
            "/routes/0/path/prefix: `exact` is there as well: keep one",
        ),
        (json!({ "path": {} }), "/routes/0/path: `exact`, `prefix`, `template` or `regex` is missing"),
        (json!({ "path": "/a" }), "/routes/0/path: expected an object, found a string"),
        (json!({ "path": { "exact": 1 } }), "/routes/0/path/exact: expected a string, found a number"),
    ] {
        assert_faults(&with("routes", json!([route])), &[expected]);
    }
}

#[test]
fn takes_paths_only_as_requests_are_matched() {
    for (path, expected) in [
        ("orders", "/routes/0/path/exact: no such path: it is no path"),
        ("/a//b", "/routes/0/path/exact: no such path: it has an empty segment"),
        ("/a/../b", "/routes/0/path/exact: no such path: it has a dot segment"),
        ("/a;b", "/routes/0/path/exact: no such path: it has a path parameter"),
        ("/a%2fb", "/routes/0/path/exact: no such path: it has an encoded delimiter or control character"),
        ("/%61", "/routes/0/path/exact: the path is not normalised (write `/a`)"),
        ("/a%3ab", "/routes/0/path/exact: the path is not normalised (write `/a:b`)"),
        ("/caf%c3%a9", "/routes/0/path/exact: the path is not normalised (write `/caf%C3%A9`)"),
        ("/a?b", "/routes/0/path/exact: the path is not normalised (write `/a`)"),
    ] {
        assert_faults(&with("routes", json!([{ "path": { "exact": path } }])), &[expected]);
    }
}

#[test]
fn says_of_methods_what_can_be_said() {
    assert_faults(
        &with("routes", json!([{ "methods": ["*"] }])),
        &["/routes/0/methods/0: `*` is no method: they are upper-case letters (RFC 9110 §9.1)"],
    );
}
