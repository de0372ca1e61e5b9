//! What routes can ask besides scopes, and what passes without a token.

use super::*;

/// A verifier with these further members, its signer, and its answers.
struct Scene {
    signer: Signer,
    verifier: Verifier,
}

impl Scene {
    fn new(members: &Json) -> Self {
        let signer = Signer::ed25519();
        let keys = json!({ "jwks": { "keys": [signer.jwk("k")] } });
        let mut policy: Json = serde_json::from_str(&testing::policy(keys)).unwrap();
        for (name, value) in members.as_object().unwrap() {
            policy[name] = value.clone();
        }
        Self { signer, verifier: testing::load(&policy.to_string()) }
    }

    fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Decision {
        let request = Request { method, host: "orders.example", target, headers };
        testing::authorize(&mut self.verifier, &request, at(0))
    }

    /// What a token with these claims is told at a target.
    fn with(&mut self, target: &str, changes: &[(&str, &str)]) -> Result<Permit, (Error, u16)> {
        let value = format!("Bearer {}", self.signer.access_token("k", changes));
        match self.ask("GET", target, &[("authorization", &value)]) {
            Decision::Allow(permit) => Ok(permit),
            Decision::Deny(rejection) => Err((rejection.error().clone(), rejection.status())),
            other @ Decision::Respond(_) => panic!("{other:?}"),
        }
    }
}

fn insufficient(required: &[&str], missing: &[&str]) -> (Error, u16) {
    let own = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect();
    (Error::ScopeInsufficient { required: own(required), missing: own(missing) }, 403)
}

fn refused_claim(claim: &str) -> (Error, u16) {
    (Error::ClaimRefused { claim: claim.into() }, 403)
}

fn wrong_audience(audience: &str) -> (Error, u16) {
    (Error::AudienceWrong { audiences: [Excerpt::new(audience)].into() }, 401)
}

