use super::*;

/// A verifier with these routes, and a token of these scopes.
fn with_routes(routes: &Json, scope: &str) -> (Verifier, String) {
    let signer = Signer::es256();
    let policy = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": { "keys": [signer.jwk("k")] } }],
        "audiences": ["orders"],
        "routes": routes,
        "challenge": { "realm": "orders", "resource_metadata": "https://orders.example/m" },
    });
    let token = signer.access_token("k", &[("scope", &format!("{scope:?}"))]);
    (testing::load(&policy.to_string()), token)
}

fn decide(
    verifier: &mut Verifier,
    token: Option<&str>,
    method: &str,
    target: &str,
) -> Result<Permit, Rejection> {
    let value = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = value.iter().map(|value| ("authorization", value.as_str())).collect();
    let request = Request { method, host: "orders.example", target, headers: &headers };
    match testing::authorize(verifier, &request, at(0)) {
        Decision::Allow(permit) => Ok(permit),
        Decision::Deny(rejection) => Err(rejection),
        other @ Decision::Respond(_) => panic!("{other:?}"),
    }
}

/// The error, status and challenge of a refusal.
fn refused(found: Result<Permit, Rejection>) -> (Error, u16, Option<String>) {
    let rejection = found.map(|permit| panic!("{permit:?}")).unwrap_err();
    (rejection.error().clone(), rejection.status(), rejection.challenge().map(ToOwned::to_owned))
}

fn lacks(required: &[&str], missing: &[&str]) -> Error {
    let own = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect();
    Error::ScopeInsufficient { required: own(required), missing: own(missing) }
}

#[test]
fn v31_compares_whole_scopes_in_their_case() {
    let routes = json!([{ "path": { "exact": "/read" }, "scopes": ["read"] }, { "scopes": ["a", "b"] }]);
    for scope in ["read", "write read", "read readwrite"] {
        let (mut verifier, token) = with_routes(&routes, scope);
        assert!(decide(&mut verifier, Some(&token), "GET", "/read").is_ok(), "{scope}");
    }
    for scope in ["", "readwrite", "Read", "rea", "orders:read", "read:all"] {
        let (mut verifier, token) = with_routes(&routes, scope);
        let (error, ..) = refused(decide(&mut verifier, Some(&token), "GET", "/read"));
        assert_eq!(error, lacks(&["read"], &["read"]), "{scope}");
    }
    let (mut verifier, token) = with_routes(&routes, "b");
    assert_eq!(
        refused(decide(&mut verifier, Some(&token), "GET", "/")),
        (
            lacks(&["a", "b"], &["a"]),
            403,
            Some(
                r#"Bearer realm="orders", error="insufficient_scope", scope="a b", resource_metadata="https://orders.example/m""#
                    .to_owned()
            )
        )
    );
}

