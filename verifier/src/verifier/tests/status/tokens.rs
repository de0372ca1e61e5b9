//! What a token says about its status, and what a list says about it.

use super::*;

#[test]
fn a_status_other_than_valid_is_refused() {
    let mut scene = Scene::new(&json!({}));
    scene.supply(&List::of(&url("1")), 0).unwrap();
    for (index, expected) in [
        (0, None),
        (1, Some(Error::TokenRevoked { status: 1 })),
        (2, Some(Error::TokenRevoked { status: 2 })),
        (3, Some(Error::TokenRevoked { status: 3 })),
        (4, Some(Error::StatusUnknown { index: 4, entries: 4 })),
        (1 << 53, Some(Error::StatusUnknown { index: 1 << 53, entries: 4 })),
    ] {
        let token = scene.token("1", index);
        // Anew, and remembered.
        for _ in 0..2 {
            assert_eq!(scene.conclude(&token, 0).err(), expected, "{index}");
        }
    }
}

#[test]
fn what_the_caller_hears() {
    let mut scene = Scene::new(&json!({}));
    scene.supply(&List::of(&url("1")), 0).unwrap();
    let hears = |scene: &mut Scene, token: &str| {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        let request = Request { method: "GET", host: "h", target: "/", headers: &headers };
        let decision = testing::authorize(&mut scene.verifier, &request, at(0));
        let Decision::Deny(rejection) = decision else { panic!("{decision:?}") };
        (rejection.error().name(), rejection.status(), rejection.challenge().map(ToOwned::to_owned))
    };
    let invalid = Some(r#"Bearer error="invalid_token""#.to_owned());
    let (revoked, beyond, missing) = (scene.token("1", 1), scene.token("1", 9), scene.token("2", 0));
    assert_eq!(hears(&mut scene, &revoked), ("token-revoked", 401, invalid.clone()));
    assert_eq!(hears(&mut scene, &beyond), ("status-unknown", 401, invalid));
    assert_eq!(hears(&mut scene, &missing), ("status-unavailable", 503, None));
}

#[test]
fn a_claim_that_says_no_place_is_refused() {
    let mut scene = Scene::new(&json!({}));
    scene.supply(&List::of(&url("1")), 0).unwrap();
    let uri = url("1");
    let list = |idx: &str, uri: &str| format!(r#"{{"status_list":{{"idx":{idx},"uri":{uri}}}}}"#);
    for status in [
        "null".to_owned(),
        "1".into(),
        "[]".into(),
        "{}".into(),
        r#"{"status_list":null}"#.into(),
        r#"{"status_list":[0]}"#.into(),
        r#"{"status_list":{}}"#.into(),
        format!(r#"{{"status_list":{{"uri":"{uri}"}}}}"#),
        r#"{"status_list":{"idx":0}}"#.into(),
        list("0", "1"),
        list("0", "\"\""),
        list("-1", &format!("\"{uri}\"")),
        list("\"0\"", &format!("\"{uri}\"")),
        list("0.0", &format!("\"{uri}\"")),
        list("0e0", &format!("\"{uri}\"")),
        list("9007199254740993", &format!("\"{uri}\"")),
        list("99999999999999999999", &format!("\"{uri}\"")),
    ] {
        let token = scene.signer.access_token("k", &[("status", &status)]);
        assert_eq!(scene.conclude(&token, 0), Err(Error::ClaimMalformed { claim: "status" }), "{status}");
    }
    for elsewhere in [
        "https://evil.example/1".to_owned(),
        format!("{LISTS}../token"),
        "https://issuer.example/v1/status".into(),
        format!("{LISTS}{}", "x".repeat(limits::IDENTIFIER_BYTES)),
    ] {
        let token = scene.signer.access_token("k", &[("status", &list("0", &format!("\"{elsewhere}\"")))]);
        let expected = Error::StatusUriRefused { uri: Excerpt::new(&elsewhere) };
        assert_eq!(scene.conclude(&token, 0), Err(expected), "{elsewhere}");
    }
    assert_eq!(scene.due(0), Vec::<String>::new(), "nothing is fetched for any of them");
}

#[test]
fn a_status_can_be_required() {
    let other = r#"{"some_other_mechanism":{}}"#;
    for (required, expected) in [(false, Ok(())), (true, Err(Error::ClaimMissing { claim: "status" }))] {
        let mut scene = Scene::new(&json!({ "required": required }));
        for status in ["", other] {
            let token = scene.signer.access_token("k", &[("status", status)]);
            assert_eq!(scene.conclude(&token, 0), expected, "{status:?}");
        }
        scene.supply(&List::of(&url("1")), 0).unwrap();
        let token = scene.token("1", 0);
        assert_eq!(scene.conclude(&token, 0), Ok(()));
    }
}

#[test]
fn a_policy_without_status_does_not_look_at_the_claim() {
    let (signer, mut verifier) = pair(&json!({}));
    for status in ["1", r#"{"status_list":{"idx":1,"uri":"https://issuer.example/v1/status/1"}}"#] {
        let token = signer.access_token("k", &[("status", status)]);
        assert_eq!(refusal(&mut verifier, &token), None);
    }
    assert_eq!(verifier.due_fetches(at(0)), []);
    let list = List::of(&url("1"));
    let supplied = verifier.supply(id_of(&url("1")), &list.signed(&signer), "", at(0));
    assert_eq!(supplied, Err(DocumentError::Unwanted));
}

#[test]
fn what_is_wrong_with_the_token_itself_comes_first() {
    let mut scene = Scene::new(&json!({}));
    let status = format!(r#"{{"status_list":{{"idx":0,"uri":"{LISTS}1"}}}}"#);
    let expired = scene.signer.access_token("k", &[("status", &status), ("exp", "1")]);
    let forged = Signer::ed25519().access_token("k", &[("status", &status)]);
    assert_eq!(
        scene.conclude(&expired, 0),
        Err(Error::Expired { expiry: Timestamp::from_seconds(1), now: at(0) })
    );
    assert_eq!(scene.conclude(&forged, 0), Err(Error::SignatureWrong));
    // Neither has anybody fetch anything.
    assert_eq!((scene.needs(&expired, 0), scene.needs(&forged, 0)), (None, None));
    assert_eq!(scene.due(0), Vec::<String>::new());
}

#[test]
fn a_revoked_token_does_not_learn_which_routes_there_are() {
    let signer = Signer::ed25519();
    let policy = json!({
        "issuers": [{
            "issuer": ISSUER, "jwks": { "keys": [signer.jwk("k")] }, "status": { "lists": LISTS },
        }],
        "audiences": ["orders"],
        "routes": [{ "path": { "exact": "/write" }, "scopes": ["orders:write"] }],
    });
    let mut scene = Scene { verifier: testing::load(&policy.to_string()), signer };
    scene.supply(&List::of(&url("1")), 0).unwrap();
    let token = scene.token("1", 1);
    // No route for `/`: a good token would hear that.
    assert_eq!(scene.conclude(&token, 0), Err(Error::TokenRevoked { status: 1 }));
    let good = scene.token("1", 0);
    assert_eq!(scene.conclude(&good, 0), Err(Error::RouteUnknown));
}

#[test]
fn a_list_token_is_held_against_the_issuers_rules() {
    let uri = url("1");
    let long = format!("{}.e30.AA", "e".repeat(limits::STATUS_LIST_BYTES));
    let token = |error| Err(DocumentError::ListToken(error));
    let missing = |claim| token(Error::ClaimMissing { claim });
    let malformed = |claim| token(Error::ClaimMalformed { claim });
    let typ = |text: &str| token(Error::TypeForbidden { typ: Some(Excerpt::new(text)) });
    let good = || List::of(&uri);
    let foreign = |name: &str| token(Error::IssuerUnknown { issuer: Excerpt::new(name) });
    let date = |offset: i64| Json::from(at(offset).as_seconds());
    for (list, expected) in [
        (good(), Ok(())),
        (good().header("typ", json!("application/statuslist+jwt")), Ok(())),
        (good().header("typ", json!("JWT")), typ("JWT")),
        (good().header("typ", json!("at+jwt")), typ("at+jwt")),
        (good().header("typ", json!("statuslist+cwt")), typ("statuslist+cwt")),
        (
            good().header("alg", json!("ES256")),
            token(Error::AlgorithmForbidden { algorithm: Algorithm::Es256 }),
        ),
        (
            good().header("kid", json!("l")),
            token(Error::KeyUnknown { kid: Some(Excerpt::new("l")), algorithm: Algorithm::EdDsa }),
        ),
        (good().header("crit", json!(["exp"])), token(Error::ExtensionsCritical)),
        (good().without("iss"), Ok(())),
        (good().claim("iss", json!("https://evil.example")), foreign("https://evil.example")),
        (good().claim("iss", json!(1)), malformed("iss")),
        (good().without("sub"), missing("sub")),
        (
            good().claim("sub", json!("https://evil.example/1")),
            Err(DocumentError::OtherList(Excerpt::new("https://evil.example/1"))),
        ),
        (good().claim("sub", json!(url("2"))), Err(DocumentError::OtherList(Excerpt::new(&url("2"))))),
        (good().without("iat"), missing("iat")),
        (good().claim("iat", date(30)), Ok(())),
        (good().claim("iat", date(31)), token(Error::IssuedInFuture { issued: at(31), now: at(0) })),
        (good().without("exp"), Ok(())),
        (good().claim("exp", date(-29)), Ok(())),
        (good().claim("exp", date(-30)), token(Error::Expired { expiry: at(-30), now: at(0) })),
        (good().claim("exp", json!("never")), malformed("exp")),
        (good().without("ttl"), Ok(())),
        (good().claim("ttl", json!(0)), malformed("ttl")),
        (good().claim("ttl", json!(-1)), malformed("ttl")),
        (good().claim("ttl", json!("10")), malformed("ttl")),
        (good().without("status_list"), missing("status_list")),
        (good().claim("status_list", json!([])), malformed("status_list")),
        (
            good().claim("status_list", json!({ "bits": 3, "lst": "" })),
            Err(DocumentError::ListMalformed(ListFault::BitsUnknown)),
        ),
    ] {
        let mut scene = Scene::new(&json!({}));
        scene.verifier = verifier(
            &[scene.signer.jwk("k")],
            &json!({ "status": { "lists": LISTS }, "algorithms": ["EdDSA", "RS256"] }),
        );
        assert_eq!(scene.supply(&list, 0), expected, "{} {}", list.header, list.claims);
        let token = scene.token("1", 0);
        assert_eq!(scene.conclude(&token, 0).is_ok(), expected.is_ok());
    }
    let mut scene = Scene::new(&json!({}));
    let forged = good().signed(&Signer::ed25519());
    assert_eq!(scene.supply_text(&uri, &forged, 0), token(Error::SignatureWrong));
    assert_eq!(scene.supply_text(&uri, &long, 0), token(Error::TokenTooLong { bytes: long.len() }));
    assert_eq!(scene.supply_text(&uri, "{}", 0), token(Error::TokenNotCompact { parts: 1 }));
    assert_eq!(scene.supply_text(&uri, "", 0), token(Error::TokenNotCompact { parts: 1 }));
    let lined = format!("{}\n", good().signed(&scene.signer));
    assert_eq!(scene.supply_text(&uri, &lined, 0), Ok(()));
}

#[test]
fn nothing_is_inflated_before_the_signature_is_good() {
    let mut scene = Scene::new(&json!({}));
    let bomb = List::with(&url("1"), 1, &vec![0; 8 * limits::STATUS_LIST_INFLATED_BYTES]);
    let forged = bomb.signed(&Signer::ed25519());
    let refused = Err(DocumentError::ListToken(Error::SignatureWrong));
    assert_eq!(scene.supply_text(&url("1"), &forged, 0), refused);
    assert_eq!(scene.supply(&bomb, 0), Err(DocumentError::ListMalformed(ListFault::TooLong)));
}

#[test]
fn another_issuers_key_signs_nothing_here() {
    let (own, other) = (Signer::ed25519(), Signer::ed25519());
    let policy = json!({
        "issuers": [
            { "issuer": ISSUER, "jwks": { "keys": [own.jwk("k")] }, "status": { "lists": LISTS } },
            { "issuer": "https://other.example", "jwks": { "keys": [other.jwk("k")] },
              "status": { "lists": LISTS } },
        ],
        "audiences": ["orders"],
    });
    let mut scene = Scene { verifier: testing::load(&policy.to_string()), signer: own };
    let list = List::of(&url("1")).without("iss").signed(&other);
    let refused = Err(DocumentError::ListToken(Error::SignatureWrong));
    assert_eq!(scene.supply_text(&url("1"), &list, 0), refused);
    // The same URL is another list for another issuer: that it is known there says nothing here.
    let id = DocumentId::new(DocumentKind::StatusList, 1, &url("1"));
    assert_eq!(scene.verifier.supply(id, &list, "", at(0)), Ok(vec![]));
    let token = scene.token("1", 0);
    assert_eq!(scene.conclude(&token, 0), Err(unavailable("1")));
}
