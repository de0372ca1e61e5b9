//! How clients authenticate (RFC 6749 §2.3, RFC 7521 §4).

use super::stage::{BEARER, GRANT, JWT_TYPE, OWN, Server, basic, claims, post};
use crate::domain::ClientUpdate;
use crate::testing::Platform;

/// RFC 6749 §2.3.1: Basic, each half form-encoded, and `client_id` with `client_secret` in the body.
#[tokio::test]
async fn secrets_come_by_header_or_by_form() {
    let server = Server::start().await;
    let with = |credentials: &str| post(GRANT).header("authorization", basic(credentials));
    for (name, request) in [
        ("basic", with("shop:correct+horse")),
        ("escaped", with("s%68op:correct%20horse")),
        // RFC 9110 §11.1: the scheme has no case.
        ("bAsIc", post(GRANT).header("authorization", basic("shop:correct+horse").replace("Basic", "bAsIc"))),
        (
            "client_id too",
            post(&format!("{GRANT}&client_id=shop")).header("authorization", basic("shop:correct+horse")),
        ),
        ("form", post(&format!("{GRANT}&{OWN}"))),
    ] {
        server.assert_granted(request, name).await;
    }
    for (name, request) in [
        ("wrong", with("shop:wrong")),
        ("empty", with("shop:")),
        ("unknown", with("nobody:correct+horse")),
        ("no secret registered", with("orders:correct+horse")),
        ("no colon", with("shop")),
        ("broken escape", with("shop:%zz")),
        ("not base64", post(GRANT).header("authorization", "Basic !")),
        ("nothing after the scheme", post(GRANT).header("authorization", "Basic")),
        ("another scheme", post(GRANT).header("authorization", "Bearer x")),
        ("wrong in the form", post(&format!("{GRANT}&client_id=shop&client_secret=wrong"))),
        // RFC 6749 §5.2: invalid_client is also for no client authentication. §4.4.2: the client MUST authenticate.
        ("nothing", post(GRANT)),
        ("name only", post(&format!("{GRANT}&client_id=shop"))),
        // RFC 6749 §3.2: without a value is as good as absent.
        ("empty in the form", post(&format!("{GRANT}&client_id=shop&client_secret="))),
    ] {
        server.assert_refused(request, 401, "invalid_client", name).await;
    }
    // RFC 6749 §2.3.1: client_id is required.
    let nobody = post(&format!("{GRANT}&client_secret=correct+horse"));
    server.assert_refused(nobody, 400, "invalid_request", "secret only").await;
    let other = post(&format!("{GRANT}&client_id=mail")).header("authorization", basic("shop:correct+horse"));
    server.assert_refused(other, 400, "invalid_request", "another client_id").await;
}

/// RFC 7523 §2.1.
#[tokio::test]
async fn an_assertion_is_a_grant() {
    let server = Server::start().await;
    let assertion = server.assertion("pod");
    // RFC 7521 §4.1: client authentication is optional, and so is client_id.
    for extra in ["", "&client_id=shop", &format!("&{OWN}")] {
        let answer =
            server.assert_granted(post(&format!("{BEARER}&assertion={assertion}{extra}")), extra).await;
        assert_eq!(answer["scope"], "read write");
    }
    server.client_with_secret("other", "s", None).await;
    let forged = Platform::new("p").sign(&claims("pod"));
    for (form, status, error) in [
        (BEARER.to_owned(), 400, "invalid_request"),
        // RFC 7521 §4.1.1: invalid_grant, for whatever is wrong with the assertion.
        (format!("{BEARER}&assertion={forged}"), 400, "invalid_grant"),
        (format!("{BEARER}&assertion=x"), 400, "invalid_grant"),
        (format!("{BEARER}&assertion={}", server.assertion("stranger")), 400, "invalid_grant"),
        // RFC 7521 §4.1: client_id must name the client of the assertion; so must the client that authenticates.
        (format!("{BEARER}&assertion={assertion}&client_id=mail"), 400, "invalid_grant"),
        (format!("{BEARER}&assertion={assertion}&client_id=other&client_secret=s"), 400, "invalid_grant"),
        // RFC 7521 §4.1: credentials that are there are validated.
        (format!("{BEARER}&assertion={assertion}&client_id=shop&client_secret=wrong"), 401, "invalid_client"),
        (
            format!("{BEARER}&assertion={assertion}&{JWT_TYPE}&client_assertion={forged}"),
            401,
            "invalid_client",
        ),
        (format!("{BEARER}&assertion={assertion}&scope=delete"), 400, "invalid_scope"),
    ] {
        server.assert_refused(post(&form), status, error, &form.chars().skip(70).collect::<String>()).await;
    }
    server.disable("shop").await;
    let form = format!("{BEARER}&assertion={assertion}");
    server.assert_refused(post(&form), 400, "invalid_grant", "disabled").await;
}

