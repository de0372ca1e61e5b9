//! Tokens that were verified before: what is asked of them again.

use super::*;

const KEYS: &str = "https://issuer.example/jwks";

/// A verifier of a published key set with routes, and whether a decision verified a signature.
struct Scene {
    signer: Signer,
    verifier: Verifier,
}

impl Scene {
    fn new(cache: &Json) -> Self {
        let policy = json!({
            "issuers": [{ "issuer": ISSUER, "jwks_uri": KEYS }],
            "audiences": ["orders"],
            "routes": [
                { "path": { "exact": "/write" }, "scopes": ["orders:write"] },
                { "path": { "exact": "/other" }, "audiences": ["other"] },
                { "path": { "exact": "/tenant" }, "claims": [{ "claim": "tenant", "equals": "t1" }] },
                {},
            ],
            "token_cache": cache,
        });
        let mut scene = Self { signer: Signer::ed25519(), verifier: testing::load(&policy.to_string()) };
        scene.publish(&[scene.signer.jwk("k")], 0);
        scene
    }

    fn publish(&mut self, keys: &[Json], now: i64) {
        self.verifier.supply(keys_at(KEYS), &key_set(keys), "max-age=60", at(now)).unwrap();
    }

    fn ask(&mut self, token: &str, target: &str, now: i64) -> Option<Error> {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        let request = Request { method: "GET", host: "h", target, headers: &headers };
        match testing::authorize(&mut self.verifier, &request, at(now)) {
            Decision::Allow(_) => None,
            Decision::Deny(rejection) => Some(rejection.error().clone()),
            other @ Decision::Respond(_) => panic!("{other:?}"),
        }
    }

    /// How many tokens are remembered.
    fn remembered(&self) -> usize {
        self.verifier.authenticator.remembered()
    }
}

fn on() -> Json {
    json!({ "entries": 100, "bytes": 1_000_000 })
}

#[test]
fn v41_a_remembered_token_is_asked_again_what_the_route_wants() {
    let mut scene = Scene::new(&on());
    let token = scene.signer.access_token("k", &[]);
    for _ in 0..2 {
        assert_eq!(scene.ask(&token, "/", 0), None);
        assert!(matches!(scene.ask(&token, "/write", 0), Some(Error::ScopeInsufficient { .. })));
        assert!(matches!(scene.ask(&token, "/other", 0), Some(Error::AudienceWrong { .. })));
        assert!(matches!(scene.ask(&token, "/tenant", 0), Some(Error::ClaimRefused { .. })));
        assert_eq!(scene.remembered(), 1);
    }
}

#[test]
fn v41_a_remembered_token_ends_when_it_expires() {
    let mut scene = Scene::new(&on());
    let token = scene.signer.access_token("k", &[]);
    // 300 s to `exp`, 30 s of skew.
    for now in [0, 329] {
        assert_eq!(scene.ask(&token, "/", now), None, "{now}");
    }
    let expired = Error::Expired { expiry: at(300), now: at(330) };
    assert_eq!(scene.ask(&token, "/", 330), Some(expired));
    assert_eq!(scene.remembered(), 0);
    // And before its time, should the clock be put back.
    assert_eq!(scene.ask(&token, "/", 0), None);
    let early = Error::IssuedInFuture { issued: at(-10), now: at(-41) };
    scene.publish(&[scene.signer.jwk("k")], -41);
    assert_eq!(scene.ask(&token, "/", -41), Some(early));
}

#[test]
fn v41_a_remembered_token_goes_with_its_key() {
    let mut scene = Scene::new(&on());
    let other = Signer::ed25519();
    let token = scene.signer.access_token("k", &[]);
    assert_eq!(scene.ask(&token, "/", 0), None);
    scene.publish(&[other.jwk("l"), scene.signer.jwk("k")], 31);
    // A set that still has the key costs nobody a second verification.
    assert_eq!(scene.remembered(), 1);
    assert_eq!((scene.ask(&token, "/", 31), scene.remembered()), (None, 1));
    // Another key under the name of the old one, or the old one under another name: not what was verified.
    let mut replaced = scene.verifier.clone();
    scene.publish(&[other.jwk("k")], 62);
    assert_eq!(scene.remembered(), 0);
    assert_eq!(scene.ask(&token, "/", 62), Some(Error::SignatureWrong));
    replaced.supply(keys_at(KEYS), &key_set(&[scene.signer.jwk("renamed")]), "", at(62)).unwrap();
    scene.verifier = replaced;
    assert_eq!(scene.remembered(), 0);
}

#[test]
fn v41_a_remembered_token_does_not_outlive_its_key_set() {
    let mut scene = Scene::new(&on());
    let bound = i64::try_from(limits::STALE_SECONDS).unwrap();
    let token = scene.signer.access_token("k", &[("exp", &(testing::NOW + 80_000).to_string())]);
    assert_eq!(scene.ask(&token, "/", bound - 1), None);
    assert_eq!(scene.ask(&token, "/", bound - 1), None);
    assert_eq!(scene.ask(&token, "/", bound), Some(Error::KeysUnavailable { issuer: ISSUER.into() }));
}

#[test]
fn v41_only_verified_tokens_are_remembered() {
    let mut scene = Scene::new(&on());
    let good = scene.signer.access_token("k", &[]);
    let forged = Signer::ed25519().access_token("k", &[]);
    let expired = scene.signer.access_token("k", &[("exp", "1")]);
    for token in [forged.as_str(), &expired, "a.b.c", &format!("{good}A"), &"x".repeat(9000)] {
        assert!(scene.ask(token, "/", 0).is_some());
    }
    assert_eq!(scene.remembered(), 0);
}

#[test]
fn a_policy_can_do_without() {
    for cache in [json!({ "entries": 0 }), json!({ "bytes": 0 })] {
        let mut scene = Scene::new(&cache);
        let token = scene.signer.access_token("k", &[]);
        assert_eq!((scene.ask(&token, "/", 0), scene.remembered()), (None, 0));
    }
}
