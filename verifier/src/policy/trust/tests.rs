use super::*;
use alloc::{borrow::ToOwned, format, string::ToString};
use serde_json::json;

use crate::{
    AcceptedAudience, Attempt, Error, Step, Verifier,
    testing::{self, BACKEND, ISSUER, Signer, at, key_set},
};

fn url(url: &str) -> KeySource {
    KeySource::Url(url.to_owned())
}

fn issuer() -> TrustedIssuer {
    TrustedIssuer::new(ISSUER, url("https://issuer.example/jwks"))
}

fn refused(issuer: TrustedIssuer) -> TrustError {
    Verifier::trusting(TrustPolicy::new().issuer(issuer), BACKEND).unwrap_err()
}

#[test]
fn what_is_not_said_is_as_in_a_document() {
    let document = testing::policy(json!({ "discovery": true }));
    let document = Policy::parse(&document, BACKEND).unwrap();
    let trust =
        TrustPolicy::new().issuer(TrustedIssuer::new(ISSUER, KeySource::Discovery)).audience("orders");
    let trust = trust.into_policy(BACKEND).unwrap();
    assert_eq!(format!("{trust:?}"), format!("{document:?}"));
}

#[test]
fn verifies_by_values() {
    let signer = Signer::es256();
    let keys = KeySource::Inline(key_set(&[signer.jwk("k")]));
    let conditions = Conditions::equals("sub", "billing");
    let issuer = TrustedIssuer::new(ISSUER, keys).profile(Profile::Jwt).token_type("vnd.example+jwt");
    let issuer = issuer.clock_skew(0).max_lifetime(310).conditions(conditions).algorithms([Algorithm::Es256]);
    let mut verifier =
        Verifier::trusting(TrustPolicy::new().issuer(issuer).remembered_tokens(0), BACKEND).unwrap();
    let mut verdict = |changes: &[(&str, &str)]| {
        let header = r#"{"alg":"ES256","kid":"k","typ":"vnd.example+jwt"}"#;
        let token = signer.token(header, &testing::claims(changes));
        let audience = AcceptedAudience::OneOf(&["orders"]);
        match verifier.authenticate(&token, audience, &mut Attempt::new(), at(0)) {
            Step::Done(verdict) => verdict.map(drop),
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(verdict(&[]), Ok(()));
    assert_eq!(verdict(&[("sub", "\"other\"")]), Err(Error::IssuerClaimRefused { claim: "sub".into() }));
    let late = (testing::NOW + 301).to_string();
    assert_eq!(verdict(&[("exp", &late)]), Err(Error::LifetimeTooLong { seconds: 311, limit: 310 }));
    assert!(matches!(verdict(&[("aud", "\"other\"")]), Err(Error::AudienceWrong { .. })));
}

#[test]
fn what_is_unsound_is_refused() {
    let name = || Excerpt::new(ISSUER);
    assert_eq!(Verifier::trusting(TrustPolicy::new(), BACKEND).unwrap_err(), TrustError::NoIssuer);
    let twice = TrustPolicy::new().issuer(issuer()).issuer(issuer());
    assert_eq!(Verifier::trusting(twice, BACKEND).unwrap_err(), TrustError::IssuerRepeated(name()));
    assert!(matches!(refused(TrustedIssuer::new("", KeySource::Discovery)), TrustError::NameUnusable(_)));
    assert!(matches!(refused(TrustedIssuer::new("i", KeySource::Discovery)), TrustError::UrlUnusable { .. }));
    let loopback = || TrustedIssuer::new(ISSUER, url("http://127.0.0.1/jwks"));
    assert!(matches!(refused(loopback()), TrustError::UrlUnusable { .. }));
    Verifier::trusting(TrustPolicy::new().issuer(loopback()).allow_http_loopback(true), BACKEND).unwrap();
    assert!(matches!(
        refused(issuer().clock_skew(301)),
        TrustError::OutOfRange { setting: "clock_skew", .. }
    ));
    assert!(matches!(
        refused(issuer().max_lifetime(0)),
        TrustError::OutOfRange { range: (1, 31_622_400), .. }
    ));
    assert!(matches!(refused(issuer().max_stale(59)), TrustError::OutOfRange { setting: "max_stale", .. }));
    assert_eq!(refused(issuer().profile(Profile::JwtSvid)), TrustError::NotATrustDomain(name()));
    let domain = |keys| TrustedIssuer::new("spiffe://td.example", keys).profile(Profile::JwtSvid);
    assert!(matches!(refused(domain(KeySource::Discovery)), TrustError::NoMetadata(_)));
    let eddsa = domain(url("https://td.example/")).algorithms([Algorithm::EdDsa]);
    assert!(matches!(refused(eddsa), TrustError::AlgorithmUnusable { algorithm: Algorithm::EdDsa, .. }));
    let inline = |text: &str| TrustedIssuer::new(ISSUER, KeySource::Inline(text.to_owned()));
    assert_eq!(refused(inline("{}")), TrustError::Keys { issuer: name(), error: DocumentError::NotAKeySet });
    let good = Signer::es256().jwk("k");
    let mixed = key_set(&[good.clone(), json!({ "kty": "oct", "kid": "m", "k": "c2VjcmV0" })]);
    let error = refused(inline(&mixed));
    assert!(matches!(&error, TrustError::KeyUnusable { key, .. } if key.position == 1), "{error:?}");
    let other = inline(&key_set(&[good])).algorithms([Algorithm::Rs256]);
    assert_eq!(refused(other), TrustError::NoKeyForAlgorithms(name()));
}

#[test]
fn profiles_have_names() {
    for profile in Profile::ALL {
        assert_eq!(Profile::from_name(profile.as_str()), Some(profile));
    }
    assert_eq!(Profile::from_name("jwt "), None);
}
