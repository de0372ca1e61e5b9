mod rerouted;
mod shared;

use serde_json::{Value, json};

use super::super::document::Document;
use super::*;

/// The filter with our plug-in.
fn filter(plugin: &Value) -> Value {
    json!({
        "name": "tessera",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": "tessera",
                    "code": { "local": { "filename": "/lib/tessera-envoy.wasm" } },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": plugin.to_string(),
                },
            },
        },
    })
}

fn plugin() -> Value {
    let policy = json!({
        "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwks.json" }],
        "audiences": ["orders"],
    });
    json!({
        "policy": policy,
        "policies": { "deploy": policy },
        "clusters": { "https://issuer.example": "issuer" },
        "crypto": "auto",
        "attributes": ["subject", "client_id"],
    })
}

/// A bootstrap with a filter, and with a cluster that checks whom it talks to.
fn bootstrap(filter: &Value) -> Value {
    let tls = json!({ "common_tls_context": { "validation_context": { "trusted_ca": { "filename": "/ca.pem" } } } });
    json!({ "static_resources": {
        "listeners": [{ "typed_config": { "http_filters": [filter] } }],
        "clusters": [{ "name": "issuer", "transport_socket": { "typed_config": tls } }],
    }})
}

fn checked(root: &Value) -> Checked {
    let document = Document::parse(&root.to_string());
    assert!(concerns(document.root()));
    check(&document)
}

/// Changes what a JSON Pointer names.
fn set(mut root: Value, place: &str, value: Value) -> Value {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match root.pointer_mut(parent).unwrap() {
        Value::Array(elements) => elements[name.parse::<usize>().unwrap()] = value,
        members => members[name] = value,
    }
    root
}

const FILTER: &str = "/static_resources/listeners/0/typed_config/http_filters/0";
const VALUE: &str =
    "/static_resources/listeners/0/typed_config/http_filters/0/typed_config/config/configuration/value";

#[track_caller]
fn assert_problem(root: &Value, place: &str, message: &str) {
    let found: Vec<_> =
        checked(root).problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect();
    assert_eq!(found, [(place.to_owned(), message.to_owned())]);
}

#[track_caller]
fn assert_warning(root: &Value, place: &str, message: &str) {
    let Checked { problems, warnings } = checked(root);
    assert_eq!(problems, []);
    let found: Vec<_> = warnings.into_iter().map(|problem| (problem.pointer, problem.message)).collect();
    assert_eq!(found, [(place.to_owned(), message.to_owned())]);
}

#[test]
fn a_good_configuration_has_nothing_said_about_it() {
    let Checked { problems, warnings } = checked(&bootstrap(&filter(&plugin())));
    assert_eq!((problems, warnings), (Vec::new(), Vec::new()));
    assert_eq!(checked(&plugin()).problems, []);
}

#[test]
fn a_policy_is_no_concern_of_ours() {
    assert!(!concerns(&plugin()["policy"]));
    assert!(!concerns(&json!({ "polcy": {} })));
}

#[test]
fn the_policies_are_checked_where_they_are() {
    let mut bad = plugin();
    bad["policies"]["deploy"]["audience"] = json!([]);
    let message = "/policies/deploy/audience: unknown member";
    assert_problem(&bootstrap(&filter(&bad)), VALUE, message);

    let alone = "policy:\n  issuers: []\n  audiences: [orders]\nclusters: {}\n";
    let [problem] = &check(&Document::parse(alone)).problems[..] else { panic!("one problem") };
    assert_eq!(problem.to_string(), "2:12: /policy/issuers: at least one is needed");
}

#[test]
fn status_lists_need_a_cluster_too() {
    let lists = json!({ "lists": "https://lists.example/status/" });
    let elsewhere = set(plugin(), "/policy/issuers/0/status", lists);
    let message = "/clusters: no cluster for https://lists.example/status/";
    assert_problem(&bootstrap(&filter(&elsewhere)), VALUE, message);
    let both = json!({ "https://issuer.example": "issuer", "https://lists.example": "issuer" });
    let with = set(elsewhere, "/clusters", both);
    assert_eq!(checked(&bootstrap(&filter(&with))).problems, []);
}

