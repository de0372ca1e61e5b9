//! What clients sign themselves, and JWT-SVIDs.

use super::*;

fn own_keys(client: &str, keys: KeySource, max_lifetime: Option<u64>) -> Credential {
    let own = ClientKeys { keys, audience: AudienceRule::default(), max_lifetime };
    testing::credential(client, CredentialKind::Keys(own))
}

fn own_claims(client: &str, jti: &str) -> Value {
    let now = NOW.as_seconds();
    json!({ "iss": client, "sub": client, "aud": OWN, "iat": now, "exp": now + 300, "jti": jti })
}

async fn remembering() -> (Assertions, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder, &testing::vault()).await;
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    (with_replay_guard(fetcher, ReplayGuard::new(Arc::new(store))), folder)
}

#[tokio::test]
async fn what_a_client_signs_itself_proves_it_once() {
    let platform = Platform::new("k");
    let state = snapshot(1, vec![own_keys("shop", inline(&platform), None)]);
    let (assertions, _folder) = remembering().await;
    let usage = AssertionUse::ClientAuthentication;
    let assertion = platform.sign(&own_claims("shop", "1"));
    for named in [None, Some("shop")] {
        let again = platform.sign(&own_claims("shop", named.unwrap_or("none")));
        let client = assertions.authenticate(&state, &again, usage, named, now).await.unwrap();
        assert_eq!((client.client().as_str(), client.method()), ("shop", Method::PrivateKeyJwt));
    }
    assertions.authenticate(&state, &assertion, usage, None, now).await.unwrap();
    let replayed = assertions.authenticate(&state, &assertion, usage, None, now).await.unwrap_err();
    assert!(matches!(replayed, AssertionError::Replayed), "{replayed:?}");
    // Another signature over the same `jti` is no other assertion.
    let again = platform.sign(&own_claims("shop", "1"));
    let replayed = assertions.authenticate(&state, &again, usage, None, now).await.unwrap_err();
    assert!(matches!(replayed, AssertionError::Replayed), "{replayed:?}");
    // Where the use cannot be recorded, nothing that may be used once is taken.
    let unrecorded = self::assertions().authenticate(&state, &again, usage, None, now).await.unwrap_err();
    assert!(matches!(unrecorded, AssertionError::Unavailable(_)) && unrecorded.is_ours(), "{unrecorded:?}");
}

