//! A token for another on behalf of the same subject (RFC 8693).

use ::http::StatusCode;
use serde_json::{Value, json};
use tessera_verifier::{AcceptedAudience, Attempt, Backend, Decision, Request, Step, Timestamp, Verifier};
use warp::test::RequestBuilder;

use super::stage::{GRANT, ISSUER, OWN, Server, basic, body, now, post};
use crate::domain::{
    AccessToken, ActorChain, Change, ClientGrant, ClientUpdate, Exchange, Exchanges, MAX_ACT_DEPTH,
    Revocation, RevocationRecord,
};
use crate::testing::{id, offering, scopes};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const EXCHANGE: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange";
const TYPED: &str = "subject_token_type=urn:ietf:params:oauth:token-type:access_token";

/// `orders`, `stock` and further services `s1`, `s2`, … each have a secret, and each may trade what it was called with
/// for `all` at the next: `write` of `orders`, `all` of the others.
async fn server() -> Server {
    let server = Server::start().await;
    server.secret("orders", "s").await;
    server.secret("stock", "s").await;
    server.set("stock", offering("all")).await;
    for name in ["s1", "s2", "s3"] {
        let add = Change::AddClient { id: id(name), settings: offering("all"), credential: None };
        server.apply(&add).await;
        server.secret(name, "s").await;
    }
    edge(&server, "orders", "stock", "write=all").await;
    for (client, audience) in [("stock", "s1"), ("s1", "s2"), ("s2", "s3"), ("s3", "orders")] {
        let exchange = if audience == "orders" { "all=read" } else { "all" };
        edge(&server, client, audience, exchange).await;
    }
    server
}

async fn edge(server: &Server, client: &str, audience: &str, exchange: &str) {
    let exchange: Exchange = exchange.parse().unwrap();
    let mut grant = ClientGrant::new(id(client), id(audience), scopes(exchange.to.as_str()));
    grant.exchanges = Exchanges::new([exchange]).unwrap();
    server.apply(&Change::AddGrant(grant)).await;
}

/// A token of `shop` for `orders`.
async fn called(server: &Server) -> String {
    token(&server.assert_granted(post(&format!("{GRANT}&{OWN}")), "issued").await)
}

fn token(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap().to_owned()
}

/// `client` with a token that it was called with, and what else it says.
fn trade(client: &str, subject: &str, rest: &str) -> RequestBuilder {
    let form = format!("{EXCHANGE}&{TYPED}&subject_token={subject}&{rest}");
    post(&form).header("authorization", basic(&format!("{client}:s")))
}

/// A verifier as `audience` has one, its keys fetched.
async fn verifier(server: &Server, audience: &str, claims: Value) -> Verifier {
    let policy = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": body(&server.get("/.well-known/jwks.json").await) }],
        "audiences": [audience],
        "routes": [{ "path": { "prefix": "/" }, "claims": claims }],
    });
    Verifier::load(&policy.to_string(), Backend::Portable).unwrap()
}

fn timestamp() -> Timestamp {
    Timestamp::from_seconds(now().as_seconds())
}

