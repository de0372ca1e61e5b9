use super::*;
use proptest::prelude::*;

use crate::testing::{self, at};

/// JSON that looks like a policy as often as not.
fn any_policy() -> impl Strategy<Value = Json> {
    let words = prop::sample::select(vec![
        "issuers",
        "audiences",
        "routes",
        "challenge",
        "allow_http_loopback",
        "issuer",
        "jwks_uri",
        "jwks",
        "keys",
        "profile",
        "algorithms",
        "clock_skew",
        "status",
        "lists",
        "while_missing",
        "max_lifetime",
        "methods",
        "path",
        "exact",
        "prefix",
        "public",
        "scopes",
        "realm",
        "resource_metadata",
        "kty",
        "OKP",
        "crv",
        "Ed25519",
        "x",
        "/orders",
        "GET",
        "jwt",
        "ES256",
        "https://issuer.example/",
        "http://[::1]",
        "http://localhost",
        "",
        "é",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-5_i64..400).prop_map(Json::from),
        words.clone().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map(words.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_string(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn survives_any_json_and_what_loads_decides(mut policy in any_policy(), member in any_policy(), name in 0..5_usize) {
        // Half of them differ from a good one in one member only.
        if name < 4 {
            policy = good();
            policy[["issuers", "audiences", "routes", "challenge"][name]] = member;
        }
        match crate::Verifier::load(&policy.to_string(), testing::BACKEND) {
            Err(error) => prop_assert!(!error.problems().is_empty()),
            Ok(mut verifier) => {
                let headers = [("authorization", "Bearer a.b.c")];
                let request = crate::Request { method: "GET", host: "h", target: "/orders", headers: &headers };
                let _ = testing::authorize(&mut verifier, &request, at(0));
                let _ = verifier.due_fetches(at(0));
            }
        }
    }

    #[test]
    fn survives_any_text(text in ".{0,200}") {
        prop_assert!(parse(&text).is_err());
    }
}
