use super::*;
use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{crypto::Backend, policy::Policy, target};

fn policy(routes: &Json) -> Json {
    json!({
        "issuers": [{ "issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwks.json" }],
        "audiences": ["orders"],
        "routes": routes,
    })
}

fn routes(list: &Json) -> Routes {
    Policy::parse(&policy(list).to_string(), Backend::Portable).unwrap().rules.routes
}

fn faults(list: &Json) -> Vec<String> {
    let error = Policy::parse(&policy(list).to_string(), Backend::Portable).unwrap_err();
    error
        .problems()
        .iter()
        .map(|problem| alloc::format!("{}: {}", problem.pointer, problem.message))
        .collect()
}

/// Which of the routes a request meets.
fn met(routes: &Routes, method: &str, host: &str, path: &str) -> Option<usize> {
    let found = routes.find(method, host, path)?;
    routes.iter().position(|route| core::ptr::eq(route, found))
}

#[test]
fn knows_the_paths_of_each_pattern() {
    for (pattern, matching, others) in [
        (json!({ "exact": "/a" }), &["/a"][..], &["/a/", "/a/b", "/A", "/"][..]),
        (json!({ "prefix": "/a" }), &["/a", "/a/", "/a/b"], &["/ab", "/A", "/", "/b/a"]),
        (json!({ "prefix": "/a/" }), &["/a/", "/a/b"], &["/a", "/ab"]),
        (json!({ "prefix": "/" }), &["/", "/a", "/a/"], &[]),
        (json!({ "template": "/a/{id}" }), &["/a/1", "/a/b"], &["/a", "/a/", "/a/1/", "/a/1/2", "/b/1"]),
        (json!({ "template": "/a/{id}/b/{n}" }), &["/a/1/b/2"], &["/a/1/c/2", "/a/1/b/", "/a//b/2"]),
        (json!({ "template": "/{a}/" }), &["/x/"], &["/x", "/x/y", "//"]),
        (json!({ "template": "/a" }), &["/a"], &["/b", "/a/"]),
        (json!({ "regex": "/a/[0-9]+" }), &["/a/1", "/a/42"], &["/a/", "/a/1/", "/a/x", "/xa/1", "/a/1b"]),
        (json!({ "regex": "/a|/b/c" }), &["/a", "/b/c"], &["/a/c", "/b", "/x/a"]),
        (json!({ "regex": "/a/*b" }), &["/ab", "/a/b", "/a//b"], &["/a/c"]),
        (json!({ "regex": "(?i)/a/b" }), &["/a/b", "/A/B"], &["/a"]),
        (json!({ "regex": "/x/(a|b)/?" }), &["/x/a", "/x/b/"], &["/x/", "/x/c"]),
        (json!({ "regex": "/a{2}/x" }), &["/aa/x"], &["/a/x", "/a{2}/x"]),
        (json!({ "regex": r"/a\.b" }), &["/a.b"], &["/axb"]),
        // What looks like a beginning and is none.
        (json!({ "regex": "/ab/+*c" }), &["/abc", "/ab/c"], &["/ab/"]),
        (json!({ "regex": "/ab/+{0}c" }), &["/abc"], &["/ab/c"]),
        (json!({ "regex": "/a/b[](]|/c" }), &["/c", "/a/b("], &["/a/b"]),
        (json!({ "regex": "/a/b[^](]|/c" }), &["/c", "/a/bx"], &["/a/b]"]),
        (json!({ "regex": "/a/b[[:alpha:](]|/c" }), &["/c", "/a/b("], &["/a/b"]),
        (json!({ "regex": "/a/b(?x)#(\n|/c" }), &["/c", "/a/b"], &["/a"]),
        (json!({ "regex": r"/a\|b" }), &["/a|b"], &["/a", "b"]),
    ] {
        let routes = routes(&json!([{ "path": pattern }]));
        for path in matching {
            assert_eq!(met(&routes, "GET", "h", path), Some(0), "{pattern} {path}");
        }
        for path in others {
            assert_eq!(met(&routes, "GET", "h", path), None, "{pattern} {path}");
        }
    }
}

#[test]
fn knows_hosts_in_any_case_and_without_port() {
    let routes = routes(&json!([
        { "hosts": ["orders.example", "[::1]"] }, { "hosts": ["*.internal.example"] }, { "methods": ["GET"] },
    ]));
    for (host, expected) in [
        ("orders.example", 0),
        ("ORDERS.example:8443", 0),
        ("orders.example.", 0),
        ("orders.example.:80", 0),
        ("[::1]:80", 0),
        ("[::1]", 0),
        ("a.internal.example", 1),
        ("a.b.internal.example:1", 1),
        ("internal.example", 2),
        ("xinternal.example", 2),
        ("orders.example.evil.example", 2),
        ("evil-orders.example", 2),
    ] {
        assert_eq!(met(&routes, "GET", host, "/"), Some(expected), "{host}");
    }
    assert_eq!(met(&routes, "POST", "other.example", "/"), None);
}

