//! Routes that are matched by what the verifier changes.

use super::*;

const MANAGER: &str = "/static_resources/listeners/0/typed_config";

/// A plug-in whose policy `deploy` is this, with what it needs added; the other one takes nothing from requests.
fn with_policy(members: &Value) -> Value {
    let mut plugin = plugin();
    plugin["policy"]["upstream"] = json!({ "forward_token": true });
    for (name, value) in members.as_object().unwrap() {
        plugin["policies"]["deploy"][name] = value.clone();
    }
    plugin
}

/// A bootstrap with the plug-in, and a route with this match.
fn routed(plugin: &Value, matched: &Value) -> Value {
    let route = json!({ "match": matched, "route": { "cluster": "orders" } });
    let routes =
        json!({ "virtual_hosts": [{ "domains": ["*"], "routes": [{ "match": { "prefix": "/" } }, route] }] });
    set(bootstrap(&filter(plugin)), &format!("{MANAGER}/route_config"), routes)
}

fn refusal(name: &str) -> String {
    format!(
        "a route is matched by `{name}`, which the verifier may change: then Envoy chooses the route again, and another \
         one can serve the request than the one whose policy decided"
    )
}

#[track_caller]
fn assert_refused(members: &Value, matched: &Value, within: &str, name: &str) {
    let place = format!("{MANAGER}/route_config/virtual_hosts/0/routes/1/match/{within}");
    assert_problem(&routed(&with_policy(members), matched), &place, &refusal(name));
}

#[track_caller]
fn assert_quiet(root: &Value) {
    let Checked { problems, warnings } = checked(root);
    assert_eq!((problems, warnings), (Vec::new(), Vec::new()));
}

#[test]
fn routes_that_choose_policies_are_not_matched_by_fields_of_the_verifier() {
    let claims = json!({ "upstream": { "claims": [{ "claim": "sub", "header": "x-tenant" }], "payload": "x-payload" } });
    for name in ["x-tenant", "X_Tenant", "x-payload", "authorization", "Tessera-Dry-Run"] {
        assert_refused(
            &claims,
            &json!({ "headers": [{ "name": "a" }, { "name": name }] }),
            "headers/1/name",
            name,
        );
    }
    for name in ["x-tenants", "cookie", ":path", ":method"] {
        assert_quiet(&routed(&with_policy(&claims), &json!({ "headers": [{ "name": name }] })));
    }

    let [problem] = &checked(&routed(&with_policy(&claims), &json!({ "headers": [{ "name": "x-tenant" }] })))
        .problems[..]
    else {
        panic!("one problem")
    };
    assert_eq!(
        problem.suggestion.as_deref(),
        Some("match by what no policy changes, or decide by `routes` of one policy instead of `policies`")
    );
}

#[test]
fn routes_that_choose_policies_are_not_matched_by_tokens() {
    let by = |name: &str| json!({ "headers": [{ "name": name }] });
    assert_refused(
        &json!({ "tokens": [{ "header": "X-Token" }] }),
        &by("x_token"),
        "headers/0/name",
        "x_token",
    );
    assert_quiet(&routed(
        &with_policy(&json!({ "tokens": [{ "header": "x-token" }] })),
        &by("authorization"),
    ));

    let cookie = json!({ "tokens": [{ "cookie": "session" }] });
    assert_refused(&cookie, &by("cookie"), "headers/0/name", "cookie");
    assert_refused(&cookie, &json!({ "cookies": [{ "name": "session" }] }), "cookies/0/name", "session");
    assert_quiet(&routed(&with_policy(&cookie), &json!({ "cookies": [{ "name": "other" }] })));

    let query = json!({ "tokens": [{ "query": "access_token" }] });
    let parameter = |name: &str| json!({ "query_parameters": [{ "name": name }] });
    assert_refused(&query, &parameter("access_token"), "query_parameters/0/name", "access_token");
    assert_refused(&query, &by(":path"), "headers/0/name", ":path");
    assert_quiet(&routed(&with_policy(&query), &parameter("access-token")));

    // What stays as it is may be looked at.
    let tokens = json!([{ "header": "authorization" }, { "cookie": "session" }, { "query": "access_token" }]);
    let forwarded = with_policy(&json!({ "tokens": tokens, "upstream": { "forward_token": true } }));
    for matched in [by("authorization"), by("cookie"), by(":path"), parameter("access_token")] {
        assert_quiet(&routed(&forwarded, &matched));
    }
    let dry_run = routed(&forwarded, &by("tessera-dry-run"));
    assert_eq!(checked(&dry_run).problems[0].message, refusal("tessera-dry-run"));
}

#[test]
fn a_policy_for_routes_without_a_choice_counts_as_much() {
    let mut plugin = with_policy(&json!({ "upstream": { "forward_token": true } }));
    plugin["policy"]["upstream"]["payload"] = json!("x-payload");
    let found = checked(&routed(&plugin, &json!({ "headers": [{ "name": "x-payload" }] }))).problems;
    assert_eq!(found[0].message, refusal("x-payload"));
}

