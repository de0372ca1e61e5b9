//! What is not converted, and why.

use super::*;

#[test]
fn what_would_be_weaker_is_refused() {
    let main = "/providers/main";
    for (changes, place, text) in [
        (json!({ "issuer": "" }), format!("{main}/issuer"), "write the issuer's"),
        (json!({ "audiences": [] }), format!("{main}/audiences"), "--audience NAME"),
        (json!({ "subjects": { "suffix": "x" } }), format!("{main}/subjects"), "`exact` or `prefix`"),
        (json!({ "new_check": true }), format!("{main}/new_check"), "not known here"),
        (json!({ "forward": "yes" }), format!("{main}/forward"), "true or false"),
        (json!({ "fromHeaders": [], "from_headers": [] }), format!("{main}/fromHeaders"), "other spelling"),
        (
            json!({ "remote_jwks": { "http_uri": { "uri": "http://issuer.example/k", "cluster": "c" } } }),
            format!("{main}/remote_jwks/http_uri/uri"),
            "https URLs only",
        ),
        (
            json!({ "claim_to_headers": [{ "header_name": "cookie", "claim_name": "sub" }] }),
            "/typed_config".to_owned(),
            "`cookie` has a meaning of its own",
        ),
    ] {
        assert_refused(&with(&changes), &place, text);
    }
    let matched =
        |matched: Value| ruled(&json!([{ "match": matched, "requires": { "provider_name": "main" } }]));
    for (rule, place, text) in [
        (
            json!({ "prefix": "/", "query_parameters": [{ "name": "a" }] }),
            "query_parameters",
            "cannot be said",
        ),
        (
            json!({ "prefix": "/", "headers": [{ "name": "x-a", "present_match": true }] }),
            "headers/0",
            "`:method`",
        ),
        (
            json!({ "prefix": "/", "headers": [{ "name": ":method", "exact_match": "GET", "invert_match": true }] }),
            "headers/0",
            "`:method`",
        ),
        (json!({ "prefix": "/a%2fb" }), "prefix", "normal form"),
        (json!({ "safe_regex": { "regex": r"/\bx" } }), "safe_regex/regex", "something else"),
        (json!({ "connect_matcher": {} }), "connect_matcher", "CONNECT"),
        (json!({}), "match", "is expected here"),
    ] {
        assert_refused(&matched(rule), place, text);
    }
}

#[test]
fn providers_that_one_policy_cannot_hold_are_refused() {
    let both = json!([rule("/a/", "main"), rule("/b/", "ci")]);
    for (member, value, text) in [
        ("from_cookies", json!(["session"]), "read in other places"),
        ("forward_payload_header", json!("x-payload"), "the service could take"),
        ("issuer", json!("https://issuer.example"), "would not be taken"),
    ] {
        let mut filter = ruled(&both);
        filter["providers"]["ci"][member] = value;
        if member == "issuer" {
            // The audiences are not part of the issuer, and may differ.
            assert_ne!(convert(&filter).configuration, None);
            filter["providers"]["ci"]["clock_skew_seconds"] = 1.into();
            assert_refused(&filter, "/providers/main", "a policy knows an issuer once");
            continue;
        }
        assert_refused(&filter, "/providers/main", text);
    }
    let all = json!([{ "match": { "prefix": "/" }, "requires": { "requires_all": { "requirements": [
        { "provider_name": "main" }, { "provider_name": "ci" },
    ]}}}]);
    assert_refused(&ruled(&all), "/requires_all", "several tokens");
    let mut filter = ruled(&all);
    filter["providers"]["ci"]["issuer"] = "https://issuer.example".into();
    assert_eq!(
        configuration(&filter)["policy"]["routes"],
        json!([{ "all_of": [{ "audiences": ["orders"] }, {}] }])
    );
}

#[test]
fn metadata_that_somebody_reads_is_not_just_gone() {
    let written = json!({ "payload_in_metadata": "payload" });
    let namespace = "envoy.filters.http.jwt_authn";
    for (reader, place) in [
        (json!({ "rbac": { "metadata": { "filter": namespace } } }), "/rbac/metadata/filter"),
        (json!({ "rate_limit": { "metadata_key": { "key": namespace } } }), "/rate_limit/metadata_key/key"),
        (json!({ "ext_authz": { "namespaces": ["other", namespace] } }), "/ext_authz/namespaces"),
        (json!({ "value": format!("%DYNAMIC_METADATA({namespace}:payload:sub)%") }), "/value"),
    ] {
        let mut root = bootstrap(&with(&written));
        root.as_object_mut().unwrap().extend(reader.as_object().unwrap().clone());
        let converted = convert_root(&root, &options());
        assert_eq!(converted.configuration, None, "{place}");
        assert_eq!((converted.notes[0].kind, converted.notes[0].place.as_str()), (Kind::Refused, place));
        // Where nothing was ever written, nothing is missed.
        let (name, value) = reader.as_object().unwrap().iter().next().unwrap();
        let mut root = bootstrap(&with(&json!({})));
        root[name] = value.clone();
        assert_ne!(convert_root(&root, &options()).configuration, None, "{place}");
    }
    let mut root = bootstrap(&with(&written));
    root["access_log"] = json!([{ "format": format!("%DYNAMIC_METADATA({namespace})%") }]);
    let converted = convert_root(&root, &options());
    assert_ne!(converted.configuration, None);
    assert!(notes(&converted, Kind::Dropped).iter().any(|text| text.starts_with("what this logs")));
}

#[test]
fn what_cannot_be_read_is_not_left_out_in_silence() {
    // An empty prefix is for every request, and a rule is not gone because part of it is empty.
    let everything = json!([{ "match": { "prefix": "" }, "requires": { "provider_name": "main" } }]);
    let expected = json!([{ "issuers": ["https://issuer.example"], "audiences": ["orders"] }]);
    let mut filter = ruled(&everything);
    assert_eq!(configuration(&filter)["policy"]["routes"], Value::Null);
    filter["rules"] = json!([everything[0], rule("/b/", "ci")]);
    assert_eq!(configuration(&filter)["policy"]["routes"], expected);
    for rules in [
        json!([{ "match": { "prefix": "/" }, "requires": { "provider_name": "" } }]),
        json!([{ "match": { "path": "" }, "requires": { "provider_name": "main" } }]),
        json!([{ "match": { "safe_regex": {} }, "requires": { "provider_name": "main" } }]),
        json!([{ "match": { "prefix": "/" }, "requires": { "requires_any": {} } }]),
        json!([{ "match": { "prefix": "/" }, "requires": { "requires_any": null }, "requirement_name": "" }, 7]),
    ] {
        let converted = convert(&ruled(&rules));
        assert_eq!(converted.configuration, None, "{rules}");
        assert!(converted.notes.iter().any(|note| note.kind == Kind::Refused), "{rules}");
    }
}
