//! When status lists are fetched, how long they serve, and which are kept.

use super::*;
use core::time::Duration;

#[test]
fn a_list_is_met_through_a_token_and_fetched_once() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 0);
    assert_eq!(scene.due(0), Vec::<String>::new());
    assert_eq!(scene.needs(&token, 0), Some(vec![url("1")]));
    // Who comes meanwhile waits for the first.
    assert_eq!(scene.needs(&token, 1), Some(vec![]));
    assert_eq!(scene.conclude(&token, 1), Err(unavailable("1")));
    assert_eq!(scene.due(1), Vec::<String>::new());
    scene.supply(&List::of(&url("1")), 1).unwrap();
    assert_eq!(scene.conclude(&token, 1), Ok(()));
    // One verification of the signature was enough for all of that.
    assert_eq!(scene.verifier.cache_hits(), 3);
}

#[test]
fn a_fetch_request_says_how_it_is_to_be_fetched() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 0);
    let timeout = Duration::from_secs(5);
    let expected = FetchRequest { id: id_of(&url("1")), url: url("1"), timeout, limit: 512 * 1024 };
    assert_eq!(fetches(authenticate(&mut scene.verifier, &token, at(0))), [expected]);
}

#[test]
fn a_list_is_renewed_before_it_ends_and_soon_after_a_failure() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 0);
    scene.supply(&List::of(&url("1")), 0).unwrap();
    assert_eq!(scene.conclude(&token, 0), Ok(()));
    // Fresh for ten seconds.
    assert_eq!(scene.due(7), Vec::<String>::new());
    assert_eq!(scene.due(8), [url("1")]);
    scene.verifier.fail(id_of(&url("1")), at(9));
    assert_eq!(scene.due(9), Vec::<String>::new());
    assert_eq!(scene.due(10), [url("1")]);
    scene.verifier.fail(id_of(&url("1")), at(10));
    // A pause is a fifth of the freshness at most.
    assert_eq!(scene.due(11), Vec::<String>::new());
    assert_eq!(scene.due(12), [url("1")]);
    scene.verifier.fail(id_of(&url("1")), at(12));
    // It serves for five seconds beyond: as long as a fetch may take.
    assert_eq!(scene.conclude(&token, 14), Ok(()));
    assert_eq!(scene.conclude(&token, 15), Err(unavailable("1")));
}

#[test]
fn the_bound_holds_from_when_a_list_was_asked_for() {
    let mut scene = Scene::new(&json!({ "max_stale": 0 }));
    let token = scene.token("1", 0);
    assert_eq!(scene.needs(&token, 0), Some(vec![url("1")]));
    // Its answer took five seconds: what it says may be as old as that.
    scene.supply(&List::of(&url("1")), 5).unwrap();
    assert_eq!(scene.conclude(&token, 9), Ok(()));
    assert_eq!(scene.due(7), Vec::<String>::new());
    assert_eq!(scene.due(8), [url("1")]);
    assert_eq!(scene.conclude(&token, 10), Err(unavailable("1")));
}

#[test]
fn a_list_does_not_outlive_itself() {
    for (exp, skew, last) in [(12, 30, 41), (12, 0, 11), (1000, 30, 109)] {
        let mut scene = Scene::new(&json!({}));
        let members = json!({ "status": { "lists": LISTS, "max_stale": 100 }, "clock_skew": skew });
        scene.verifier = verifier(&[scene.signer.jwk("k")], &members);
        let token = scene.token("1", 0);
        let list = List::of(&url("1")).claim("exp", (testing::NOW + exp).into());
        scene.supply(&list, 0).unwrap();
        assert_eq!(scene.conclude(&token, last), Ok(()), "{exp}");
        assert_eq!(scene.conclude(&token, last + 1), Err(unavailable("1")), "{exp}");
    }
}