/// The claims of a token for `audience`, verified.
async fn claims(server: &Server, audience: &str, token: &str) -> Value {
    let mut verifier = verifier(server, audience, json!([{ "claim": "sub", "exists": true }])).await;
    match verifier.authenticate(token, AcceptedAudience::OfPolicy, &mut Attempt::new(), timestamp()) {
        Step::Done(Ok(token)) => serde_json::from_str(token.claims_json()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// RFC 8693 §2.2.1: what the answer says; §4.1: `act`; §4.2 and §4.3 have `scope` and `client_id`.
#[tokio::test]
async fn a_service_calls_on_for_its_caller() {
    let server = server().await;
    let subject = called(&server).await;
    for (rest, issued_type) in [
        ("audience=stock", ACCESS_TOKEN),
        ("audience=stock&scope=all", ACCESS_TOKEN),
        (&*format!("audience=stock&requested_token_type={ACCESS_TOKEN}"), ACCESS_TOKEN),
        (&*format!("audience=stock&requested_token_type={JWT}"), JWT),
    ] {
        let answer = server.assert_granted(trade("orders", &subject, rest), rest).await;
        let token = token(&answer);
        let lifetime = answer["expires_in"].as_u64().unwrap();
        let expected = json!({
            "access_token": token, "issued_token_type": issued_type, "token_type": "Bearer",
            "expires_in": lifetime, "scope": "all",
        });
        assert_eq!(answer, expected, "{rest}");
        let claims = claims(&server, "stock", &token).await;
        let (iat, jti) = (claims["iat"].as_u64().unwrap(), &claims["jti"]);
        let expected = json!({
            "iss": ISSUER, "sub": "shop", "client_id": "orders", "aud": "stock", "act": { "sub": "orders" },
            "scope": "all", "iat": iat, "exp": iat + lifetime, "jti": jti,
        });
        assert_eq!(claims, expected, "{rest}");
        assert!(claims["exp"].as_u64() <= self::claims(&server, "orders", &subject).await["exp"].as_u64());
    }
}

/// RFC 8693 §4.1: prior actors inside the current one. A policy can ask for either.
#[tokio::test]
async fn the_chain_is_told_and_has_an_end() {
    let server = server().await;
    let mut held = called(&server).await;
    for (client, audience) in [("orders", "stock"), ("stock", "s1"), ("s1", "s2"), ("s2", "s3")] {
        let rest = format!("audience={audience}");
        held = token(&server.assert_granted(trade(client, &held, &rest), &rest).await);
    }
    let told = claims(&server, "s3", &held).await;
    let chain =
        json!({ "sub": "s2", "act": { "sub": "s1", "act": { "sub": "stock", "act": { "sub": "orders" } } } });
    assert_eq!((&told["sub"], &told["client_id"], &told["act"]), (&json!("shop"), &json!("s2"), &chain));
    let request = trade("s3", &held, "audience=orders");
    server.assert_refused(request, 400, "invalid_request", "a fifth actor").await;

    for (condition, allowed) in [
        (json!({ "claim": ["act", "sub"], "equals": "s2" }), true),
        (json!({ "claim": ["act", "sub"], "equals": "orders" }), false),
        (json!({ "claim": ["act", "act", "sub"], "one_of": ["s1", "x"] }), true),
        (json!({ "claim": ["act", "act", "act", "act", "sub"], "equals": "orders" }), true),
        (json!({ "claim": ["act", "act", "act", "act", "act", "sub"], "exists": true }), false),
    ] {
        let mut verifier = verifier(&server, "s3", json!([condition])).await;
        let authorization = format!("Bearer {held}");
        let headers = [("authorization", &*authorization)];
        let request = Request { method: "GET", host: "s3.example", target: "/", headers: &headers };
        let decision = verifier.authorize(&request, &mut Attempt::new(), timestamp());
        assert_eq!(matches!(decision, Step::Done(Decision::Allow(_))), allowed, "{condition}: {decision:?}");
    }
}

/// The longest chain that a configuration can allow is one that verifiers read.
#[tokio::test]
async fn the_longest_chain_is_verified_and_read_back() {
    let server = server().await;
    let snapshot = server.service.latest();
    let names: Vec<_> = (0..MAX_ACT_DEPTH).map(|n| format!("{n}{}", "x".repeat(254))).collect();
    let chain = names.iter().fold(ActorChain::default(), |it, name| it.joined_by(id(name)));
    let now = now().as_seconds();
    let written = json!({
        "iss": ISSUER, "sub": "shop", "client_id": "s2", "aud": "s3", "act": chain, "iat": now, "exp": now + 60,
        "jti": "t",
    });
    let token = crate::keys::sign_token(snapshot.keyring.signer(None).unwrap(), &written).await.unwrap();
    assert_eq!(claims(&server, "s3", &token).await, written);
    let read = server.service.validator().read(&snapshot.keyring, &token, self::now()).unwrap();
    assert_eq!(read.token.actors, chain);
}

/// RFC 8693 §2.1: what is missing or not offered; §2.2.2: `invalid_request` for each, and for whatever is wrong with the
/// subject token, `invalid_target` for a target.
#[tokio::test]
async fn every_refusal_has_its_standard_code() {
    let server = server().await;
    let subject = called(&server).await;
    let for_mail = token(
        &server
            .assert_granted(post(&format!("grant_type=client_credentials&audience=mail&{OWN}")), "mail")
            .await,
    );
    let mut damaged = subject.clone();
    damaged.truncate(subject.len() - 4);
    let of_stock = |token: &str| trade("orders", token, "audience=stock");
    let raw = |form: &str| post(form).header("authorization", basic("orders:s"));
    let full = format!("{EXCHANGE}&{TYPED}&subject_token={subject}&audience=stock");
    let read_only = {
        let request = post(&format!("{GRANT}&scope=read&{OWN}"));
        token(&server.assert_granted(request, "read").await)
    };
    for (name, request, status, error) in [
        ("no client", post(&full), 401, "invalid_client"),
        ("only a name", post(&format!("{full}&client_id=orders")), 401, "invalid_client"),
        ("wrong secret", post(&full).header("authorization", basic("orders:x")), 401, "invalid_client"),
        ("no token", raw(&format!("{EXCHANGE}&{TYPED}&audience=stock")), 400, "invalid_request"),
        (
            "no type",
            raw(&format!("{EXCHANGE}&subject_token={subject}&audience=stock")),
            400,
            "invalid_request",
        ),
        ("another type", raw(&full.replace("access_token&subject", "saml2&subject")), 400, "invalid_request"),
        (
            "another type wanted",
            raw(&format!("{full}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token")),
            400,
            "invalid_request",
        ),
        (
            "an actor",
            raw(&format!("{full}&actor_token={subject}&actor_token_type={JWT}")),
            400,
            "invalid_request",
        ),
        ("half an actor", raw(&format!("{full}&actor_token_type={JWT}")), 400, "invalid_request"),
        ("a damaged token", of_stock(&damaged), 400, "invalid_request"),
        ("no token at all", of_stock("x"), 400, "invalid_request"),
        ("a token of a platform", of_stock(&server.assertion("pod")), 400, "invalid_request"),
        ("a token for another", of_stock(&for_mail), 400, "invalid_request"),
        ("a token that is not its own", trade("stock", &subject, "audience=s1"), 400, "invalid_request"),
        ("no target", trade("orders", &subject, "x=y"), 400, "invalid_target"),
        ("an unknown target", trade("orders", &subject, "audience=nowhere"), 400, "invalid_target"),
        ("a target without a grant", trade("orders", &subject, "audience=s2"), 400, "invalid_target"),
        ("two targets", trade("orders", &subject, "audience=stock&audience=s1"), 400, "invalid_target"),
        ("a scope beyond", trade("orders", &subject, "audience=stock&scope=admin"), 400, "invalid_scope"),
        ("a scope that gives nothing", of_stock(&read_only), 400, "invalid_scope"),
    ] {
        server.assert_refused(request, status, error, name).await;
    }
    // In the query it would be in everyone's logs.
    let leaked = raw(EXCHANGE).path(&format!("/v1/token?subject_token={subject}"));
    server.assert_refused(leaked, 400, "invalid_request", "in the query").await;
}

/// One that has lost what it rests on buys nothing more.
#[tokio::test]
async fn a_fallen_token_is_worth_nothing() {
    let server = server().await;
    let subject = called(&server).await;
    let refused = async |name: &str| {
        server.assert_refused(trade("orders", &subject, "audience=stock"), 400, "invalid_request", name).await
    };
    let said = {
        server.disable("shop").await;
        let said = refused("a disabled subject").await;
        server.set("shop", ClientUpdate { enabled: Some(true), ..ClientUpdate::default() }).await;
        said
    };
    server.assert_granted(trade("orders", &subject, "audience=stock"), "enabled again").await;
    server.apply(&Change::AddGrant(ClientGrant::new(id("shop"), id("orders"), scopes("read")))).await;
    let narrowed = trade("orders", &subject, "audience=stock");
    server.assert_refused(narrowed, 400, "invalid_scope", "the scope is withdrawn").await;
    server.apply(&Change::RemoveGrant { client: id("shop"), audience: id("orders") }).await;
    assert_eq!(refused("a grant that is gone").await, said, "the answers tell nothing apart");
}

/// What was traded falls with those whose hands it came through.
#[tokio::test]
async fn an_exchanged_token_is_introspected_with_its_chain() {
    let server = server().await;
    let first = called(&server).await;
    let second = token(&server.assert_granted(trade("orders", &first, "audience=stock"), "stock").await);
    let third = token(&server.assert_granted(trade("stock", &second, "audience=s1"), "s1").await);
    let asked = || {
        let form = format!("token={third}");
        post(&form).path("/v1/introspect").header("authorization", basic("s1:s"))
    };
    let answer = server.send(asked()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = body(&answer);
    assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!("shop")));
    assert_eq!(answer["act"], json!({ "sub": "stock", "act": { "sub": "orders" } }));
    server.disable("orders").await;
    assert_eq!(body(&server.send(asked()).await), json!({ "active": false }));
}

/// RFC 7009 §1 and §2.1: whatever was revoked, nothing more is to be had for it, and it is not active.
#[tokio::test]
async fn a_revoked_token_is_worth_nothing() {
    type Of = fn(&AccessToken) -> Revocation;
    let revocations: [(Of, bool); 7] = [
        (|token| Revocation::Token(token.id.parse().unwrap()), true),
        (|_| Revocation::Client(id("shop")), true),
        (|_| Revocation::Client(id("orders")), true),
        (|_| Revocation::Client(id("stock")), false),
        (|_| Revocation::Grant { client: id("orders"), audience: id("stock") }, true),
        (|_| Revocation::Grant { client: id("shop"), audience: id("orders") }, false),
        (|token| Revocation::Key(token.kid.clone()), true),
    ];
    for (what, revoked) in revocations {
        let server = &server().await;
        let first = called(server).await;
        let answer = server.assert_granted(trade("orders", &first, "audience=stock"), "stock").await;
        let second = token(&answer);
        let snapshot = server.service.latest();
        let read = server.service.validator().read(&snapshot.keyring, &second, now()).unwrap().token;
        let what = what(&read);
        let record = RevocationRecord { what: what.clone(), at: now(), expires_at: now().plus(3600) };
        server.apply(&Change::Revoke(record)).await;
        let request = trade("stock", &second, "audience=s1");
        if revoked {
            server.assert_refused(request, 400, "invalid_request", &format!("{what:?}")).await;
        } else {
            server.assert_granted(request, &format!("{what:?}")).await;
        }
        let asked = post(&format!("token={second}")).path("/v1/introspect");
        let answer = body(&server.send(asked.header("authorization", basic("stock:s"))).await);
        assert_eq!(answer["active"], !revoked, "{what:?}");
    }
}

/// A token that was traded has a place in a status list where its audience asks for one, under the subject's name, too:
/// to revoke either client reaches it.
#[tokio::test]
async fn an_exchanged_token_has_a_status_like_any_other() {
    for revoked in ["shop", "orders"] {
        let server = server().await;
        server.set("stock", ClientUpdate { status: Some(true), ..ClientUpdate::default() }).await;
        let subject = called(&server).await;
        let answer = server.assert_granted(trade("orders", &subject, "audience=stock"), "stock").await;
        let token = token(&answer);
        let place = claims(&server, "stock", &token).await["status"]["status_list"].clone();
        assert!(place["idx"].is_u64() && place["uri"].is_string(), "{place}");
        let asked = || {
            post(&format!("token={token}")).path("/v1/introspect").header("authorization", basic("stock:s"))
        };
        let told = body(&server.send(asked()).await);
        assert_eq!((&told["active"], &told["status"]["status_list"]), (&json!(true), &place));
        let what = Revocation::Client(id(revoked));
        server
            .apply(&Change::Revoke(RevocationRecord { what, at: now(), expires_at: now().plus(3600) }))
            .await;
        assert_eq!(body(&server.send(asked()).await), json!({ "active": false }), "{revoked}");
        let snapshot = server.service.latest();
        let list = snapshot
            .revocations
            .list(place["uri"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap());
        let index = u32::try_from(place["idx"].as_u64().unwrap()).unwrap();
        assert!(list.unwrap().indices_beyond(None).any(|it| it == index), "{revoked}");
    }
}
