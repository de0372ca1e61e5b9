use super::*;
use crate::domain::{Client, Grant, Lifetime};

const NOW: UnixTime = UnixTime::from_seconds(1_000_000);

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn scopes(text: &str) -> ScopeSet {
    if text.is_empty() { ScopeSet::default() } else { text.parse().unwrap() }
}

fn secret() -> ClientSecret {
    ClientSecret::presented("correct horse".to_owned())
}

/// `shop` may call `orders` with two scopes and `mail` with none; `stock` exists, but nobody may call it.
fn directory() -> Directory {
    let client = |name: &str, offered: &str, secret: Option<SecretHash>| Client {
        id: id(name),
        scopes: scopes(offered),
        secret,
        created_at: NOW,
    };
    let grant = |audience: &str, granted: &str, seconds: u64| Grant {
        client: id("shop"),
        audience: id(audience),
        scopes: scopes(granted),
        lifetime: Lifetime::from_seconds(seconds).unwrap(),
    };
    Directory::new(
        vec![
            client("shop", "", Some(secret().hash())),
            client("orders", "read write delete", None),
            client("mail", "send", None),
            client("stock", "", None),
        ],
        vec![grant("orders", "read write", 600), grant("mail", "", 60)],
        vec![],
    )
}

fn ask(audience: Option<&str>, asked: Option<&str>) -> Result<Claims, Refusal> {
    let client = authenticate(&directory(), "shop", &secret()).unwrap();
    let asked = asked.map(scopes);
    let issuer = "https://id.example".parse().unwrap();
    decide(&directory(), &issuer, &client, audience, asked.as_ref(), TokenId("t".to_owned()), NOW)
}

#[test]
fn authentication_tells_the_log_why() {
    let wrong = ClientSecret::presented("wrong".to_owned());
    for (name, secret, expected) in [
        ("shop", secret(), Ok(("shop".to_owned(), Method::Secret))),
        ("shop", wrong, Err(AuthenticationFailure::WrongSecret)),
        ("shop", ClientSecret::presented(String::new()), Err(AuthenticationFailure::WrongSecret)),
        ("orders", secret(), Err(AuthenticationFailure::NoSecret)),
        ("nobody", secret(), Err(AuthenticationFailure::UnknownClient)),
        ("", secret(), Err(AuthenticationFailure::UnknownClient)),
    ] {
        let result = authenticate(&directory(), name, &secret);
        assert_eq!(result.map(|it| (it.client().to_string(), it.method())), expected, "{name}");
    }
}

#[test]
fn a_token_says_what_rfc_9068_asks_for() {
    let claims = ask(Some("orders"), Some("write")).unwrap();
    assert_eq!(
        serde_json::to_value(&claims).unwrap(),
        serde_json::json!({
            "iss": "https://id.example", "sub": "shop", "aud": "orders", "client_id": "shop",
            "iat": 1_000_000, "exp": 1_000_600, "jti": "t", "scope": "write",
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
    let mut reversed = directory();
    reversed = Directory::new(
        reversed
            .clients()
            .into_iter()
            .cloned()
            .map(|mut c| {
                c.secret = Some(secret().hash());
                c
            })
            .collect(),
        reversed.grants().into_iter().cloned().collect(),
        vec![],
    );
    let orders = authenticate(&reversed, "orders", &secret()).unwrap();
    let issuer = "https://id.example".parse().unwrap();
    let id = TokenId::generate().unwrap();
    assert_eq!(decide(&reversed, &issuer, &orders, Some("shop"), None, id, NOW), Err(Refusal::NotGranted));
}

#[test]
fn token_ids_carry_128_bits_and_differ() {
    let (one, other) = (TokenId::generate().unwrap(), TokenId::generate().unwrap());
    assert_eq!(one.as_str().len(), 22);
    assert_ne!(one, other);
}