#[test]
fn freshness_is_the_shorter_of_two_within_bounds() {
    let dates = |list: List| list.without("exp").claim("iat", 1.into());
    for (ttl, caching, expected) in [
        (Some(20), "", 20),
        (Some(20), "max-age=10", 10),
        (Some(5), "max-age=10", 5),
        (None, "max-age=10", 10),
        (None, "", 60),
        (Some(20), "no-store", 1),
        (Some(20), "max-age=0", 1),
        (Some(100_000), "", 3600),
        (Some(1), "", 1),
    ] {
        let mut scene = Scene::new(&json!({ "max_stale": 0 }));
        let mut list = dates(List::of(&url("1"))).without("ttl");
        if let Some(ttl) = ttl {
            list = list.claim("ttl", ttl.into());
        }
        scene.verifier.supply(id_of(&url("1")), &list.signed(&scene.signer), caching, at(0)).unwrap();
        let status = format!(r#"{{"status_list":{{"idx":0,"uri":"{}"}}}}"#, url("1"));
        let exp = (testing::NOW + 10_000).to_string();
        let token = scene.signer.access_token("k", &[("status", &status), ("exp", &exp)]);
        assert_eq!(scene.conclude(&token, expected - 1), Ok(()), "{ttl:?} {caching}");
        assert_eq!(scene.conclude(&token, expected), Err(unavailable("1")), "{ttl:?} {caching}");
    }
}

#[test]
fn a_policy_can_do_without_a_list_that_cannot_be_had() {
    let mut scene = Scene::new(&json!({ "while_missing": "accept" }));
    let (good, revoked) = (scene.token("1", 0), scene.token("1", 1));
    // It is tried, though, before the first passes.
    assert_eq!(scene.needs(&good, 0), Some(vec![url("1")]));
    assert_eq!(scene.needs(&good, 1), Some(vec![]));
    scene.verifier.fail(id_of(&url("1")), at(1));
    assert_eq!(scene.conclude(&good, 1), Ok(()));
    assert_eq!(scene.conclude(&revoked, 1), Ok(()));
    // While that fails nobody waits; the regular look goes on.
    assert_eq!(scene.needs(&good, 2), None);
    assert_eq!(scene.due(2), [url("1")]);
    assert_eq!(scene.needs(&good, 2), None);
    scene.supply(&List::of(&url("1")), 3).unwrap();
    assert_eq!(scene.conclude(&good, 3), Ok(()));
    assert_eq!(scene.conclude(&revoked, 3), Err(Error::TokenRevoked { status: 1 }));
}

#[test]
fn a_list_that_comes_takes_with_it_what_it_revokes() {
    let mut scene = Scene::new(&json!({}));
    let tokens: Vec<String> =
        [("1", 0), ("1", 1), ("2", 1)].map(|(list, index)| scene.token(list, index)).into();
    for list in ["1", "2"] {
        scene.supply(&List::with(&url(list), 1, &[0]), 0).unwrap();
    }
    for token in &tokens {
        assert_eq!(scene.conclude(token, 0), Ok(()));
    }
    assert_eq!(scene.verifier.authenticator.remembered(), 3);
    scene.supply(&List::with(&url("1"), 1, &[0b10]).at(5), 5).unwrap();
    assert_eq!(scene.verifier.authenticator.remembered(), 2);
    assert_eq!(scene.conclude(&tokens[0], 5), Ok(()));
    assert_eq!(scene.conclude(&tokens[1], 5), Err(Error::TokenRevoked { status: 1 }));
    assert_eq!(scene.conclude(&tokens[2], 5), Ok(()));
    assert_eq!(scene.verifier.authenticator.remembered(), 2, "what is refused is not remembered");
}

#[test]
fn an_older_list_does_not_replace_a_newer() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 1);
    scene.supply(&List::with(&url("1"), 1, &[0b10]).at(5), 5).unwrap();
    let older = List::with(&url("1"), 1, &[0]);
    let refused = DocumentError::ListOutdated { issued: at(0), known: at(5) };
    assert_eq!(scene.supply(&older, 8), Err(refused));
    assert_eq!(scene.conclude(&token, 8), Err(Error::TokenRevoked { status: 1 }));
    // Nor does it stretch the time of the one that is there, or come after it.
    assert_eq!(scene.conclude(&token, 20), Err(unavailable("1")));
    let refused = DocumentError::ListOutdated { issued: at(0), known: at(5) };
    assert_eq!(scene.supply(&older, 20), Err(refused));
    assert_eq!(scene.conclude(&token, 20), Err(unavailable("1")));
}

