use super::*;

const SKEW: i64 = 30;

fn date(offset: i64) -> String {
    at(offset).to_string()
}

#[test]
fn v26_refuses_a_token_from_its_expiry_and_the_skew_on() {
    for skew in [0, SKEW] {
        let (signer, mut verifier) = pair(&json!({ "clock_skew": skew }));
        let token = signer.access_token("k", &[("exp", &date(100))]);
        let mut refused = |offset: i64| verdict(&mut verifier, &token, at(100 + skew + offset)).err();
        assert_eq!(refused(-1), None);
        for offset in [0, 1] {
            let expected = Error::Expired { expiry: at(100), now: at(100 + skew + offset) };
            assert_eq!(refused(offset), Some(expected), "skew {skew}, {offset}");
        }
    }
}

#[test]
fn v26_rounds_a_fraction_of_expiry_down() {
    let (signer, mut verifier) = pair(&json!({ "clock_skew": 0 }));
    let token = signer.access_token("k", &[("exp", &format!("{}.9", date(100)))]);
    assert_eq!(verdict(&mut verifier, &token, at(99)).err(), None);
    let expected = Error::Expired { expiry: at(100), now: at(100) };
    assert_eq!(verdict(&mut verifier, &token, at(100)).err(), Some(expected));
}

#[test]
fn v27_refuses_a_token_before_its_time() {
    let (signer, mut verifier) = pair(&json!({ "clock_skew": SKEW }));
    for (claim, expected) in [
        ("nbf", &(|now| Error::NotYetValid { not_before: at(100), now }) as &dyn Fn(Timestamp) -> Error),
        ("iat", &|now| Error::IssuedInFuture { issued: at(100), now }),
    ] {
        let token = signer.access_token("k", &[(claim, &date(100))]);
        let now = at(100 - SKEW - 1);
        assert_eq!(verdict(&mut verifier, &token, now).err(), Some(expected(now)), "{claim}");
        assert_eq!(verdict(&mut verifier, &token, at(100 - SKEW)).err(), None, "{claim}");
        assert_eq!(verdict(&mut verifier, &token, at(100 - SKEW + 1)).err(), None, "{claim}");
    }
}

#[test]
fn v27_bounds_the_lifetime_from_issue_or_from_now() {
    let (signer, mut verifier) = pair(&json!({ "max_lifetime": 600, "profile": "jwt" }));
    let mut refused = |claims_: &[(&str, &str)], now| {
        let token = signer.token(r#"{"alg":"ES256","kid":"k"}"#, &claims(claims_));
        verdict(&mut verifier, &token, at(now)).err()
    };
    let too_long = |seconds| Some(Error::LifetimeTooLong { seconds, limit: 600 });
    assert_eq!(refused(&[("iat", &date(-10)), ("exp", &date(589))], 0), None);
    assert_eq!(refused(&[("iat", &date(-10)), ("exp", &date(590))], 0), None);
    assert_eq!(refused(&[("iat", &date(-10)), ("exp", &date(591))], 0), too_long(601));
    // It stays too long to its end.
    assert_eq!(refused(&[("iat", &date(-10)), ("exp", &date(591))], 590), too_long(601));
    assert_eq!(refused(&[("iat", ""), ("exp", &date(600))], 0), None);
    assert_eq!(refused(&[("iat", ""), ("exp", &date(601))], 0), too_long(601));
    assert_eq!(refused(&[("iat", "0"), ("exp", &date(1))], 0), too_long(testing::NOW + 1));
    let end = 1_u64 << 53;
    assert_eq!(refused(&[("iat", "0"), ("exp", &end.to_string())], 0), too_long(end));
}

#[test]
fn v28_compares_the_issuer_exactly() {
    let (signer, mut verifier) = pair(&json!({}));
    for name in [
        "https://issuer.example/",
        "https://issuer.exampl",
        "https://issuer.example.attacker.example",
        "HTTPS://issuer.example",
        "https://Issuer.example",
        "http://issuer.example",
        " https://issuer.example",
        "issuer.example",
    ] {
        let token = signer.access_token("k", &[("iss", &format!("{name:?}"))]);
        let expected = Error::IssuerUnknown { issuer: Excerpt::new(name) };
        assert_eq!(refusal(&mut verifier, &token), Some(expected), "{name}");
    }
    for (text, expected) in [
        (format!("[{ISSUER:?}]"), Error::ClaimMalformed { claim: "iss" }),
        (String::new(), Error::ClaimMissing { claim: "iss" }),
    ] {
        assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("iss", &text)])), Some(expected));
    }
    // An escape is another spelling of the same string.
    let escaped = r#""https:\/\/issuer.ex\u0061mple""#;
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("iss", escaped)])), None);
}