/// A rule for a host is not passed over because somebody reads the host in another way.
#[test]
fn v37_a_host_in_doubt_meets_no_route() {
    let routes = routes(&json!([{ "hosts": ["admin.example"], "scopes": ["admin"] }, { "public": true }]));
    for host in [
        "",
        ":80",
        "admin.example:1:2",
        "admin.example..",
        ".admin.example",
        "u@admin.example",
        "admin.example:x",
        "admin.example,other.example",
        "admin.example ",
        "admin.example/",
        "[::1",
        "[admin.example]",
        "admin\u{212a}.example",
    ] {
        assert_eq!(met(&routes, "GET", host, "/"), None, "{host}");
    }
    assert_eq!(met(&routes, "GET", "other.example", "/"), Some(1));
}

#[test]
fn the_first_that_matches_decides_whatever_its_kind() {
    let routes = routes(&json!([
        { "methods": ["POST"], "path": { "template": "/a/{x}" } },
        { "hosts": ["h"], "path": { "exact": "/a/b" } },
        { "path": { "regex": "/a/[bc]" } },
        { "path": { "prefix": "/a" } },
        {},
    ]));
    for (method, host, path, expected) in [
        ("POST", "h", "/a/b", 0),
        ("GET", "h", "/a/b", 1),
        ("GET", "i", "/a/b", 2),
        ("GET", "i", "/a/d", 3),
        ("GET", "i", "/b", 4),
    ] {
        assert_eq!(met(&routes, method, host, path), Some(expected), "{method} {host} {path}");
    }
}

#[test]
fn a_route_behind_one_that_takes_everything_is_reported() {
    for (first, second) in [
        (json!({}), json!({ "path": { "exact": "/a" } })),
        (json!({}), json!({ "hosts": ["h"], "methods": ["GET"] })),
        (json!({ "path": { "prefix": "/" } }), json!({})),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "exact": "/a" } })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "prefix": "/a/b" } })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "prefix": "/a/" } })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "template": "/a/{x}" } })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "regex": "/a/.*" } })),
        (json!({ "path": { "template": "/a/{x}" } }), json!({ "path": { "exact": "/a/b" } })),
        (json!({ "path": { "template": "/a/{x}" } }), json!({ "path": { "template": "/a/{y}" } })),
        (json!({ "path": { "template": "/{x}/{y}" } }), json!({ "path": { "template": "/a/{y}" } })),
        (json!({ "path": { "regex": "/a.*" } }), json!({ "path": { "regex": "/a.*" } })),
        (json!({ "path": { "regex": "/a.*" } }), json!({ "path": { "exact": "/ab" } })),
        (json!({ "methods": ["GET", "PUT"] }), json!({ "methods": ["PUT"] })),
        (json!({ "hosts": ["*.b.example"] }), json!({ "hosts": ["a.b.example", "*.c.b.example"] })),
        (json!({ "hosts": ["a", "b"] }), json!({ "hosts": ["b"], "path": { "exact": "/x" } })),
    ] {
        let expected = ["/routes/1: no request gets here: /routes/0 takes all of them"];
        assert_eq!(faults(&json!([first, second])), expected, "{first} {second}");
    }
}

#[test]
fn a_route_that_requests_can_get_to_is_not_reported() {
    for (first, second) in [
        (json!({ "methods": ["GET"] }), json!({})),
        (json!({ "hosts": ["h"] }), json!({})),
        (json!({ "path": { "exact": "/a" } }), json!({ "path": { "prefix": "/a" } })),
        (json!({ "path": { "prefix": "/a/" } }), json!({ "path": { "exact": "/a" } })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "exact": "/ab" } })),
        (json!({ "path": { "template": "/a/{x}" } }), json!({ "path": { "prefix": "/a" } })),
        (json!({ "path": { "template": "/a/{x}" } }), json!({ "path": { "template": "/{y}/b" } })),
        (json!({ "path": { "regex": "/a.*" } }), json!({ "path": { "regex": "/a.+" } })),
        (json!({ "path": { "regex": ".*" } }), json!({ "path": { "prefix": "/a" } })),
        (json!({ "hosts": ["a.example"] }), json!({ "hosts": ["a.example", "b.example"] })),
        (json!({ "hosts": ["*.c.b.example"] }), json!({ "hosts": ["*.b.example"] })),
        (json!({ "path": { "prefix": "/a" } }), json!({ "path": { "regex": "/a" } })),
    ] {
        routes(&json!([first, second]));
    }
}

