use super::*;
use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::{Value as Json, json};

use crate::{
    Decision, Verifier,
    testing::{self, Signer, at},
};

/// The grant for a request with a token of these further claims, by a policy with these members.
fn grant(members: &Json, claims: &[(&str, &str)], headers: &[(&str, &str)], target: &str) -> Grant {
    let signer = Signer::ed25519();
    let mut policy: Json =
        serde_json::from_str(&testing::policy(json!({ "jwks": { "keys": [signer.jwk("k")] } }))).unwrap();
    for (name, value) in members.as_object().unwrap() {
        policy[name] = value.clone();
    }
    let token = signer.access_token("k", claims);
    let headers: Vec<(&str, String)> =
        headers.iter().map(|(name, value)| (*name, value.replace("TOKEN", &token))).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let target = target.replace("TOKEN", &token);
    let request = Request { method: "GET", host: "h", target: &target, headers: &headers };
    match Verifier::load(&policy.to_string()).unwrap().authorize(&request, at(0)) {
        Decision::Allow(grant) => grant,
        other => panic!("{other:?}"),
    }
}

fn with_claims(claims: &[(&str, &str)]) -> Vec<(String, String)> {
    let members = json!({ "upstream": { "claims": [
        { "claim": "sub", "header": "X-Subject" },
        { "claim": ["realm", "roles"], "header": "x-roles" },
        { "claim": "n", "header": "x-n" },
    ] } });
    grant(&members, claims, &[("authorization", "Bearer TOKEN")], "/").set
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_string(), value.to_string())
}

#[test]
fn claims_become_fields() {
    assert_eq!(
        with_claims(&[("realm", r#"{"roles":["a","b c"]}"#), ("n", "1.50")]),
        [pair("x-subject", "billing"), pair("x-roles", "a,b c"), pair("x-n", "1.50")]
    );
    assert_eq!(
        with_claims(&[("realm", r#"{"roles":"one"}"#), ("n", "true")]),
        [pair("x-subject", "billing"), pair("x-roles", "one"), pair("x-n", "true")]
    );
}

#[test]
fn v36_a_claim_that_is_no_clean_value_sets_no_field() {
    let long = format!("{:?}", "x".repeat(limits::UPSTREAM_VALUE_BYTES + 1));
    let longest = "x".repeat(limits::UPSTREAM_VALUE_BYTES);
    assert_eq!(with_claims(&[("n", &format!("{longest:?}"))]).last().unwrap(), &pair("x-n", &longest));
    for value in [
        "null",
        "{}",
        "[]",
        "[null]",
        r#"["a",{}]"#,
        r#"["a,b"]"#,
        r#""""#,
        r#"" a""#,
        r#""a ""#,
        r#""a\r\nX-Admin: 1""#,
        r#""a\u0000""#,
        r#""é""#,
        &long,
    ] {
        assert_eq!(with_claims(&[("n", value)]), [pair("x-subject", "billing")], "{value}");
    }
    assert_eq!(with_claims(&[("realm", r#""x""#)]), [pair("x-subject", "billing")]);
}

#[test]
fn v36_its_own_fields_are_removed_in_every_spelling() {
    let members = json!({
        "upstream": { "claims": [{ "claim": "sub", "header": "X_Subject-ID" }], "payload": "x-payload" },
        "routes": [{ "path": { "exact": "/public" }, "public": true }, {}],
    });
    let own = ["tessera-dry-run", "x-subject-id", "x-payload"];
    let public = grant(&members, &[], &[], "/public");
    assert_eq!(public.remove(), own);
    assert!(public.set.is_empty() && public.token.is_none());
    let known = grant(&members, &[], &[("authorization", "Bearer TOKEN")], "/x");
    assert_eq!(known.remove(), [&own[..], &["authorization"]].concat());
}

#[test]
fn the_payload_goes_as_it_is_in_the_token() {
    let members = json!({ "upstream": { "payload": "X-Payload", "forward_token": true } });
    let grant = grant(&members, &[], &[("authorization", "Bearer TOKEN")], "/");
    let payload = testing::encode(testing::claims(&[]));
    assert_eq!(grant.set, [pair("x-payload", &payload)]);
    assert_eq!(grant.remove(), ["tessera-dry-run", "x-payload"], "the token stays");
}

#[test]
fn a_token_is_taken_out_of_where_it_was() {
    let sources = json!({ "tokens": [
        { "header": "X_Token", "prefix": "Token " }, { "cookie": "session" }, { "query": "access_token" },
    ] });
    let in_header = grant(&sources, &[], &[("x_token", "Token TOKEN")], "/a?b=1");
    assert_eq!((in_header.remove.last().unwrap().as_str(), in_header.target), ("x-token", None));

    let cookies = [("cookie", "a=1; session=TOKEN;flag;"), ("cookie", "c= 3")];
    let in_cookie = grant(&sources, &[], &cookies, "/a");
    assert_eq!(in_cookie.remove.last().unwrap(), "cookie");
    assert_eq!(in_cookie.set, [pair("cookie", "a=1; flag; c= 3")]);
    assert!(grant(&sources, &[], &[("cookie", "session=TOKEN")], "/a").set.is_empty());

    for (target, expected) in [
        ("/a?access_token=TOKEN", "/a"),
        ("/a?x=1&access_token=TOKEN&y=%20", "/a?x=1&y=%20"),
        ("/a?access%5ftoken=TOKEN&&y", "/a?&y"),
    ] {
        let in_query = grant(&sources, &[], &[], target);
        assert_eq!(in_query.target.as_deref(), Some(expected), "{target}");
    }
}

#[test]
fn a_grant_shows_no_claim_and_no_cookie() {
    let sources = json!({ "tokens": [{ "cookie": "session" }] });
    let grant = grant(&sources, &[], &[("cookie", "session=TOKEN; other=secret")], "/");
    assert!(!format!("{grant:?}").contains("secret"));
}
