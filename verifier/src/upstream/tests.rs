use super::*;
use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::{Value as Json, json};

use crate::{
    Decision,
    testing::{self, Signer, at},
};

/// The permit for a request with a token of these further claims, by a policy with these members.
fn permit(members: &Json, claims: &[(&str, &str)], headers: &[(&str, &str)], target: &str) -> Permit {
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
    match testing::authorize(&mut testing::load(&policy.to_string()), &request, at(0)) {
        Decision::Allow(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn with_claims(claims: &[(&str, &str)]) -> Vec<(String, String)> {
    let members = json!({ "upstream": { "claims": [
        { "claim": "sub", "header": "X-Subject" },
        { "claim": ["realm", "roles"], "header": "x-roles" },
        { "claim": "n", "header": "x-n" },
    ] } });
    permit(&members, claims, &[("authorization", "Bearer TOKEN")], "/").set
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_string(), value.to_string())
}

fn removed(permit: &Permit) -> Vec<&str> {
    permit.removed_fields().collect()
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
    let public = permit(&members, &[], &[], "/public");
    assert_eq!(removed(&public), own);
    assert!(public.set.is_empty() && public.token.is_none());
    let known = permit(&members, &[], &[("authorization", "Bearer TOKEN")], "/x");
    assert_eq!(removed(&known), [&own[..], &["authorization"]].concat());
}

#[test]
fn the_payload_goes_as_it_is_in_the_token() {
    let members = json!({ "upstream": { "payload": "X-Payload", "forward_token": true } });
    let permit = permit(&members, &[], &[("authorization", "Bearer TOKEN")], "/");
    let payload = testing::encode(testing::claims(&[]));
    assert_eq!(permit.set, [pair("x-payload", &payload)]);
    assert_eq!(removed(&permit), ["tessera-dry-run", "x-payload"], "the token stays");
}

#[test]
fn a_token_is_taken_out_of_where_it_was() {
    let sources = json!({ "tokens": [
        { "header": "X_Token", "prefix": "Token " }, { "cookie": "session" }, { "query": "access_token" },
    ] });
    let in_header = permit(&sources, &[], &[("x_token", "Token TOKEN")], "/a?b=1");
    assert_eq!((in_header.token_field(), in_header.target()), (Some("x-token"), None));

    let cookies = [("cookie", "a=1; session=TOKEN;flag;"), ("cookie", "c= 3")];
    let in_cookie = permit(&sources, &[], &cookies, "/a");
    assert_eq!(in_cookie.token_field(), Some("cookie"));
    assert_eq!(in_cookie.set, [pair("cookie", "a=1; flag; c= 3")]);
    assert!(permit(&sources, &[], &[("cookie", "session=TOKEN")], "/a").set.is_empty());

    for (target, expected) in [
        ("/a?access_token=TOKEN", "/a"),
        ("/a?x=1&access_token=TOKEN&y=%20", "/a?x=1&y=%20"),
        ("/a?access%5ftoken=TOKEN&&y", "/a?&y"),
    ] {
        let in_query = permit(&sources, &[], &[], target);
        assert_eq!(in_query.target.as_deref(), Some(expected), "{target}");
    }
}

#[test]
fn a_permit_shows_no_claim_and_no_cookie() {
    let sources = json!({ "tokens": [{ "cookie": "session" }] });
    let permit = permit(&sources, &[], &[("cookie", "session=TOKEN; other=secret")], "/");
    assert!(!format!("{permit:?}").contains("secret"));
}
