use std::sync::Arc;

use super::*;
use crate::domain::{Client, ClientGrant, Entry, Lifetime, Method, authenticate, parse_claim};
use crate::testing::{NOW, client, id, pepper, scopes, secret, secret_of};

const TOKEN_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// `shop` may call `orders` with two scopes and `mail` with none; `stock` exists, but nobody may call it.
fn directory() -> Directory {
    let mut shop = client("shop", "");
    shop.credentials = vec![Arc::new(secret_of("shop"))];
    let grant = |audience: &str, granted: &str, seconds: u64| ClientGrant {
        lifetime: Lifetime::from_seconds(seconds).ok(),
        ..ClientGrant::new(id("shop"), id(audience), scopes(granted))
    };
    Directory::new([
        Entry::new(shop, [grant("orders", "read write", 600), grant("mail", "", 60)]),
        Entry::new(client("orders", "read write delete"), []),
        Entry::new(client("mail", "send"), []),
        Entry::new(client("stock", ""), []),
    ])
}

/// The same, a client changed, with its grants as `change` leaves them.
fn changed(name: &str, change: impl FnOnce(&mut Client, &mut Vec<ClientGrant>)) -> Directory {
    let mut directory = directory();
    let mut client = directory.client(name).unwrap().clone();
    let mut grants = directory.grants().into_iter().filter(|it| it.client == client.id).cloned().collect();
    change(&mut client, &mut grants);
    directory.insert(Entry::new(client, grants));
    directory
}

fn shop(directory: &Directory) -> Authenticated {
    authenticate(directory, &pepper(), "shop", &secret(), Method::SecretPost, NOW).unwrap()
}

fn issue(
    directory: &Directory,
    client: &Authenticated,
    audience: Option<&str>,
    asked: Option<&str>,
) -> Result<Issuance, Refusal> {
    let asked = asked.map(scopes);
    let issuer = "https://id.example".parse().unwrap();
    let access = RequestedAccess { audience, scopes: asked.as_ref() };
    let token_id = TOKEN_ID.parse().unwrap();
    decide(directory, &issuer, &LifetimeBounds::default(), client, access, token_id, NOW)
}

fn ask(audience: Option<&str>, asked: Option<&str>) -> Result<Claims, Refusal> {
    ask_in(&directory(), audience, asked)
}

fn ask_in(directory: &Directory, audience: Option<&str>, asked: Option<&str>) -> Result<Claims, Refusal> {
    issue(directory, &shop(&self::directory()), audience, asked).map(|it| it.claims)
}

#[test]
fn a_token_says_what_rfc_9068_asks_for() {
    let claims = ask(Some("orders"), Some("write")).unwrap();
    assert_eq!(
        serde_json::to_value(&claims).unwrap(),
        serde_json::json!({
            "iss": "https://id.example", "sub": "shop", "aud": "orders", "client_id": "shop",
            "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": TOKEN_ID, "scope": "write",
        })
    );
}

#[test]
fn scopes_are_those_asked_for_or_all_that_were_granted() {
    for (audience, asked, scope) in [
        ("orders", None, Some("read write")),
        ("orders", Some("read"), Some("read")),
        ("orders", Some("write read"), Some("read write")),
        ("mail", None, None),
    ] {
        assert_eq!(
            ask(Some(audience), asked).map(|claims| claims.scope),
            Ok(scope.map(str::to_owned)),
            "{audience}"
        );
    }
}

#[test]
fn every_refusal() {
    let beyond = |scope: &str| Refusal::ScopeNotGranted { scope: scope.parse().unwrap() };
    for (audience, asked, refusal) in [
        (None, None, Refusal::NoAudience),
        (Some("nowhere"), None, Refusal::UnknownAudience),
        (Some(""), None, Refusal::UnknownAudience),
        (Some("stock"), None, Refusal::NotGranted),
        (Some("shop"), None, Refusal::NotGranted),
        (Some("orders"), Some("delete"), beyond("delete")),
        (Some("orders"), Some("read nonsense"), beyond("nonsense")),
        (Some("mail"), Some("send"), beyond("send")),
        (Some("stock"), Some("read"), Refusal::NotGranted),
    ] {
        assert_eq!(ask(audience, asked), Err(refusal), "{audience:?} {asked:?}");
    }
}

#[test]
fn a_grant_is_of_one_direction() {
    let directory = changed("orders", |client, _| client.credentials = vec![Arc::new(secret_of("orders"))]);
    let orders = authenticate(&directory, &pepper(), "orders", &secret(), Method::SecretPost, NOW).unwrap();
    assert_eq!(issue(&directory, &orders, Some("shop"), None), Err(Refusal::NotGranted));
}

#[test]
fn the_audience_says_what_is_granted_to_who_names_no_scope() {
    let defaults = |text: &str| changed("orders", |client, _| client.audience.default_scopes = scopes(text));
    for (default, scope) in [("", Some("read write")), ("read delete", Some("read")), ("delete", None)] {
        let claims = ask_in(&defaults(default), Some("orders"), None).unwrap();
        assert_eq!(claims.scope.as_deref(), scope, "{default}");
    }
    let claims = ask_in(&defaults("read"), Some("orders"), Some("write")).unwrap();
    assert_eq!(claims.scope.as_deref(), Some("write"), "a default is no limit");
}

#[test]
fn what_is_disabled_or_has_expired_gives_nothing() {
    let gone = {
        let mut directory = directory();
        directory.remove(&id("shop"));
        directory
    };
    let expiring = |at| changed("shop", |_, grants| grants.iter_mut().for_each(|it| it.expires_at = at));
    for (directory, expected) in [
        (changed("shop", |client, _| client.enabled = false), Err(Refusal::ClientDisabled)),
        (gone, Err(Refusal::ClientDisabled)),
        (changed("orders", |client, _| client.enabled = false), Err(Refusal::AudienceDisabled)),
        (expiring(Some(NOW)), Err(Refusal::GrantExpired)),
        (expiring(Some(NOW.plus(1))), Ok(id("shop"))),
    ] {
        assert_eq!(ask_in(&directory, Some("orders"), None).map(|claims| claims.sub), expected);
    }
}

#[test]
fn the_audience_chooses_algorithm_and_lifetime() {
    let directory = changed("orders", |client, _| {
        client.audience.algorithm = Some(Algorithm::Rs256);
        client.audience.lifetime = Lifetime::from_seconds(30).ok();
    });
    let issued = issue(&directory, &shop(&directory), Some("orders"), None).unwrap();
    assert_eq!(issued.algorithm, Some(Algorithm::Rs256));
    assert_eq!(issued.claims.exp, NOW.plus(30));
    assert_eq!(issue(&directory, &shop(&directory), Some("mail"), None).unwrap().algorithm, None);
}

#[test]
fn a_grant_adds_its_claims() {
    let directory = changed("shop", |_, grants| {
        for text in ["roles=clerk", "tenant=acme"] {
            let (claim, value) = parse_claim(text).unwrap();
            for grant in grants.iter_mut() {
                grant.claims.add(claim, value.clone()).unwrap();
            }
        }
    });
    let claims = serde_json::to_value(ask_in(&directory, Some("mail"), None).unwrap()).unwrap();
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "https://id.example", "sub": "shop", "aud": "mail", "client_id": "shop",
            "iat": 1_800_000_000, "exp": 1_800_000_060, "jti": TOKEN_ID, "roles": ["clerk"], "tenant": "acme",
        })
    );
}
