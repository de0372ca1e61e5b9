//! What the caller cannot tell apart: RFC 6749 §5.2 has one code for all that is wrong with a client, and whoever tries
//! names shall not learn which exist.

use super::stage::{Answer, GRANT, JWT_TYPE, OWN, Server, basic, certificate, claims, now, post, san_dns};
use super::*;
use crate::domain::{Credential, UnixTime};
use crate::testing::{Platform, credential};
use tessera_listener::tls::PeerCertificate;
use warp::test::RequestBuilder;

async fn assert_alike(server: &Server, requests: Vec<(&str, RequestBuilder)>, status: u16) {
    let mut first: Option<Answer> = None;
    for (name, request) in requests {
        let answer = server.send(request.header("x-request-id", "same")).await;
        assert_eq!(answer.status(), status, "{name}");
        let first = first.get_or_insert_with(|| answer.clone());
        assert_eq!(answer.headers(), first.headers(), "{name}");
        assert_eq!(answer.body(), first.body(), "{name}");
    }
}

#[tokio::test]
async fn clients_that_fail_by_secret() {
    let server = Server::start().await;
    server.client_with_secret("disabled", "s", None).await;
    server.disable("disabled").await;
    server.client_with_secret("expired", "s", Some(UnixTime::from_seconds(now().as_seconds() - 1))).await;
    let pairs = [
        ("unknown client", "nobody", "s"),
        ("wrong secret", "shop", "s"),
        ("disabled client, right secret", "disabled", "s"),
        ("expired secret", "expired", "s"),
        ("no secret registered", "stock", "s"),
    ];
    let by_header = |(name, client, secret): (_, &str, &str)| {
        (name, post(GRANT).header("authorization", basic(&format!("{client}:{secret}"))))
    };
    assert_alike(&server, pairs.map(by_header).into(), 401).await;
    let by_form = |(name, client, secret): (_, &str, &str)| {
        (name, post(&format!("{GRANT}&client_id={client}&client_secret={secret}")))
    };
    assert_alike(&server, pairs.map(by_form).into(), 401).await;
    server.set("disabled", crate::domain::ClientUpdate { enabled: Some(true), ..Default::default() }).await;
    let (_, request) = by_form(("", "disabled", "s"));
    // It has no grant, but it is somebody.
    server.assert_refused(request, 400, "invalid_target", "enabled again").await;
}

#[tokio::test]
async fn clients_that_fail_by_certificate() {
    let server = Server::start().await;
    for client in ["shop", "stock", "mail"] {
        let kind = san_dns(&format!("{client}.example"));
        let expires_at = (client == "mail").then_some(UnixTime::from_seconds(1));
        server
            .apply(&crate::domain::Change::AddCredential(Credential {
                expires_at,
                ..credential(client, kind)
            }))
            .await;
    }
    server.disable("stock").await;
    let shown = |client: &str, name: &str| {
        let shown = PeerCertificate { san_dns: vec![name.to_owned()], ..certificate() };
        post(&format!("{GRANT}&client_id={client}")).extension(Arc::new(shown))
    };
    let requests = vec![
        ("unknown client", shown("nobody", "nobody.example")),
        ("wrong certificate", shown("shop", "other.example")),
        ("disabled client", shown("stock", "stock.example")),
        ("expired credential", shown("mail", "mail.example")),
        ("none registered", shown("orders", "orders.example")),
        ("none shown", post(&format!("{GRANT}&client_id=shop"))),
        ("none shown by nobody", post(&format!("{GRANT}&client_id=nobody"))),
    ];
    assert_alike(&server, requests, 401).await;
}

#[tokio::test]
async fn clients_that_fail_by_assertion() {
    let server = Server::start().await;
    let with = |assertion: &str| post(&format!("{GRANT}&{JWT_TYPE}&client_assertion={assertion}"));
    let other_issuer = {
        let mut claims = claims("pod");
        claims["iss"] = "https://other.example".into();
        claims
    };
    let forged = Platform::new("p").sign(&claims("pod"));
    let requests = vec![
        ("unknown subject", with(&server.assertion("stranger"))),
        ("unknown issuer", with(&server.platform.sign(&other_issuer))),
        ("forged", with(&forged)),
        ("not a JWT", with("x")),
        ("another client_id", with(&format!("{}&client_id=nobody", server.assertion("pod")))),
    ];
    assert_alike(&server, requests, 401).await;
    server.disable("shop").await;
    let requests = vec![("disabled", with(&server.assertion("pod"))), ("forged", with(&forged))];
    assert_alike(&server, requests, 401).await;
}

/// Whether an audience exists is not for everyone to learn.
#[tokio::test]
async fn audiences_that_a_client_may_not_call() {
    let server = Server::start().await;
    let for_audience =
        |audience: &str| post(&format!("grant_type=client_credentials&audience={audience}&{OWN}"));
    server.disable("mail").await;
    let requests = vec![
        ("not granted", for_audience("stock")),
        ("unknown", for_audience("nowhere")),
        ("itself", for_audience("shop")),
        ("disabled", for_audience("mail")),
    ];
    assert_alike(&server, requests, 400).await;
}
