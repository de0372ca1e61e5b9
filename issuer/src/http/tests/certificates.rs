//! Clients that authenticate by TLS (RFC 8705 §2).

use super::stage::{BEARER, GRANT, JWT_TYPE, OWN, Server, basic, certificate, post, san_dns};
use super::*;
use crate::domain::{CertificateMatch, CredentialKind, Thumbprint};
use tessera_listener::tls::{ChainError, PeerCertificate};

/// RFC 8705 §2: the certificate of the connection, and `client_id` to say whose it should be.
#[tokio::test]
async fn a_certificate_proves_the_client_that_client_id_names() {
    let server = Server::start().await;
    server.credential("shop", san_dns("shop.example")).await;
    let shown = |form: &str, certificate| post(form).extension(Arc::new(certificate));
    let named = format!("{GRANT}&client_id=shop");
    server.assert_granted(shown(&named, certificate()), "by the CA").await;
    let other = PeerCertificate { san_dns: vec!["mail.example".to_owned()], ..certificate() };
    let stranger = PeerCertificate { chain: Err(ChainError::NoAuthority), ..certificate() };
    let expired = PeerCertificate { not_after: certificate().not_before, ..certificate() };
    for (name, form, certificate) in [
        ("another name", &*named, other),
        ("another CA", &named, stranger.clone()),
        ("expired", &named, expired),
        ("unknown client", &format!("{GRANT}&client_id=nobody"), certificate()),
        ("another client", &format!("{GRANT}&client_id=orders"), certificate()),
        // RFC 8705 §2: client_id MUST be there.
        ("no client_id", GRANT, certificate()),
    ] {
        server.assert_refused(shown(form, certificate), 401, "invalid_client", name).await;
    }
    server.assert_refused(post(&named), 401, "invalid_client", "no certificate").await;

    // RFC 8705 §2.2: registered itself, it needs no CA.
    let thumbprint = CertificateMatch::Thumbprint(Thumbprint::new([1; 32]));
    server.credential("shop", CredentialKind::Certificate(thumbprint)).await;
    server.assert_granted(shown(&named, stranger), "self-signed").await;
}

/// RFC 8705 §1: mutual TLS for client authentication and for other ends are independent of each other. A certificate
/// beside another method is no second method: a mesh shows one on every connection.
#[tokio::test]
async fn beside_another_method_a_certificate_is_none() {
    let server = Server::start().await;
    let foreign = || Arc::new(PeerCertificate { san_dns: vec![], ..certificate() });
    let jwt = format!("{GRANT}&{JWT_TYPE}&client_assertion={}", server.assertion("pod"));
    for (name, request) in [
        ("basic", post(GRANT).header("authorization", basic("shop:correct+horse"))),
        ("post", post(&format!("{GRANT}&{OWN}"))),
        ("assertion", post(&jwt)),
        ("assertion with client_id", post(&format!("{jwt}&client_id=shop"))),
        ("grant", post(&format!("{BEARER}&assertion={}", server.assertion("pod")))),
        (
            "grant with client_id",
            post(&format!("{BEARER}&assertion={}&client_id=shop", server.assertion("pod"))),
        ),
    ] {
        server.assert_granted(request.extension(foreign()), name).await;
    }
    // Nor does it help a method that fails.
    server.credential("shop", san_dns("shop.example")).await;
    let wrong = post(&format!("{GRANT}&client_id=shop&client_secret=wrong"));
    server
        .assert_refused(wrong.extension(Arc::new(certificate())), 401, "invalid_client", "wrong secret")
        .await;
    let nobody = post(&format!("{BEARER}&assertion={}&client_id=nobody", server.assertion("pod")));
    server.assert_refused(nobody.extension(foreign()), 400, "invalid_grant", "another client").await;
    // RFC 7521 §4.1: credentials beside the assertion that is the grant are validated.
    let grant = format!("{BEARER}&assertion={}&client_id=shop", server.assertion("pod"));
    server.assert_granted(post(&grant).extension(Arc::new(certificate())), "both").await;
    server.assert_refused(post(&grant).extension(foreign()), 401, "invalid_client", "a wrong one").await;
}