#[test]
fn an_index_beyond_a_list_asks_for_a_newer_one() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 4);
    scene.supply(&List::of(&url("1")), 0).unwrap();
    // Within the pause after the last one came, that one is believed.
    assert_eq!(scene.needs(&token, 1), None);
    assert_eq!(scene.needs(&token, 2), Some(vec![url("1")]));
    scene.supply(&List::with(&url("1"), 4, &[0, 0, 0]).at(2), 2).unwrap();
    assert_eq!(scene.conclude(&token, 2), Ok(()));
}

#[test]
fn lists_that_no_token_needs_are_forgotten() {
    let mut scene = Scene::new(&json!({}));
    let (one, two) = (scene.token("1", 0), scene.token("2", 0));
    for list in ["1", "2"] {
        scene.supply(&List::of(&url(list)).without("exp"), 0).unwrap();
    }
    assert_eq!((scene.conclude(&one, 0), scene.conclude(&two, 0)), (Ok(()), Ok(())));
    let len = |scene: &mut Scene, now| {
        scene.due(now);
        scene.verifier.authenticator.lists().len()
    };
    // Nobody asked for the second in five minutes, and for the first in vain.
    assert_eq!(scene.conclude(&one, 200), Err(unavailable("1")));
    assert_eq!(len(&mut scene, 299), 2);
    assert_eq!(len(&mut scene, 300), 1);
    // And the tokens of the first end after 330 s.
    assert_eq!(len(&mut scene, 329), 1);
    assert_eq!(len(&mut scene, 330), 0);
}

#[test]
fn a_list_that_others_met_serves_and_is_not_fetched() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 0);
    scene.supply(&List::of(&url("1")), 0).unwrap();
    assert_eq!(scene.due(9), Vec::<String>::new());
    assert_eq!(scene.verifier.authenticator.lists().len(), 1);
    assert_eq!(scene.conclude(&token, 9), Ok(()));
    assert_eq!(scene.due(9), [url("1")]);

    let mut unused = Scene::new(&json!({}));
    unused.supply(&List::of(&url("1")), 0).unwrap();
    assert_eq!(unused.due(15), Vec::<String>::new());
    assert_eq!(unused.verifier.authenticator.lists().len(), 0);
}

#[test]
fn the_lists_of_an_issuer_are_bounded_by_number() {
    let mut scene = Scene::new(&json!({}));
    let most = limits::STATUS_LISTS;
    for number in 0..most + 5 {
        let token = scene.token(&number.to_string(), 0);
        let now = i64::try_from(number / 50).unwrap();
        assert_eq!(scene.conclude(&token, now), Err(unavailable(&number.to_string())));
    }
    assert_eq!(scene.verifier.authenticator.lists().len(), most);
    let newest = url(&(most + 4).to_string());
    assert!(scene.due(10).contains(&newest));
}

#[test]
fn all_lists_are_bounded_by_memory() {
    let mut scene = Scene::new(&json!({}));
    let size = limits::STATUS_LIST_INFLATED_BYTES;
    let fit = limits::STATUS_LISTS_BYTES / size;
    let zeros = vec![0; size];
    for number in 0..fit + 3 {
        let list = number.to_string();
        let now = i64::try_from(number).unwrap();
        let token = scene.token(&list, 0);
        let list = List::with(&url(&list), 1, &zeros).claim("ttl", 3600.into()).without("exp");
        scene.supply(&list, now).unwrap();
        assert_eq!(scene.conclude(&token, now), Ok(()));
        assert!(scene.verifier.authenticator.lists().bytes() <= limits::STATUS_LISTS_BYTES);
    }
    assert_eq!(scene.verifier.authenticator.lists().len(), fit);
    // Those that were not asked for longest went; the next token of one has it fetched again.
    let (first, last) = (scene.token("0", 0), scene.token(&(fit + 2).to_string(), 0));
    assert_eq!(scene.conclude(&last, 30), Ok(()));
    assert_eq!(scene.needs(&first, 30), Some(vec![url("0")]));
}

#[test]
fn a_clock_that_is_put_back_lets_no_list_serve_on() {
    let mut scene = Scene::new(&json!({}));
    let token = scene.token("1", 0);
    scene.supply(&List::of(&url("1")).claim("iat", 1.into()), 0).unwrap();
    assert_eq!(scene.conclude(&token, 0), Ok(()));
    assert_eq!(scene.conclude(&token, -8), Err(unavailable("1")));
    assert_eq!(scene.needs(&token, -8), Some(vec![url("1")]));
}