#[test]
fn v33_v34_v35_answers_as_the_standards_say() {
    let (mut verifier, token) = with_routes(&json!([{ "scopes": ["orders:read"] }]), "orders:read");
    let challenge = |code: &str| {
        let error = if code.is_empty() { String::new() } else { format!(r#", error="{code}""#) };
        Some(format!(r#"Bearer realm="orders"{error}, resource_metadata="https://orders.example/m""#))
    };
    let bearer = format!("Bearer {token}");
    let mut judge = |headers: &[(&str, &str)], target: &str| {
        let request = Request { method: "GET", host: "orders.example", target, headers };
        match testing::authorize(&mut verifier, &request, at(0)) {
            Decision::Deny(rejection) => refused(Err(rejection)),
            other => panic!("{other:?}"),
        }
    };
    for headers in
        [&[][..], &[("authorization", "Basic dTpw")], &[("cookie", &bearer)], &[("x-authorization", &bearer)]]
    {
        assert_eq!(judge(headers, "/"), (Error::TokenMissing, 401, challenge("")), "{headers:?}");
    }
    // A token in the query is no token (RFC 6750 §2.3).
    let target = format!("/?access_token={token}");
    assert_eq!(judge(&[], &target), (Error::TokenMissing, 401, challenge("")));
    for (headers, error) in [
        (vec![("authorization", bearer.as_str()); 2], Error::CredentialsRepeated { places: 2 }),
        (
            vec![("authorization", "Basic dTpw"), ("Authorization", &bearer)],
            Error::CredentialsRepeated { places: 2 },
        ),
        (vec![("authorization", "Bearer")], Error::CredentialsMalformed),
    ] {
        assert_eq!(judge(&headers, "/"), (error, 400, challenge("invalid_request")));
    }
    let not_compact = Error::TokenNotCompact { parts: 2 };
    assert_eq!(
        judge(&[("authorization", "Bearer a.b")], "/"),
        (not_compact, 401, challenge("invalid_token"))
    );
}

#[test]
fn v34_tells_the_caller_nothing_that_the_log_hears() {
    let (mut verifier, token) = with_routes(&json!([{}]), "");
    let forged = Signer::es256().access_token("k", &[("sub", r#""mallory""#)]);
    let rejection = decide(&mut verifier, Some(&forged), "GET", "/").unwrap_err();
    assert_eq!(rejection.reason(), "the signature is wrong");
    assert_eq!(
        rejection.challenge(),
        Some(r#"Bearer realm="orders", error="invalid_token", resource_metadata="https://orders.example/m""#)
    );
    let shown = format!("{rejection:?} {}", rejection.reason());
    let (_, signature) = forged.rsplit_once('.').unwrap();
    assert!(!shown.contains(signature) && !shown.contains("mallory"), "{shown}");
    let permit = decide(&mut verifier, Some(&token), "GET", "/").unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!format!("{permit:?} {verifier:?}").contains(signature));
}

#[test]
fn without_routes_any_good_token_passes() {
    let (signer, mut verifier) = pair(&json!({}));
    let token = signer.access_token("k", &[("scope", "")]);
    let permit = decide(&mut verifier, Some(&token), "BREW", "//any/../thing").unwrap();
    assert_eq!(permit.token().unwrap().subject(), "billing");
    let (error, status, challenge) = refused(decide(&mut verifier, None, "GET", "/"));
    assert_eq!((error, status, challenge.as_deref()), (Error::TokenMissing, 401, Some("Bearer")));
}

#[test]
fn the_first_route_that_matches_decides() {
    let (mut verifier, token) = with_routes(
        &json!([
            { "path": { "exact": "/healthz" }, "public": true },
            { "methods": ["GET", "HEAD"], "path": { "prefix": "/orders" }, "scopes": ["read"] },
            { "path": { "prefix": "/orders" }, "scopes": ["write"] },
            { "path": { "prefix": "/static/" }, "public": true },
            { "methods": ["POST"], "scopes": ["read"] },
        ]),
        "read",
    );
    let lacks_write = || Some(lacks(&["write"], &["write"]));
    for (method, target, expected) in [
        ("GET", "/orders", None),
        ("HEAD", "/orders/", None),
        ("GET", "/orders/1?x=/healthz", None),
        ("GET", "/%6Frders/1", None),
        ("PUT", "/orders/1", lacks_write()),
        // Methods are case-sensitive (RFC 9110 §9.1): this one is not GET.
        ("get", "/orders/1", lacks_write()),
        ("POST", "/orders/1", lacks_write()),
        ("POST", "/other", None),
        ("GET", "/orders-of-magnitude", Some(Error::RouteUnknown)),
        ("GET", "/Orders", Some(Error::RouteUnknown)),
        ("GET", "/healthz/", Some(Error::RouteUnknown)),
        ("GET", "/static", Some(Error::RouteUnknown)),
        ("GET", "/", Some(Error::RouteUnknown)),
    ] {
        let found = decide(&mut verifier, Some(&token), method, target);
        assert_eq!(found.err().map(|rejection| rejection.error().clone()), expected, "{method} {target}");
    }
    for target in ["/healthz", "/healthz?token=x", "/static/", "/static/a/b"] {
        let permit = decide(&mut verifier, None, "GET", target).unwrap();
        assert!(permit.token().is_none(), "{target}");
    }
    // On a public route nobody looks at a token, not even at a bad one.
    assert!(decide(&mut verifier, Some("bad"), "GET", "/healthz").unwrap().token().is_none());
}

#[test]
fn only_good_tokens_learn_that_there_is_no_route() {
    let (mut verifier, token) = with_routes(&json!([{ "path": { "exact": "/orders" } }]), "");
    assert_eq!(refused(decide(&mut verifier, Some(&token), "GET", "/x")), (Error::RouteUnknown, 403, None));
    let (error, status, _) = refused(decide(&mut verifier, None, "GET", "/x"));
    assert_eq!((error, status), (Error::TokenMissing, 401));
    let forged = Signer::es256().access_token("k", &[]);
    let (error, status, _) = refused(decide(&mut verifier, Some(&forged), "GET", "/x"));
    assert_eq!((error, status), (Error::SignatureWrong, 401));
}

#[test]
fn v37_refuses_targets_that_could_be_read_in_two_ways() {
    use crate::target::TargetFault;
    let (mut verifier, token) = with_routes(
        &json!([{ "path": { "prefix": "/public" }, "public": true }, { "scopes": ["admin"] }]),
        "",
    );
    for (target, fault) in [
        ("/public/../admin", TargetFault::DotSegment),
        ("/public/%2e%2e/admin", TargetFault::DotSegment),
        ("/public/..%2fadmin", TargetFault::EncodedDelimiter),
        ("/public/%252e%252e/admin", TargetFault::EncodedDelimiter),
        ("/public/..;/admin", TargetFault::Parameter),
        ("/public\\..\\admin", TargetFault::Backslash),
        ("//public", TargetFault::EmptySegment),
        ("/public#", TargetFault::ForbiddenCharacter),
        ("http://orders.example/public", TargetFault::NotAPath),
        ("", TargetFault::NotAPath),
    ] {
        for token in [None, Some(token.as_str())] {
            let expected = (Error::TargetRefused(fault), 400, None);
            assert_eq!(refused(decide(&mut verifier, token, "GET", target)), expected, "{target}");
        }
    }
}

#[test]
fn v37_meets_the_same_route_in_every_spelling() {
    let (mut verifier, token) = with_routes(
        &json!([{ "path": { "exact": "/orders:approve" }, "scopes": ["admin"] }, { "scopes": ["read"] }]),
        "read",
    );
    for target in ["/orders:approve", "/orders%3aapprove", "/orders%3Aapprove", "/%6frders%3A%61pprove?x"] {
        let (error, ..) = refused(decide(&mut verifier, Some(&token), "POST", target));
        assert_eq!(error, lacks(&["admin"], &["admin"]), "{target}");
    }
}

#[test]
fn v37_believes_no_header_about_the_path() {
    let (mut verifier, _) = with_routes(&json!([{ "path": { "exact": "/" }, "public": true }]), "");
    let headers =
        [("x-original-url", "/"), ("x-rewrite-url", "/"), (":path", "/"), ("x-envoy-original-path", "/")];
    let request = Request { method: "GET", host: "orders.example", target: "/admin", headers: &headers };
    let Decision::Deny(rejection) = testing::authorize(&mut verifier, &request, at(0)) else {
        panic!("allowed")
    };
    assert_eq!(rejection.error(), &Error::TokenMissing);
    assert_eq!(verifier.required_headers(), ["authorization"]);
}
