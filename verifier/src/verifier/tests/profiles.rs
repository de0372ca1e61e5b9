//! JWT-SVIDs, and what clients sign about themselves.

use super::*;

const DOMAIN: &str = "spiffe://example.org";
const ID: &str = "\"spiffe://example.org/ns/shop\"";

/// A verifier of a trust domain and of [`ISSUER`], with a signer for each.
fn two_kinds() -> (Signer, Signer, Verifier) {
    let (authority, other) = (Signer::es256(), Signer::es256());
    let svid = |jwk: Json, usage: &str| {
        let mut jwk = jwk;
        jwk["use"] = usage.into();
        jwk
    };
    let bundle = [svid(Signer::rs256().jwk("x"), "x509-svid"), svid(authority.jwk("k"), "jwt-svid")];
    let policy = json!({
        "issuers": [
            { "issuer": ISSUER, "jwks": { "keys": [other.jwk("k")] }, "profile": "jwt" },
            { "issuer": DOMAIN, "jwks": { "keys": bundle }, "profile": "jwt-svid" },
        ],
        "audiences": ["orders"],
    });
    (authority, other, testing::load(&policy.to_string()))
}

fn svid(signer: &Signer, changes: &[(&str, &str)]) -> String {
    let mut all = vec![("iss", ""), ("client_id", ""), ("jti", ""), ("sub", ID)];
    all.extend(changes);
    signer.token(r#"{"alg":"ES256","kid":"k"}"#, &claims(&all))
}

#[test]
fn a_jwt_svid_is_of_the_trust_domain_in_its_subject() {
    let (authority, other, mut verifier) = two_kinds();
    for changes in [
        &[][..],
        &[("iss", "\"https://spire.example\"")],
        &[("iss", "\"spiffe://example.org\"")],
        &[("iss", "\"spiffe://other.org\"")],
    ] {
        let token = verdict(&mut verifier, &svid(&authority, changes), at(0)).unwrap();
        assert_eq!((token.issuer(), token.subject()), (DOMAIN, "spiffe://example.org/ns/shop"));
    }
    // The keys of an issuer beside it say nothing about it, and its own nothing about others.
    assert_eq!(refusal(&mut verifier, &svid(&other, &[])), Some(Error::SignatureWrong));
    let named = svid(&authority, &[("iss", &format!("{ISSUER:?}"))]);
    assert_eq!(refusal(&mut verifier, &named), Some(Error::SignatureWrong));
    let foreign = svid(&other, &[("iss", &format!("{ISSUER:?}"))]);
    assert_eq!(verdict(&mut verifier, &foreign, at(0)).unwrap().issuer(), ISSUER);
}

#[test]
fn a_jwt_svid_is_refused_for_what_it_lacks() {
    let (authority, _, mut verifier) = two_kinds();
    let unknown = |issuer: &str| Error::IssuerUnknown { issuer: Excerpt::new(issuer) };
    let missing = |claim| Error::ClaimMissing { claim };
    for (changes, expected) in [
        (&[("sub", "\"spiffe://example.com/ns/shop\"")][..], unknown("spiffe://example.com")),
        (&[("sub", "\"spiffe://example.org.evil/ns/shop\"")], unknown("spiffe://example.org.evil")),
        (&[("sub", "\"spiffe://example.org/ns/../shop\"")], missing("iss")),
        (&[("sub", "\"spiffe://example.org\"")], missing("iss")),
        (&[("sub", "")], missing("iss")),
        (&[("sub", "\"shop\""), ("iss", "\"spiffe://example.org\"")], unknown(DOMAIN)),
        (&[("iss", "1")], Error::ClaimMalformed { claim: "iss" }),
        (&[("exp", "")], missing("exp")),
        (&[("aud", "")], missing("aud")),
    ] {
        assert_eq!(refusal(&mut verifier, &svid(&authority, changes)), Some(expected), "{changes:?}");
    }
    let typed = |typ: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"k","typ":"{typ}"}}"#);
        authority.token(&header, &claims(&[("iss", ""), ("sub", ID)]))
    };
    assert_eq!(refusal(&mut verifier, &typed("JWT")), None);
    assert_eq!(refusal(&mut verifier, &typed("JOSE")), None);
    let forbidden = Error::TypeForbidden { typ: Some(Excerpt::new("at+jwt")) };
    assert_eq!(refusal(&mut verifier, &typed("at+jwt")), Some(forbidden));
    let ed25519 = Signer::ed25519().token(r#"{"alg":"EdDSA"}"#, &claims(&[("iss", ""), ("sub", ID)]));
    let forbidden = Error::AlgorithmForbidden { algorithm: Algorithm::EdDsa };
    assert_eq!(refusal(&mut verifier, &ed25519), Some(forbidden));
}

#[test]
fn a_fetched_bundle_is_read_as_one() {
    let authority = Signer::es256();
    let policy =
        testing::policy(json!({ "jwks_uri": "https://spire.example/bundle", "profile": "jwt-svid" }));
    let mut verifier = testing::load(&policy.replace(ISSUER, DOMAIN));
    let id = verifier.due_fetches(at(0))[0].id;
    let mut jwk = authority.jwk("k");
    let plain = key_set(&[jwk.clone()]);
    assert!(matches!(verifier.supply(id, &plain, "", at(0)), Err(DocumentError::NoUsableKey(_))));
    jwk["use"] = "jwt-svid".into();
    verifier.supply(id, &key_set(&[jwk]), "", at(0)).unwrap();
    assert_eq!(refusal(&mut verifier, &svid(&authority, &[])), None);
}

#[test]
fn a_client_assertion_is_about_whoever_signed_it() {
    let (signer, mut verifier) = pair(&json!({ "profile": "client-assertion" }));
    let own = format!("{ISSUER:?}");
    let mut refused = |typ: &str, changes: &[(&str, &str)]| {
        let mut all = vec![("sub", own.as_str())];
        all.extend(changes);
        let token = signer.token(&format!(r#"{{"alg":"ES256","kid":"k"{typ}}}"#), &claims(&all));
        refusal(&mut verifier, &token)
    };
    for typ in ["", r#","typ":"JWT""#, r#","typ":"client-authentication+jwt""#] {
        assert_eq!(refused(typ, &[]), None, "{typ}");
    }
    for name in ["at+jwt", "authorization-grant+jwt"] {
        let expected = Error::TypeForbidden { typ: Some(Excerpt::new(name)) };
        assert_eq!(refused(&format!(r#","typ":"{name}""#), &[]), Some(expected));
    }
    assert_eq!(refused("", &[("sub", "\"billing\"")]), Some(Error::ClaimMalformed { claim: "sub" }));
    assert_eq!(refused("", &[("jti", "")]), Some(Error::ClaimMissing { claim: "jti" }));
    assert_eq!(refused("", &[("iat", ""), ("client_id", "")]), None);
}

#[test]
fn the_audience_can_be_another_one_each_time() {
    let (signer, mut verifier) = pair(&json!({}));
    let token = signer.access_token("k", &[("aud", r#"["a","b"]"#)]);
    for (audiences, good) in [(&["b"][..], true), (&["x", "a"], true), (&["orders"], false), (&[], false)] {
        let audience = AcceptedAudience::OneOf(audiences);
        let step = verifier.authenticate(&token, audience, &mut Attempt::new(), at(0));
        assert_eq!(matches!(step, Step::Done(Ok(_))), good, "{audiences:?}");
    }
}