#[test]
fn v29_wants_one_of_its_audiences() {
    let (signer, mut verifier) = pair(&json!({}));
    for good in [r#""orders""#, r#"["orders"]"#, r#"["stock","orders"]"#] {
        assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[("aud", good)])), None, "{good}");
    }
    for (text, audiences) in [
        (r#""order""#, &["order"][..]),
        (r#""orders2""#, &["orders2"]),
        (r#""Orders""#, &["Orders"]),
        (r#""orders stock""#, &["orders stock"]),
        (r#"["stock","bills"]"#, &["stock", "bills"]),
        (r#""https://issuer.example""#, &["https://issuer.example"]),
    ] {
        let expected =
            Error::AudienceWrong { audiences: audiences.iter().map(|a| Excerpt::new(a)).collect() };
        assert_eq!(
            refusal(&mut verifier, &signer.access_token("k", &[("aud", text)])),
            Some(expected),
            "{text}"
        );
    }
    for (text, expected) in [
        ("", Error::ClaimMissing { claim: "aud" }),
        ("[]", Error::ClaimMalformed { claim: "aud" }),
        (r#"["orders",1]"#, Error::ClaimMalformed { claim: "aud" }),
    ] {
        assert_eq!(
            refusal(&mut verifier, &signer.access_token("k", &[("aud", text)])),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn v30_wants_the_claims_of_its_profile() {
    let signer = Signer::es256();
    let mut strict = verifier(&[signer.jwk("k")], &json!({}));
    let mut plain = verifier(&[signer.jwk("k")], &json!({ "profile": "jwt" }));
    for claim in ["sub", "client_id", "jti", "iat", "exp", "aud"] {
        let missing = Some(Error::ClaimMissing { claim });
        assert_eq!(refusal(&mut strict, &signer.access_token("k", &[(claim, "")])), missing, "{claim}");
        let token = signer.token(r#"{"alg":"ES256","kid":"k"}"#, &claims(&[(claim, "")]));
        let needed = matches!(claim, "sub" | "exp" | "aud");
        assert_eq!(refusal(&mut plain, &token), missing.filter(|_| needed), "{claim}");
    }
}

#[test]
fn v32_a_key_verifies_for_its_own_issuer_only() {
    let (a, b) = (Signer::es256(), Signer::es256());
    let issuer = |name: &str, keys: Json| json!({ "issuer": name, "jwks": { "keys": keys } });
    let load =
        |issuers: Json| testing::load(&json!({ "issuers": issuers, "audiences": ["orders"] }).to_string());
    let token_of =
        |signer: &Signer, iss: &str, kid: &str| signer.access_token(kid, &[("iss", &format!("{iss:?}"))]);

    // Even under the same identifier.
    let mut same = load(json!([issuer("A", json!([a.jwk("k")])), issuer("B", json!([b.jwk("k")]))]));
    assert_eq!(refusal(&mut same, &token_of(&a, "A", "k")), None);
    assert_eq!(refusal(&mut same, &token_of(&b, "B", "k")), None);
    assert_eq!(refusal(&mut same, &token_of(&a, "B", "k")), Some(Error::SignatureWrong));
    assert_eq!(refusal(&mut same, &token_of(&b, "A", "k")), Some(Error::SignatureWrong));

    let mut other = load(json!([issuer("A", json!([a.jwk("a")])), issuer("B", json!([b.jwk("b")]))]));
    let unknown = Error::KeyUnknown { kid: Some(Excerpt::new("a")), algorithm: Algorithm::Es256 };
    assert_eq!(refusal(&mut other, &token_of(&a, "B", "a")), Some(unknown));
    let nameless = a.token(r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims(&[("iss", r#""B""#)]));
    assert_eq!(refusal(&mut other, &nameless), Some(Error::SignatureWrong));
}

#[test]
fn v32_each_issuer_has_its_own_rules() {
    let (a, b) = (Signer::es256(), Signer::ed25519());
    let mut verifier = Verifier::load(
        &json!({
            "issuers": [
                { "issuer": "A", "jwks": { "keys": [a.jwk("k")] }, "algorithms": ["ES256"] },
                { "issuer": "B", "jwks": { "keys": [b.jwk("k")] }, "profile": "jwt", "algorithms": ["EdDSA"] },
            ],
            "audiences": ["orders"],
        })
        .to_string(), testing::BACKEND)
    .unwrap();
    let plain = b.token(r#"{"alg":"EdDSA","kid":"k"}"#, &claims(&[("iss", r#""B""#)]));
    assert_eq!(refusal(&mut verifier, &plain), None);
    let plain = a.token(r#"{"alg":"ES256","kid":"k"}"#, &claims(&[("iss", r#""A""#)]));
    assert_eq!(refusal(&mut verifier, &plain), Some(Error::TypeForbidden { typ: None }));
}

#[test]
fn v38_refuses_a_bound_token_without_its_proof() {
    let (signer, mut verifier) = pair(&json!({}));
    for cnf in
        [r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#, r#"{"x5t#S256":"x"}"#, "{}", "null"]
    {
        let token = signer.access_token("k", &[("cnf", cnf)]);
        assert_eq!(refusal(&mut verifier, &token), Some(Error::SenderConstrained), "{cnf}");
    }
}