#[test]
fn says_what_is_wrong_with_a_pattern() {
    for (path, expected) in [
        (
            json!({ "template": "/a/x{id}" }),
            "/template: `x{id}` is no segment: a parameter is a whole segment, such as `{id}`",
        ),
        (
            json!({ "template": "/{}" }),
            "/template: `{}` is no segment: a parameter is a whole segment, such as `{id}`",
        ),
        (json!({ "template": "a/{id}" }), "/template: no such path: it is no path"),
        (json!({ "template": "/a//{id}" }), "/template: no such path: it has an empty segment"),
        (json!({ "template": "/%61/{id}" }), "/template: the path is not normalised"),
        (
            json!({ "regex": "/a)(b" }),
            "/regex: no regular expression that can be used: found closing ')' without matching '('",
        ),
        (
            json!({ "regex": "/(a" }),
            "/regex: no regular expression that can be used: found open group without closing ')'",
        ),
    ] {
        let found = faults(&json!([{ "path": path }]));
        assert_eq!(found, [alloc::format!("/routes/0/path{expected}")], "{path}");
    }
    let huge = faults(&json!([{ "path": { "regex": "(a{1000}){1000}" } }]));
    assert!(huge[0].contains("/path/regex: no regular expression that can be used"), "{huge:?}");
    for (host, expected) in [
        ("Orders.example", "a host is written in lower case and without a port"),
        ("orders.example:80", "a host is written in lower case and without a port"),
        (
            "bücher.example",
            "`bücher.example` is no host: write a name, or `*.` and a name for every name below it",
        ),
        ("*", "`*` is no host: write a name, or `*.` and a name for every name below it"),
        ("a.*.example", "`a.*.example` is no host: write a name, or `*.` and a name for every name below it"),
        (
            "https://a.example",
            "`https://a.example` is no host: write a name, or `*.` and a name for every name below it",
        ),
    ] {
        assert_eq!(faults(&json!([{ "hosts": [host] }])), [alloc::format!("/routes/0/hosts/0: {expected}")]);
    }
}

/// Short paths over few letters, so that they meet the patterns often.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab"]), 0..4)
        .prop_flat_map(|segments| (Just(segments), any::<bool>()))
        .prop_map(|(segments, slash)| {
            let path = alloc::format!("/{}", segments.join("/"));
            if slash && path.len() > 1 { path + "/" } else { path }
        })
}

fn pattern() -> impl Strategy<Value = Json> {
    let template = path().prop_map(|path| path.replace("ab", "{x}"));
    let regex = prop::sample::select(vec![
        "/a/?",
        "/a/*b",
        "/a.*",
        "/(a|b)/.+",
        "/a|/b/a",
        ".*b",
        "/ab?/a",
        "/a/b{2}",
        "/ab/+*a",
        "/a/b[](]|/b",
        "/a/b(?x)#(\n|/b",
    ]);
    prop_oneof![
        path().prop_map(|path| json!({ "exact": path })),
        path().prop_map(|path| json!({ "prefix": path })),
        template.prop_map(|path| json!({ "template": path })),
        regex.prop_map(|regex| json!({ "regex": regex })),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    let hosts = prop::collection::vec(prop::sample::select(vec!["h", "i", "*.h"]), 0..2);
    let methods = prop::collection::vec(prop::sample::select(vec!["GET", "PUT"]), 0..2);
    (pattern(), hosts, methods).prop_map(|(path, hosts, methods)| {
        let route = json!([{ "path": path, "hosts": hosts, "methods": methods }]);
        let mut route = route[0].clone();
        for name in ["hosts", "methods"] {
            if route[name] == json!([]) {
                route.as_object_mut().unwrap().remove(name);
            }
        }
        routes(&json!([route])).list.remove(0)
    })
}

proptest! {
    /// The tree finds what asking every route in turn finds.
    #[test]
    fn the_index_finds_the_first_route_that_matches(
        list in prop::collection::vec(route(), 0..12),
        method in prop::sample::select(vec!["GET", "PUT"]),
        host in prop::sample::select(vec!["h", "i", "x.h", "j"]),
        path in path(),
    ) {
        prop_assume!(target::path(&path).as_deref() == Ok(&path));
        let mut routes = Routes::default();
        for route in &list {
            routes.push(route.clone());
        }
        let first = list.iter().position(|route| {
            route.takes_method(method) && route.takes_host(host) && route.path.matches(&path)
        });
        prop_assert_eq!(met(&routes, method, host, &path), first);
    }

    /// What is said to be out of reach never is what a request meets.
    #[test]
    fn a_covered_route_is_met_by_no_request(
        earlier in route(),
        later in route(),
        method in prop::sample::select(vec!["GET", "PUT"]),
        host in prop::sample::select(vec!["h", "i", "x.h", "j"]),
        path in path(),
    ) {
        let takes = |route: &Route| route.takes_method(method) && route.takes_host(host) && route.path.matches(&path);
        if earlier.covers(&later) && takes(&later) {
            prop_assert!(takes(&earlier), "{earlier:?} {later:?}");
        }
    }
}

#[test]
fn a_thousand_routes_are_found_without_asking_each() {
    let many: Vec<Json> =
        (0..1000).map(|n| json!({ "path": { "prefix": alloc::format!("/service-{n}") } })).collect();
    let routes = routes(&Json::from(many));
    let mut asked = 0;
    routes.any_host.candidates("/service-999/x", |list| asked += list.len());
    assert_eq!(asked, 1);
    assert_eq!(met(&routes, "GET", "h", "/service-999/x"), Some(999));
    assert_eq!(routes.list[999].path.sample(), "/service-999");
}
