use super::*;
use aws_lc_rs::hmac;

fn key_unknown(kid: Option<&str>, algorithm: Algorithm) -> Error {
    Error::KeyUnknown { kid: kid.map(Excerpt::new), algorithm }
}

#[test]
fn verifies_each_algorithm_and_says_who_the_caller_is() {
    for signer in Algorithm::ALL.map(Signer::new) {
        let mut verifier = verifier(&[signer.jwk("k")], &json!({}));
        let text = claims(&[("aud", r#"["orders","stock"]"#), ("scope", r#""b a""#)]);
        let token = signer.token(&header(signer.alg(), "k"), &text);
        let caller = verdict(&mut verifier, &token, at(0)).unwrap();
        assert_eq!(caller.issuer(), ISSUER);
        assert_eq!((caller.subject(), caller.client()), ("billing", Some("billing")));
        assert_eq!(caller.token_id(), Some("t-1"));
        assert_eq!(caller.audiences(), ["orders", "stock"]);
        assert_eq!(caller.scopes(), ["a", "b"]);
        assert_eq!(caller.expiry(), at(300));
        assert_eq!(caller.claims_json(), text);
        assert_eq!(
            format!("{caller:?}"),
            r#"VerifiedToken { issuer: "https://issuer.example", subject: "billing", token_id: Some("t-1"), .. }"#
        );
    }
}

#[test]
fn v08_refuses_unsigned_tokens() {
    let (_, mut verifier) = pair(&json!({}));
    for alg in ["none", "NONE", "noNE", "None"] {
        let unsigned = format!("{}.{}", encode(header(alg, "k")), encode(claims(&[])));
        let unknown = Error::AlgorithmUnknown { algorithm: Excerpt::new(alg) };
        assert_eq!(refusal(&mut verifier, &format!("{unsigned}.AA")), Some(unknown), "{alg}");
        let bare = Error::PartEmpty(crate::error::Part::Signature);
        assert_eq!(refusal(&mut verifier, &format!("{unsigned}.")), Some(bare), "{alg}");
    }
}

#[test]
fn v09_refuses_a_mac_made_with_the_public_key() {
    for signer in Algorithm::ALL.map(Signer::new) {
        let jwk = signer.jwk("k");
        let mut verifier = verifier(core::slice::from_ref(&jwk), &json!({}));
        let member = if jwk["kty"] == "RSA" { "n" } else { "x" };
        let coordinate = jwk[member].as_str().unwrap();
        let secrets = [
            jwk.to_string().into_bytes(),
            key_set(core::slice::from_ref(&jwk)).into_bytes(),
            coordinate.as_bytes().to_vec(),
            crate::base64url::decode(coordinate).unwrap(),
        ];
        for secret in secrets {
            for (name, algorithm) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                // By its own name, and by the name of the algorithm that the key is for.
                for alg in [name, signer.alg()] {
                    let signed = format!("{}.{}", encode(header(alg, "k")), encode(claims(&[])));
                    let mac = hmac::sign(&hmac::Key::new(algorithm, &secret), signed.as_bytes());
                    let expected = if alg == name {
                        Error::AlgorithmUnknown { algorithm: Excerpt::new(name) }
                    } else {
                        Error::SignatureWrong
                    };
                    assert_eq!(refusal(&mut verifier, &format!("{signed}.{}", encode(mac))), Some(expected));
                }
            }
        }
    }
}

#[test]
fn v10_lets_the_key_decide_the_algorithm() {
    let (p256, ed25519) = (Signer::es256(), Signer::ed25519());
    let mut both = verifier(&[p256.jwk("p"), ed25519.jwk("e")], &json!({}));
    let text = claims(&[]);
    for (signer, alg, kid, expected) in [
        (&p256, "EdDSA", "p", key_unknown(Some("p"), Algorithm::EdDsa)),
        (&p256, "RS256", "p", key_unknown(Some("p"), Algorithm::Rs256)),
        (&ed25519, "ES256", "e", key_unknown(Some("e"), Algorithm::Es256)),
        (&p256, "EdDSA", "e", Error::SignatureWrong),
        (&p256, "ES384", "p", key_unknown(Some("p"), Algorithm::Es384)),
    ] {
        let token = signer.token(&header(alg, kid), &text);
        assert_eq!(refusal(&mut both, &token), Some(expected), "{alg} {kid}");
    }
}

#[test]
fn v10_keeps_to_the_algorithms_of_the_policy() {
    let signer = Signer::es256();
    let keys = [signer.jwk("k"), Signer::ed25519().jwk("e")];
    let mut verifier = verifier(&keys, &json!({ "algorithms": ["RS256", "EdDSA"] }));
    let forbidden = Error::AlgorithmForbidden { algorithm: Algorithm::Es256 };
    assert_eq!(refusal(&mut verifier, &signer.access_token("k", &[])), Some(forbidden));
}

#[test]
fn v11_knows_ed25519_by_both_names() {
    let signer = Signer::ed25519();
    for key in ["EdDSA", "Ed25519"] {
        let mut jwk = signer.jwk("k");
        jwk["alg"] = key.into();
        let mut verifier = verifier(&[jwk], &json!({ "algorithms": ["Ed25519"] }));
        for alg in ["EdDSA", "Ed25519"] {
            assert_eq!(refusal(&mut verifier, &signer.token(&header(alg, "k"), &claims(&[]))), None, "{alg}");
        }
    }
}

#[test]
fn v12_refuses_what_it_may_not_ignore_although_the_signature_is_right() {
    let (signer, mut verifier) = pair(&json!({}));
    for (member, expected) in [
        (r#""crit":["exp"],"exp":1"#, Error::ExtensionsCritical),
        (r#""crit":[]"#, Error::ExtensionsCritical),
        (r#""crit":["b64"],"b64":false"#, Error::ExtensionsCritical),
        (r#""b64":true"#, Error::PayloadUnencoded),
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"k","typ":"at+jwt",{member}}}"#);
        assert_eq!(refusal(&mut verifier, &signer.token(&header, &claims(&[]))), Some(expected), "{member}");
    }
}

#[test]
fn v13_never_uses_a_key_that_the_token_brings() {
    let (signer, mut verifier) = pair(&json!({}));
    let attacker = Signer::es256();
    let jwk = attacker.jwk("mine");
    for member in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://attacker.example/jwks.json""#.to_owned(),
        r#""x5u":"https://attacker.example/chain.pem""#.to_owned(),
        r#""x5c":["MIIB"],"x5t#S256":"AA""#.to_owned(),
    ] {
        let header = |kid: &str| format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt",{member}}}"#);
        let forged = |kid: &str| attacker.token(&header(kid), &claims(&[]));
        assert_eq!(refusal(&mut verifier, &forged("k")), Some(Error::SignatureWrong), "{member}");
        let unknown = key_unknown(Some("mine"), Algorithm::Es256);
        assert_eq!(refusal(&mut verifier, &forged("mine")), Some(unknown), "{member}");
        // Where the token is good, they are ignored.
        assert_eq!(refusal(&mut verifier, &signer.token(&header("k"), &claims(&[]))), None, "{member}");
    }
    assert_eq!(verifier.due_fetches(at(0)), []);
}

#[test]
fn v14_takes_no_identifier_for_the_one_key_and_never_tries_several() {
    let (a, b) = (Signer::es256(), Signer::es256());
    let nameless = r#"{"alg":"ES256","typ":"at+jwt"}"#;
    let mut one = verifier(&[a.jwk("a")], &json!({}));
    assert_eq!(refusal(&mut one, &a.token(nameless, &claims(&[]))), None);
    assert_eq!(refusal(&mut one, &b.token(nameless, &claims(&[]))), Some(Error::SignatureWrong));

    let mut two = verifier(&[a.jwk("a"), b.jwk("b")], &json!({}));
    assert_eq!(refusal(&mut two, &a.token(nameless, &claims(&[]))), Some(Error::KeyAmbiguous { keys: 2 }));
    assert_eq!(refusal(&mut two, &a.access_token("a", &[])), None);
    assert_eq!(refusal(&mut two, &a.access_token("b", &[])), Some(Error::SignatureWrong));
    for kid in ["A", "", "../a", "a' OR '1'='1"] {
        let expected = key_unknown(Some(kid), Algorithm::Es256);
        assert_eq!(refusal(&mut two, &a.access_token(kid, &[])), Some(expected), "{kid}");
    }

    let mut same = verifier(&[a.jwk("a"), b.jwk("a")], &json!({}));
    assert_eq!(refusal(&mut same, &a.access_token("a", &[])), Some(Error::KeyAmbiguous { keys: 2 }));
}

#[test]
fn v15_takes_only_the_type_that_the_profile_says() {
    let signer = Signer::es256();
    let mut strict = verifier(&[signer.jwk("k")], &json!({}));
    let mut plain = verifier(&[signer.jwk("k")], &json!({ "profile": "jwt" }));
    for (typ, access_token, jwt) in [
        (Some("at+jwt"), true, false),
        (Some("AT+JWT"), true, false),
        (Some("application/at+jwt"), true, false),
        (Some("Application/At+Jwt"), true, false),
        (Some("JWT"), false, true),
        (Some("jwt"), false, true),
        (Some("application/jwt"), false, true),
        (None, false, true),
        (Some(""), false, false),
        (Some("at+jwt "), false, false),
        (Some("at jwt"), false, false),
        (Some("text/at+jwt"), false, false),
        (Some("text/jwt"), false, false),
        (Some("application/application/at+jwt"), false, false),
        (Some("id+jwt"), false, false),
        (Some("logout+jwt"), false, false),
        (Some("dpop+jwt"), false, false),
        (Some("secevent+jwt"), false, false),
        (Some("JOSE"), false, false),
    ] {
        let typed = typ.map_or(String::new(), |typ| format!(r#","typ":"{typ}""#));
        let token = signer.token(&format!(r#"{{"alg":"ES256","kid":"k"{typed}}}"#), &claims(&[]));
        for (verifier, accepted) in [(&mut strict, access_token), (&mut plain, jwt)] {
            let expected = (!accepted).then(|| Error::TypeForbidden { typ: typ.map(Excerpt::new) });
            assert_eq!(refusal(verifier, &token), expected, "{typ:?}");
        }
    }
}

#[test]
fn refuses_a_forgery_as_a_forgery_whatever_else_is_wrong() {
    let (_, mut verifier) = pair(&json!({}));
    let mallory = Signer::es256();
    let forged = mallory.access_token("k", &[("exp", "1"), ("aud", r#""elsewhere""#), ("sub", "")]);
    assert_eq!(refusal(&mut verifier, &forged), Some(Error::SignatureWrong));
    let bad = mallory.access_token("k", &[]);
    let (signed, _) = bad.rsplit_once('.').unwrap();
    let expected = Error::PartNotBase64Url(crate::error::Part::Signature);
    assert_eq!(refusal(&mut verifier, &format!("{signed}.A")), Some(expected));
}