#[test]
fn one_of_some_scopes_will_do() {
    let mut scene = Scene::new(&json!({ "routes": [{ "scopes": ["base"], "any_scopes": ["a", "b"] }] }));
    assert!(scene.with("/", &[("scope", r#""base b""#)]).is_ok());
    assert_eq!(
        scene.with("/", &[("scope", r#""base c""#)]).unwrap_err(),
        insufficient(&["base", "a"], &["a", "b"])
    );
    assert_eq!(scene.with("/", &[("scope", r#""a b""#)]).unwrap_err(), insufficient(&["base"], &["base"]));
}

#[test]
fn v29_a_route_has_its_own_audience_instead_of_the_policys() {
    let mut scene = Scene::new(&json!({
        "routes": [{ "path": { "prefix": "/admin" }, "audiences": ["orders-admin"] }, {}],
    }));
    let admin = [("aud", r#""orders-admin""#)];
    assert!(scene.with("/admin", &admin).is_ok());
    assert_eq!(scene.with("/admin", &[]).unwrap_err(), wrong_audience("orders"));
    assert_eq!(scene.with("/x", &admin).unwrap_err(), wrong_audience("orders-admin"));
    assert!(scene.with("/x", &[("aud", r#"["orders-admin","orders"]"#)]).is_ok());
}

#[test]
fn v29_alternatives_are_no_way_around_the_audience() {
    let mut scene = Scene::new(&json!({ "routes": [
        { "path": { "exact": "/any" }, "any_of": [{ "scopes": ["a"] }, { "audiences": ["other"], "scopes": ["b"] }] },
        { "path": { "exact": "/all" }, "all_of": [{ "scopes": ["a"] }, { "any_scopes": ["a", "b"] }] },
    ] }));
    let token = |aud: &'static str, scope: &'static str| [("aud", aud), ("scope", scope)];
    for (target, aud, scope, good) in [
        ("/any", r#""orders""#, r#""a""#, true),
        ("/any", r#""other""#, r#""b""#, true),
        ("/any", r#""other""#, r#""a""#, false),
        ("/any", r#""orders""#, r#""b""#, false),
        ("/any", r#""elsewhere""#, r#""a b""#, false),
        ("/all", r#""orders""#, r#""a""#, true),
        ("/all", r#""orders""#, r#""b""#, false),
        ("/all", r#""other""#, r#""a""#, false),
    ] {
        assert_eq!(scene.with(target, &token(aud, scope)).is_ok(), good, "{target} {aud} {scope}");
    }
    // What is said outside holds whatever is said inside.
    let mut both = Scene::new(&json!({ "routes": [{
        "audiences": ["orders-admin"], "any_of": [{ "audiences": ["partner"], "scopes": ["a"] }, { "scopes": ["b"] }],
    }] }));
    assert_eq!(both.with("/", &token(r#""partner""#, r#""a""#)).unwrap_err(), wrong_audience("partner"));
    assert!(both.with("/", &token(r#"["partner","orders-admin"]"#, r#""a""#)).is_ok());
    assert!(both.with("/", &token(r#""orders-admin""#, r#""b""#)).is_ok());
    // Of two closed ways the one is named that a scope would open.
    assert_eq!(
        scene.with("/any", &token(r#""orders""#, r#""b""#)).unwrap_err(),
        insufficient(&["a"], &["a"])
    );
    assert_eq!(
        scene.with("/any", &token(r#""elsewhere""#, r#""a""#)).unwrap_err(),
        wrong_audience("elsewhere")
    );
}

#[test]
fn conditions_and_alternatives_hold_together() {
    let mut scene = Scene::new(&json!({ "routes": [{
        "scopes": ["orders:read"],
        "claims": [{ "claim": "tenant", "equals": "t1" }],
        "any_of": [
            { "claims": [{ "claim": ["realm", "roles"], "contains": "admin" }] },
            { "all_of": [
                { "claims": [{ "claim": "sub", "prefix": "system:" }] },
                { "claims": [{ "claim": "level", "one_of": [2, 3] }] },
            ] },
        ],
    }] }));
    let admin = ("realm", r#"{"roles":["user","admin"]}"#);
    assert!(scene.with("/", &[("tenant", r#""t1""#), admin]).is_ok());
    assert!(scene.with("/", &[("tenant", r#""t1""#), ("sub", r#""system:x""#), ("level", "3")]).is_ok());
    for (changes, claim) in [
        (&[("tenant", r#""t2""#), admin][..], "tenant"),
        (&[admin], "tenant"),
        (&[("tenant", r#""t1""#)], "realm/roles"),
        (&[("tenant", r#""t1""#), ("sub", r#""system:x""#), ("level", "1")], "realm/roles"),
    ] {
        assert_eq!(scene.with("/", changes).unwrap_err(), refused_claim(claim), "{changes:?}");
    }
}

#[test]
fn v32_a_route_can_be_for_some_issuers_only() {
    let other = Signer::ed25519();
    let mut scene = Scene::new(&json!({}));
    let policy = json!({
        "issuers": [
            { "issuer": ISSUER, "jwks": { "keys": [scene.signer.jwk("k")] } },
            { "issuer": "https://other.example", "jwks": { "keys": [other.jwk("k")] } },
        ],
        "audiences": ["orders"],
        "routes": [{ "issuers": ["https://other.example"] }],
    });
    scene.verifier = testing::load(&policy.to_string());
    let expected = (Error::IssuerNotAllowed { issuer: ISSUER.into() }, 403);
    assert_eq!(scene.with("/", &[]).unwrap_err(), expected);
    scene.signer = other;
    assert!(scene.with("/", &[("iss", r#""https://other.example""#)]).is_ok());
}

#[test]
fn every_token_of_an_issuer_meets_its_conditions() {
    let signer = Signer::ed25519();
    let mut verifier = verifier(
        &[signer.jwk("k")],
        &json!({ "claims": [{ "claim": "sub", "one_of": ["billing", "shop"] }] }),
    );
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[])), None);
    let expected = Error::IssuerClaimRefused { claim: "sub".into() };
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("sub", r#""mail""#)])), Some(expected));
}

#[test]
fn v15_takes_the_types_that_the_policy_names_instead() {
    let signer = Signer::ed25519();
    let mut verifier = verifier(&[signer.jwk("k")], &json!({ "types": ["vnd.example+jwt", "at+jwt"] }));
    let mut typed = |typ: &str| {
        let header = json!({ "alg": "EdDSA", "kid": "k", "typ": typ }).to_string();
        refusal(&mut verifier, &signer.token(&header, &claims(&[])))
    };
    for typ in ["vnd.example+jwt", "application/VND.example+JWT", "at+jwt"] {
        assert_eq!(typed(typ), None, "{typ}");
    }
    for typ in ["JWT", "example+jwt", "text/vnd.example+jwt", ""] {
        assert_eq!(typed(typ), Some(Error::TypeForbidden { typ: Some(Excerpt::new(typ)) }), "{typ}");
    }
    let untyped = signer.token(r#"{"alg":"EdDSA","kid":"k"}"#, &claims(&[]));
    assert_eq!(refusal(&mut verifier, &untyped), Some(Error::TypeForbidden { typ: None }));
}

#[test]
fn an_optional_token_may_be_absent_and_not_bad() {
    let mut scene = Scene::new(&json!({ "routes": [{ "optional": true, "scopes": ["orders:read"] }] }));
    assert!(matches!(scene.ask("GET", "/", &[]), Decision::Allow(permit) if permit.token().is_none()));
    let basic = [("authorization", "Basic dTpw")];
    assert!(matches!(scene.ask("GET", "/", &basic), Decision::Allow(permit) if permit.token().is_none()));
    assert!(scene.with("/", &[]).unwrap().token().is_some());
    assert_eq!(
        scene.with("/", &[("scope", r#""x""#)]).unwrap_err(),
        insufficient(&["orders:read"], &["orders:read"])
    );
    assert_eq!(scene.with("/", &[("exp", "1")]).unwrap_err().1, 401);
    for value in ["Bearer", "Bearer x", "Bearer a b"] {
        assert!(matches!(scene.ask("GET", "/", &[("authorization", value)]), Decision::Deny(_)), "{value}");
    }
}

#[test]
fn a_dry_run_reports_and_lets_through() {
    for members in [
        json!({ "dry_run": true, "routes": [{ "scopes": ["x"] }] }),
        json!({ "routes": [{ "dry_run": true, "scopes": ["x"] }] }),
    ] {
        let mut scene = Scene::new(&members);
        let permit = scene.with("/", &[]).unwrap();
        assert!(permit.token().is_none(), "nobody is said to be allowed");
        let refusal = permit.refusal().unwrap();
        assert_eq!((refusal.error(), refusal.status()), (&insufficient(&["x"], &["x"]).0, 403));
        assert_eq!(permit.set(), [("tessera-dry-run".to_owned(), "scope-insufficient".to_owned())]);
        assert_eq!(permit.removed_fields().collect::<Vec<_>>(), ["tessera-dry-run"], "the token goes on");
        // Who would be allowed is, and takes the token along: the service behind may still look at it.
        let allowed = scene.with("/", &[("scope", r#""x""#)]).unwrap();
        assert!(allowed.refusal().is_none() && allowed.token().is_some());
        assert_eq!(allowed.removed_fields().collect::<Vec<_>>(), ["tessera-dry-run"]);
        assert!(
            matches!(scene.ask("GET", "/", &[]), Decision::Allow(permit) if permit.refusal().unwrap().status() == 401)
        );
    }
    let mut one = Scene::new(&json!({ "routes": [{ "path": { "exact": "/a" }, "dry_run": true }, {}] }));
    assert!(matches!(one.ask("GET", "/a", &[]), Decision::Allow(_)));
    assert!(matches!(one.ask("GET", "/b", &[]), Decision::Deny(_)), "only the route that says so");
    let mut all = Scene::new(&json!({ "dry_run": true, "routes": [{ "path": { "exact": "/a" } }] }));
    assert!(
        matches!(all.ask("GET", "//a", &[]), Decision::Allow(permit) if permit.refusal().unwrap().status() == 400)
    );
}

#[test]
fn a_cors_preflight_passes_where_the_policy_says() {
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "PUT")];
    let mut scene = Scene::new(&json!({ "cors_preflight": true, "routes": [{}] }));
    assert_eq!(
        scene.verifier.required_headers(),
        ["access-control-request-method", "authorization", "origin"]
    );
    assert!(
        matches!(scene.ask("OPTIONS", "/", &preflight), Decision::Allow(permit) if permit.token().is_none())
    );
    for (method, headers) in [
        ("GET", &preflight[..]),
        ("OPTIONS", &preflight[..1]),
        ("OPTIONS", &preflight[1..]),
        ("OPTIONS", &[]),
    ] {
        assert!(matches!(scene.ask(method, "/", headers), Decision::Deny(_)), "{method} {headers:?}");
    }
    let mut without = Scene::new(&json!({}));
    assert!(matches!(without.ask("OPTIONS", "/", &preflight), Decision::Deny(_)));
}

#[test]
fn v35_the_service_describes_itself() {
    let mut scene = Scene::new(&json!({
        "resource": {
            "identifier": "https://orders.example/api", "name": "Orders \"2\"", "documentation": "https://docs.example/",
        },
        "routes": [
            { "path": { "prefix": "/api" }, "scopes": ["b"], "any_of": [{ "any_scopes": ["c", "a"] }, { "scopes": ["b"] }] },
            { "public": true },
        ],
    }));
    let path = "/.well-known/oauth-protected-resource/api";
    let Decision::Respond(LocalResponse { status, headers, body }) = scene.ask("GET", path, &[]) else {
        panic!("answered")
    };
    assert_eq!((status, headers), (200, vec![("content-type", "application/json")]));
    let document: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(
        document,
        json!({
            "resource": "https://orders.example/api",
            "resource_name": "Orders \"2\"",
            "resource_documentation": "https://docs.example/",
            "authorization_servers": [ISSUER],
            "scopes_supported": ["a", "b", "c"],
            "bearer_methods_supported": ["header"],
        })
    );
    assert!(matches!(scene.ask("HEAD", path, &[]), Decision::Respond(_)));
    assert!(matches!(scene.ask("POST", path, &[]), Decision::Allow(_)), "a public route of this policy");
    let Decision::Deny(rejection) = scene.ask("GET", "/api", &[]) else { panic!("denied") };
    assert_eq!(
        rejection.challenge(),
        Some(r#"Bearer resource_metadata="https://orders.example/.well-known/oauth-protected-resource/api""#)
    );
}

#[test]
fn v44_missing_keys_are_answered_as_the_policy_says() {
    let signer = Signer::ed25519();
    let token = format!("Bearer {}", signer.access_token("k", &[]));
    for (answer, status, challenge) in
        [("unavailable", 503, None), ("unauthorized", 401, Some(r#"Bearer error="invalid_token""#))]
    {
        let mut policy: Json =
            serde_json::from_str(&testing::policy(json!({ "jwks_uri": "https://issuer.example/jwks" })))
                .unwrap();
        policy["while_keys_missing"] = answer.into();
        let mut verifier = testing::load(&policy.to_string());
        let headers = [("authorization", token.as_str())];
        let request = Request { method: "GET", host: "h", target: "/", headers: &headers };
        let decision = testing::authorize(&mut verifier, &request, at(0));
        let Decision::Deny(rejection) = decision else { panic!("{decision:?}") };
        assert_eq!(rejection.error(), &Error::KeysUnavailable { issuer: ISSUER.into() });
        assert_eq!((rejection.status(), rejection.challenge()), (status, challenge));
    }
}