/// An issuer that publishes its keys.
fn published() -> Scene {
    let members = json!({ "jwks_uri": "https://issuer.example/jwks", "status": { "lists": LISTS } });
    let verifier = testing::load(&testing::policy(members));
    let mut scene = Scene { signer: Signer::ed25519(), verifier };
    let keys = key_set(&[scene.signer.jwk("k")]);
    scene.verifier.supply(keys_at("https://issuer.example/jwks"), &keys, "max-age=3600", at(-1000)).unwrap();
    scene
}

#[test]
fn a_list_by_an_unknown_key_has_the_key_set_fetched_and_not_twice() {
    let mut scene = published();
    let token = scene.token("1", 0);
    assert_eq!(scene.needs(&token, 0), Some(vec![url("1")]));
    let by_new = List::of(&url("1")).header("kid", json!("new"));
    let unknown = Error::KeyUnknown { kid: Some(Excerpt::new("new")), algorithm: Algorithm::EdDsa };
    assert_eq!(scene.supply(&by_new, 0), Err(DocumentError::ListToken(unknown.clone())));
    assert_eq!(scene.due(0), ["https://issuer.example/jwks"]);
    scene
        .verifier
        .supply(
            keys_at("https://issuer.example/jwks"),
            &key_set(&[scene.signer.jwk("k")]),
            "max-age=3600",
            at(1),
        )
        .unwrap();
    // It did not bring that key: it is not asked for again because of it, within a minute.
    assert_eq!(scene.supply(&by_new, 40), Err(DocumentError::ListToken(unknown.clone())));
    assert_eq!(scene.due(40), Vec::<String>::new());
    assert_eq!(scene.supply(&by_new, 70), Err(DocumentError::ListToken(unknown)));
    assert!(scene.due(70).contains(&"https://issuer.example/jwks".to_owned()));
    let keys = key_set(&[scene.signer.jwk("k"), scene.signer.jwk("new")]);
    scene.verifier.supply(keys_at("https://issuer.example/jwks"), &keys, "max-age=3600", at(71)).unwrap();
    assert_eq!(scene.supply(&by_new.at(70), 72), Ok(()));
    assert_eq!(scene.conclude(&token, 72), Ok(()));
}

#[test]
fn a_list_goes_with_the_key_that_signed_it() {
    let mut scene = published();
    let token = scene.token("1", 0);
    let by_old = Signer::ed25519();
    let keys = |keys: &[Json]| key_set(keys);
    let both = keys(&[scene.signer.jwk("k"), by_old.jwk("old")]);
    scene.verifier.supply(keys_at("https://issuer.example/jwks"), &both, "", at(0)).unwrap();
    let list = List::of(&url("1")).header("kid", json!("old")).signed(&by_old);
    scene.supply_text(&url("1"), &list, 0).unwrap();
    assert_eq!(scene.conclude(&token, 1), Ok(()));
    scene
        .verifier
        .supply(keys_at("https://issuer.example/jwks"), &keys(&[scene.signer.jwk("k")]), "", at(1))
        .unwrap();
    assert_eq!(scene.conclude(&token, 1), Err(unavailable("1")));
}

#[test]
fn without_a_memory_of_tokens_lists_serve_as_well() {
    let signer = Signer::ed25519();
    let policy = json!({
        "issuers": [{
            "issuer": ISSUER, "jwks": { "keys": [signer.jwk("k")] }, "status": { "lists": LISTS },
        }],
        "audiences": ["orders"],
        "token_cache": { "entries": 0 },
    });
    let mut scene = Scene { verifier: testing::load(&policy.to_string()), signer };
    let token = scene.token("1", 0);
    assert_eq!(scene.needs(&token, 0), Some(vec![url("1")]));
    scene.supply(&List::of(&url("1")), 0).unwrap();
    assert_eq!(scene.conclude(&token, 0), Ok(()));
    scene.supply(&List::with(&url("1"), 1, &[1]).at(1), 2).unwrap();
    assert_eq!(scene.conclude(&token, 2), Err(Error::TokenRevoked { status: 1 }));
}