#[test]
fn routes_are_found_however_they_are_chosen() {
    assert_refused(
        &json!({}),
        &json!({ "filterState": [{ "key": "wasm.tessera.subject" }] }),
        "filterState/0/key",
        "wasm.tessera.subject",
    );

    let input = json!({
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "headerName": "authorization",
    });
    let tree = json!({ "virtualHosts": [{ "matcher": { "matcher_tree": { "input": { "typed_config": input } } } }] });
    let root = set(bootstrap(&filter(&plugin())), &format!("{MANAGER}/route_config"), tree);
    let place =
        format!("{MANAGER}/route_config/virtualHosts/0/matcher/matcher_tree/input/typed_config/headerName");
    assert_problem(&root, &place, &refusal("authorization"));

    let builder =
        json!({ "fragments": [{ "header_value_extractor": { "name": "Authorization", "index": 0 } }] });
    let scopes = json!({ "scope_key_builder": builder });
    let root = set(bootstrap(&filter(&plugin())), &format!("{MANAGER}/scoped_routes"), scopes);
    let place = format!("{MANAGER}/scoped_routes/scope_key_builder/fragments/0/header_value_extractor/name");
    assert_problem(&root, &place, &refusal("Authorization"));
}

#[test]
fn routes_of_another_listener_are_none_of_the_filters() {
    let root = routed(&plugin(), &json!({ "prefix": "/" }));
    let other = json!({ "route_config": { "virtual_hosts": [
        { "routes": [{ "match": { "headers": [{ "name": "authorization" }] } }] },
    ] } });
    let mut root = set(root, "/static_resources/more", other);
    assert_quiet(&root);
    // Routes that come from elsewhere may be these.
    root.pointer_mut(MANAGER).unwrap().as_object_mut().unwrap().remove("route_config");
    let place = "/static_resources/more/route_config/virtual_hosts/0/routes/0/match/headers/0/name";
    assert_problem(&root, place, &refusal("authorization"));
}

#[test]
fn without_a_choice_of_policies_it_is_a_warning() {
    let mut plugin = plugin();
    plugin.as_object_mut().unwrap().remove("policies");
    let root = routed(&plugin, &json!({ "headers": [{ "name": "authorization" }] }));
    let message = "a route is matched by `authorization`, which the verifier may change: then Envoy chooses the route \
                   again, and the request can reach another cluster";
    let place = format!("{MANAGER}/route_config/virtual_hosts/0/routes/1/match/headers/0/name");
    assert_warning(&root, &place, message);
}

#[test]
fn what_filters_match_on_is_no_matter_of_routes() {
    let rules = json!({ "rules": [{ "match": { "headers": [{ "name": "authorization" }] } }] });
    let mut root = routed(&plugin(), &json!({ "prefix": "/" }));
    root.pointer_mut(MANAGER).unwrap()["http_filters"].as_array_mut().unwrap().push(rules.clone());
    let route = "/route_config/virtual_hosts/0/routes/0/typed_per_filter_config";
    assert_quiet(&set(root, &format!("{MANAGER}{route}"), json!({ "other": rules })));
}

#[test]
fn other_filters_that_change_fields_are_told() {
    let other = |name: &str| {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.http.{name}");
        json!({ "name": "other", "typed_config": { "@type": kind } })
    };
    let with = |plugin: &Value, others: [Value; 2]| {
        let [before, after] = others;
        set(
            bootstrap(&filter(plugin)),
            &format!("{MANAGER}/http_filters"),
            json!([before, filter(plugin), after]),
        )
    };
    let router = other("router.v3.Router");
    let message = "this filter can change what routes are matched by, and so lead a request to another route than the \
                   one whose policy decides";
    for name in [
        "lua.v3.Lua",
        "wasm.v3.Wasm",
        "ext_authz.v3.ExtAuthz",
        "ext_proc.v3.ExternalProcessor",
        "header_mutation.v3.HeaderMutation",
        "jwt_authn.v3.JwtAuthentication",
    ] {
        let root = with(&plugin(), [other(name), router.clone()]);
        assert_warning(&root, &format!("{MANAGER}/http_filters/0"), message);
    }
    let kind = other("lua.v3.Lua")["typed_config"]["@type"].clone();
    let as_struct = json!({ "@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": kind });
    let root = with(&plugin(), [json!({ "typed_config": as_struct }), router.clone()]);
    assert_warning(&root, &format!("{MANAGER}/http_filters/0"), message);
    // One that comes later can clear the route cache, too.
    let root = with(&plugin(), [other("cors.v3.Cors"), other("lua.v3.Lua")]);
    assert_warning(&root, &format!("{MANAGER}/http_filters/2"), message);

    let mut alone = plugin();
    alone.as_object_mut().unwrap().remove("policies");
    assert_quiet(&with(&alone, [other("lua.v3.Lua"), router]));
}