#[tokio::test]
async fn what_a_client_signs_itself_has_to_be_all_that_it_should() {
    let (platform, stranger) = (Platform::new("k"), Platform::new("k"));
    let state = snapshot(
        1,
        vec![own_keys("shop", inline(&platform), Some(300)), own_keys("mail", inline(&stranger), None)],
    );
    let (assertions, _folder) = remembering().await;
    let usage = AssertionUse::ClientAuthentication;
    let own = || own_claims("shop", "1");
    let now = NOW.as_seconds();
    let without = |name: &str| {
        let mut claims = own();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let elsewhere = r#"no registration is for "shop" about "shop""#;
    for (claims, expected) in [
        (with(own(), "aud", json!("https://id.example/v1/token")), elsewhere),
        (with(own(), "aud", json!([OWN, "https://other.example"])), elsewhere),
        (with(own(), "sub", json!("mail")), r#"no registration is for "shop" about "mail""#),
        (without("jti"), "the verifier refuses it: the claim `jti` is missing"),
        (without("exp"), "the verifier refuses it: the claim `exp` is missing"),
        (without("aud"), "the assertion cannot be read: the claim `aud` is missing"),
        (
            with(own(), "exp", json!(now + 301)),
            "the verifier refuses it: the token lives 301 s; the policy allows 300 s",
        ),
        (
            with(own(), "exp", json!(now - 30)),
            "the verifier refuses it: the token expired at 1799999970; it is 1800000000",
        ),
        (
            with(own(), "nbf", json!(now + 31)),
            "the verifier refuses it: the token is valid from 1800000031; it is 1800000000",
        ),
        (
            with(own(), "iat", json!(now + 31)),
            "the verifier refuses it: the token was issued at 1800000031; it is 1800000000",
        ),
    ] {
        assert_eq!(
            refusal(&assertions, &state, &platform.sign(&claims), usage, None).await,
            expected,
            "{claims}"
        );
    }
    let good = platform.sign(&own());
    assert_eq!(refusal(&assertions, &state, &good, usage, Some("mail")).await, elsewhere);
    assert_eq!(refusal(&assertions, &state, &good, AssertionUse::Grant, None).await, elsewhere);
    let forged = refusal(&assertions, &state, &stranger.sign(&own()), usage, None).await;
    assert_eq!(forged, "the verifier refuses it: the signature is wrong");
    // Nothing of all that used it up.
    assertions.authenticate(&state, &good, usage, None, self::now).await.unwrap();
}

#[tokio::test]
async fn a_client_can_have_two_sets_of_keys_while_it_changes_them() {
    let (old, new) = (Platform::new("a"), Platform::new("b"));
    let state = snapshot(1, vec![own_keys("shop", inline(&old), None), own_keys("shop", inline(&new), None)]);
    let (assertions, _folder) = remembering().await;
    let usage = AssertionUse::ClientAuthentication;
    for (platform, jti) in [(&old, "1"), (&new, "2")] {
        assertions
            .authenticate(&state, &platform.sign(&own_claims("shop", jti)), usage, None, now)
            .await
            .unwrap();
    }
    // Keys of the same name: the signature says which.
    let (one, other) = (Platform::new("k"), Platform::new("k"));
    let state =
        snapshot(2, vec![own_keys("shop", inline(&one), None), own_keys("shop", inline(&other), None)]);
    for (platform, jti) in [(&one, "3"), (&other, "4")] {
        assertions
            .authenticate(&state, &platform.sign(&own_claims("shop", jti)), usage, None, now)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_jwt_svid_is_for_its_own_assertion_type() {
    let authority = Platform::new("k");
    let bundle = authority.jwks().replace(r#""kid""#, r#""use":"jwt-svid","kid""#);
    let id = "spiffe://example.org/shop";
    let registration = WorkloadRegistration {
        keys: KeySource::inline(&bundle).unwrap(),
        profile: Profile::JwtSvid,
        max_lifetime: Some(300),
        issuer: crate::domain::RegisteredText::new("issuer", "spiffe://example.org").unwrap(),
        ..testing::registration(ISSUER, Conditions::subject(id))
    };
    let state = snapshot(1, vec![testing::credential("shop", CredentialKind::Workload(registration))]);
    let now = NOW.as_seconds();
    let svid = |subject: &str, exp: u64| {
        authority.sign(&json!({ "sub": subject, "aud": [OWN], "iat": now, "exp": exp }))
    };
    let assertions = assertions();
    for named in [None, Some("shop")] {
        let client = assertions
            .authenticate(&state, &svid(id, now + 300), AssertionUse::Spiffe, named, self::now)
            .await
            .unwrap();
        assert_eq!((client.client().as_str(), client.method()), ("shop", Method::SpiffeJwtSvid));
    }
    for (subject, exp, named, expected) in [
        (id, now + 301, None, "the verifier refuses it: the token lives 301 s; the policy allows 300 s"),
        (
            id,
            now + 300,
            Some("mail"),
            r#"no registration is for "spiffe://example.org" about "spiffe://example.org/shop""#,
        ),
        (
            "spiffe://example.com/shop",
            now + 300,
            None,
            r#"no registration is for "spiffe://example.com" about "spiffe://example.com/shop""#,
        ),
        (
            "spiffe://example.org/../shop",
            now + 300,
            None,
            r#"no registration is for "" about "spiffe://example.org/../shop""#,
        ),
    ] {
        assert_eq!(
            refusal(&assertions, &state, &svid(subject, exp), AssertionUse::Spiffe, named).await,
            expected
        );
    }
    let with_issuer = authority.sign(&with(own_claims("spiffe://example.org", "1"), "sub", json!(id)));
    for usage in [AssertionUse::Grant, AssertionUse::ClientAuthentication] {
        let refused = refusal(&assertions, &state, &with_issuer, usage, None).await;
        assert_eq!(
            refused,
            r#"no registration is for "spiffe://example.org" about "spiffe://example.org/shop""#
        );
    }
}
