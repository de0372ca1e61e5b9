use std::sync::Arc;

use super::*;
use crate::domain::{
    ActorChain, ClientGrant, ClientSecret, Entry, Exchanges, Lifetime, Method, authenticate, parse_claim,
};
use crate::testing::{NOW, client, id, pepper, scopes, secret, secret_of};

/// `orders` was called by `shop` and calls `stock`, where it may trade `write` for `reserve`, and `read` for `list` and
/// `look`; its own grant holds `admin`, too. It may call `mail` without any exchange.
fn directory() -> Directory {
    let mut orders = client("orders", "read write delete");
    orders.credentials = vec![Arc::new(secret_of("orders"))];
    let mut stock = ClientGrant::new(id("orders"), id("stock"), scopes("reserve list look admin"));
    stock.exchanges = exchanges("write=reserve read=list read=look");
    stock.lifetime = Lifetime::from_seconds(300).ok();
    let (claim, value) = parse_claim("tenant=acme").unwrap();
    stock.claims.add(claim, value).unwrap();
    Directory::new([
        Entry::new(client("shop", ""), []),
        Entry::new(orders, [stock, ClientGrant::new(id("orders"), id("mail"), scopes("send"))]),
        Entry::new(client("stock", "reserve list look admin"), []),
        Entry::new(client("mail", "send"), []),
    ])
}

fn exchanges(text: &str) -> Exchanges {
    Exchanges::new(text.split(' ').map(|it| it.parse().unwrap())).unwrap()
}