#[test]
fn keys_need_a_cluster_that_exists() {
    let none = set(plugin(), "/clusters", json!({ "https://other.example": "issuer" }));
    let found = checked(&bootstrap(&filter(&none))).problems;
    assert_eq!(found[0].message, "/clusters: no cluster for https://issuer.example/jwks.json");
    assert_eq!(
        found[0].suggestion.as_deref(),
        Some("add `\"https://issuer.example\": \"NAME\"` to `clusters`")
    );
    // A name that only begins like the origin is another origin.
    let longer = set(plugin(), "/clusters", json!({ "https://issuer.exam": "issuer" }));
    assert!(!checked(&bootstrap(&filter(&longer))).problems.is_empty());
    for origin in ["issuer.example", "https://issuer.example/"] {
        let wrong =
            set(plugin(), "/clusters", json!({ "https://issuer.example": "issuer", origin: "issuer" }));
        let found = checked(&bootstrap(&filter(&wrong))).problems;
        assert!(found[0].message.ends_with(": this is no origin of URLs"), "{found:?}");
    }

    let missing = set(plugin(), "/clusters", json!({ "https://issuer.example": "isuer" }));
    let root = bootstrap(&filter(&missing));
    let message = "/clusters: there is no cluster `isuer`, which is to reach https://issuer.example";
    assert_problem(&root, VALUE, message);
    // Where clusters come from elsewhere, nobody can say.
    let dynamic = set(root.clone(), "/dynamic_resources", json!({ "cds_config": {} }));
    assert_eq!(checked(&dynamic).problems, []);
    assert_eq!(checked(&root["static_resources"]["listeners"][0]).problems, []);
}

#[test]
fn keys_come_by_tls_that_checks_certificates() {
    let root = bootstrap(&filter(&plugin()));
    let cluster = "/static_resources/clusters/0";
    let bare = set(root.clone(), cluster, json!({ "name": "issuer" }));
    assert_warning(&bare, VALUE, "cluster `issuer` has no TLS, and is to reach https://issuer.example");
    let trusting =
        set(root, &format!("{cluster}/transport_socket/typed_config"), json!({ "sni": "issuer.example" }));
    let message = "cluster `issuer` takes any certificate for that of https://issuer.example: its TLS context has no \
                   `trusted_ca`";
    assert_warning(&trusting, VALUE, message);
}

#[test]
fn nothing_may_let_requests_through_when_the_plugin_is_out_of_order() {
    let root = bootstrap(&filter(&plugin()));
    let open = "while the plug-in is out of order, this lets every request through, unverified";
    for (member, value) in [
        ("typed_config/config/fail_open", json!(true)),
        ("typed_config/config/failure_policy", json!("FAIL_OPEN")),
        ("typed_config/config/failure_policy", json!(3)),
    ] {
        let place = format!("{FILTER}/{member}");
        assert_problem(&set(root.clone(), &place, value), &place, open);
    }
    let place = format!("{FILTER}/is_optional");
    let message = "an Envoy that knows no Wasm would leave the filter out, and let every request through";
    assert_problem(&set(root.clone(), &place, json!(true)), &place, message);

    let policy = format!("{FILTER}/typed_config/config/failure_policy");
    let message = "after a fault of the plug-in every request is answered 503 until Envoy starts again";
    let unspecified = set(root.clone(), &policy, json!("UNSPECIFIED"));
    assert_warning(&unspecified, &format!("{FILTER}/typed_config/config"), message);
    for careful in ["FAIL_CLOSED", "FAIL_RELOAD"] {
        assert_eq!(checked(&set(root.clone(), &policy, json!(careful))).warnings, []);
    }
}

#[test]
fn a_filter_that_is_off_is_told() {
    let root = bootstrap(&filter(&plugin()));
    let place = format!("{FILTER}/disabled");
    let message = "the filter is off, but for routes that turn it on";
    assert_warning(&set(root.clone(), &place, json!(true)), &place, message);
    let off = json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "disabled": true,
    });
    let route = set(root, "/route", json!({ "typed_per_filter_config": { "tessera": off } }));
    assert_warning(&route, "/route/typed_per_filter_config/tessera", "the filter is off here");
}

#[test]
fn routes_choose_policies_that_exist() {
    let route = |name: &str| {
        let metadata = json!({ "filter_metadata": { "tessera": { "policy": name } } });
        set(bootstrap(&filter(&plugin())), "/route", json!({ "metadata": metadata }))
    };
    assert_eq!(checked(&route("deploy")).problems, []);
    let message = "no plug-in here has a policy `deplyo`; requests of this route are answered 503";
    assert_problem(&route("deplyo"), "/route/metadata/filter_metadata/tessera/policy", message);
}

#[test]
fn the_configuration_is_text_and_known() {
    let root = bootstrap(&filter(&plugin()));
    let place = format!("{FILTER}/typed_config/config/configuration");
    let message = "the configuration has to be a `google.protobuf.StringValue` that holds JSON";
    let as_struct = json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": plugin() });
    assert_problem(&set(root, &place, as_struct), &format!("{FILTER}/typed_config/config"), message);

    for (member, value) in [
        ("crypto", json!("native")),
        ("attributes", json!(["sub"])),
        ("clusters", json!([])),
        ("polices", json!({})),
    ] {
        let wrong = set(plugin(), &format!("/{member}"), value);
        let found = checked(&bootstrap(&filter(&wrong))).problems;
        assert_eq!(found.len(), 1, "{member}");
        assert!(found[0].message.starts_with("the plug-in's configuration is unusable: "), "{member}");
    }

    assert_problem(
        &json!({ "static_resources": {} }),
        "",
        "no filter here is our plug-in (…filters.http.wasm.v3.Wasm, with a policy)",
    );
}