/// RFC 7523 §2.2, with the assertion of a platform.
#[tokio::test]
async fn an_assertion_is_client_authentication() {
    let server = Server::start().await;
    let (assertion, forged) = (server.assertion("pod"), Platform::new("p").sign(&claims("pod")));
    for extra in ["", "&client_id=shop"] {
        let form = format!("{GRANT}&{JWT_TYPE}&client_assertion={assertion}{extra}");
        server.assert_granted(post(&form), extra).await;
    }
    for (form, status, error) in [
        // RFC 7521 §4.2.1: invalid_client, for whatever is wrong with it.
        (format!("{GRANT}&{JWT_TYPE}&client_assertion={forged}"), 401, "invalid_client"),
        (format!("{GRANT}&{JWT_TYPE}&client_assertion=x"), 401, "invalid_client"),
        // RFC 7521 §4.2: client_id must name the same client.
        (format!("{GRANT}&{JWT_TYPE}&client_assertion={assertion}&client_id=mail"), 401, "invalid_client"),
        // RFC 6749 §5.2: invalid_client is also for an unsupported authentication method.
        (format!("{GRANT}&client_assertion_type=saml&client_assertion={assertion}"), 401, "invalid_client"),
        (format!("{GRANT}&client_assertion={assertion}"), 400, "invalid_request"),
        (format!("{GRANT}&{JWT_TYPE}"), 400, "invalid_request"),
        (format!("{GRANT}&{JWT_TYPE}&client_assertion="), 400, "invalid_request"),
        (format!("{GRANT}&client_assertion_type=&client_assertion={assertion}"), 400, "invalid_request"),
        // A grant is no client authentication.
        (format!("{GRANT}&assertion={assertion}"), 401, "invalid_client"),
    ] {
        server.assert_refused(post(&form), status, error, &form.chars().take(140).collect::<String>()).await;
    }
    server.set("shop", ClientUpdate { enabled: Some(false), ..ClientUpdate::default() }).await;
    let form = format!("{GRANT}&{JWT_TYPE}&client_assertion={assertion}");
    server.assert_refused(post(&form), 401, "invalid_client", "disabled").await;
}

/// RFC 6749 §2.3: the client MUST NOT use more than one authentication method in each request.
#[tokio::test]
async fn no_two_methods_at_once() {
    let server = Server::start().await;
    let header = ("authorization", basic("shop:correct+horse"));
    let secret = "&client_secret=correct+horse&client_id=shop".to_owned();
    let jwt = format!("&{JWT_TYPE}&client_assertion={}", server.assertion("pod"));
    let spiffe = jwt.replace("jwt-bearer", "jwt-spiffe");
    for (name, with_header, form) in [
        ("basic and post", true, secret.clone()),
        ("basic and jwt-bearer", true, jwt.clone()),
        ("basic and jwt-spiffe", true, spiffe.clone()),
        ("post and jwt-bearer", false, format!("{secret}{jwt}")),
        ("post and jwt-spiffe", false, format!("{secret}{spiffe}")),
        ("all three", true, format!("{secret}{jwt}")),
        ("one of them wrong", true, secret.replace("correct", "wrong")),
    ] {
        for grant in [GRANT.to_owned(), format!("{BEARER}&assertion={}", server.assertion("pod"))] {
            let request = post(&format!("{grant}{form}"));
            let request = if with_header { request.header(header.0, &header.1) } else { request };
            let told = server.assert_refused(request, 400, "invalid_request", name).await;
            assert_eq!(told, "the client authenticates in two ways at once", "{name}");
        }
    }
}