/// The token that `shop` called `orders` with.
fn subject() -> AccessToken {
    AccessToken {
        id: "s".to_owned(),
        kid: "k".to_owned(),
        subject: id("shop"),
        client: id("shop"),
        audience: id("orders"),
        scopes: scopes("read write delete"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        actors: ActorChain::default(),
    }
}

/// The token `subject`, of which the scopes `held` are left, traded by `orders` at `now`.
fn trade_at(
    directory: &Directory,
    subject: &AccessToken,
    held: &str,
    (audience, asked): (Option<&str>, Option<&str>),
    now: UnixTime,
) -> Result<Issuance, Refusal> {
    let (held, asked) = (scopes(held), asked.map(scopes));
    let access = RequestedAccess { audience, scopes: asked.as_ref() };
    let exchange = ExchangeRequest { subject, held: &held, access, max_act_depth: ActDepth::default() };
    let secret: ClientSecret = secret();
    let method = Method::SecretPost;
    let orders = authenticate(&self::directory(), &pepper(), "orders", &secret, method, NOW).unwrap();
    let issuer = "https://id.example".parse().unwrap();
    let token_id = TokenId::generate().unwrap();
    decide_exchange(directory, &issuer, &LifetimeBounds::default(), &orders, exchange, token_id, now)
}

fn trade(subject: &AccessToken, held: &str, asked: Option<&str>) -> Result<Issuance, Refusal> {
    trade_at(&directory(), subject, held, (Some("stock"), asked), NOW)
}

fn chain(actors: &[&str]) -> ActorChain {
    actors.iter().rev().fold(ActorChain::default(), |chain, actor| chain.joined_by(id(actor)))
}

#[test]
fn the_new_token_speaks_for_the_subject_and_names_the_client() {
    let issued = trade(&subject(), "read write", None).unwrap();
    let claims = serde_json::to_value(&issued.claims).unwrap();
    let expected = serde_json::json!({
        "iss": "https://id.example", "sub": "shop", "aud": "stock", "client_id": "orders",
        "iat": 1_800_000_000, "exp": 1_800_000_300, "jti": issued.claims.jti, "scope": "list look reserve",
        "act": { "sub": "orders" }, "tenant": "acme",
    });
    assert_eq!(claims, expected);
}

#[test]
fn those_who_acted_before_are_named_inside() {
    let subject = AccessToken { client: id("front"), actors: chain(&["front", "gate"]), ..subject() };
    let claims = trade(&subject, "read", None).unwrap().claims;
    assert_eq!((claims.sub, claims.act), (id("shop"), chain(&["orders", "front", "gate"])));
}

#[test]
fn scopes_are_what_those_of_the_subject_are_traded_for() {
    for (held, asked, expected) in [
        ("read write delete", None, Ok("list look reserve")),
        ("read", None, Ok("list look")),
        ("write", None, Ok("reserve")),
        ("read write", Some("look"), Ok("look")),
        ("read write", Some("reserve list"), Ok("list reserve")),
        ("read", Some("list reserve"), Err("reserve")),
        // The client's own grant holds it, and the subject gives no right to it.
        ("read write", Some("admin"), Err("admin")),
    ] {
        let traded = trade(&subject(), held, asked).map(|issued| issued.claims.scope);
        let beyond = |scope: &str| Refusal::ScopeNotTraded { scope: scope.parse().unwrap() };
        let expected = expected.map(|scopes| Some(scopes.to_owned())).map_err(beyond);
        assert_eq!(traded, expected, "{held} {asked:?}");
    }
    for held in ["", "delete", "list"] {
        assert_eq!(trade(&subject(), held, None), Err(Refusal::NothingToTrade), "{held}");
        assert_eq!(trade(&subject(), held, Some("list")), Err(Refusal::NothingToTrade), "{held}");
    }
}

#[test]
fn the_new_token_ends_no_later_than_the_old_one() {
    for (left, lifetime) in [(600, 300), (300, 300), (299, 299), (1, 1)] {
        let subject = AccessToken { expires_at: NOW.plus(left), ..subject() };
        assert_eq!(trade(&subject, "read", None).unwrap().claims.exp, NOW.plus(lifetime), "{left}");
    }
}

#[test]
fn only_the_audience_of_a_token_trades_it() {
    let another = AccessToken { audience: id("stock"), ..subject() };
    let refused = Refusal::SubjectForAnother { audience: id("stock") };
    assert_eq!(trade(&another, "read", None), Err(refused));
}

#[test]
fn an_edge_is_there_only_where_a_grant_says_so() {
    let to = |audience, asked| trade_at(&directory(), &subject(), "read", (audience, asked), NOW);
    assert_eq!(to(None, None), Err(Refusal::NoAudience));
    assert_eq!(to(Some("nowhere"), None), Err(Refusal::UnknownAudience));
    assert_eq!(to(Some("shop"), None), Err(Refusal::NotGranted));
    assert_eq!(to(Some("mail"), None), Err(Refusal::NotExchangeable));
    assert_eq!(to(Some("mail"), Some("send")), Err(Refusal::NotExchangeable));
}

#[test]
fn what_is_asked_of_every_token_is_asked_here_too() {
    let changed = |change: &dyn Fn(&mut ClientGrant)| {
        let mut directory = directory();
        let orders = directory.client("orders").unwrap().clone();
        let mut grant = directory.grant("orders", "stock").unwrap().clone();
        change(&mut grant);
        directory.insert(Entry::new(orders, [grant]));
        directory
    };
    let disabled = |name: &str| {
        let mut directory = directory();
        let mut client = directory.client(name).unwrap().clone();
        client.enabled = false;
        let grants =
            directory.grants().into_iter().filter(|it| it.client == client.id).cloned().collect::<Vec<_>>();
        directory.insert(Entry::new(client, grants));
        directory
    };
    for (directory, refusal) in [
        (changed(&|grant| grant.expires_at = Some(NOW)), Refusal::GrantExpired),
        (disabled("stock"), Refusal::AudienceDisabled),
        (disabled("orders"), Refusal::ClientDisabled),
    ] {
        let traded = trade_at(&directory, &subject(), "read", (Some("stock"), None), NOW);
        assert_eq!(traded, Err(refusal));
    }
    // An exchange for what the grant does not hold gives nothing.
    let narrowed = changed(&|grant| grant.scopes = scopes("list admin"));
    let traded = trade_at(&narrowed, &subject(), "read write", (Some("stock"), None), NOW).unwrap();
    assert_eq!(traded.claims.scope.as_deref(), Some("list"));
}

#[test]
fn nobody_acts_twice() {
    let own =
        AccessToken { subject: id("orders"), client: id("mail"), actors: chain(&["mail"]), ..subject() };
    let again = AccessToken { client: id("stock"), actors: chain(&["stock", "orders"]), ..subject() };
    for subject in [own, again] {
        assert_eq!(trade(&subject, "read", None), Err(Refusal::ActsTwice));
    }
}

#[test]
fn a_chain_has_an_end() {
    let names = ["a", "b", "c", "d"];
    let subject = |earlier: usize| AccessToken { actors: chain(&names[..earlier]), ..subject() };
    assert_eq!(trade(&subject(3), "read", None).map(|issued| issued.claims.act.len()), Ok(4));
    assert_eq!(trade(&subject(4), "read", None), Err(Refusal::TooManyActors { limit: 4 }));
}
