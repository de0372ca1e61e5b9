//! The revocation endpoint (RFC 7009).

use ::http::StatusCode;
use ::http::header::CACHE_CONTROL;
use serde_json::json;
use warp::test::RequestBuilder;

use super::stage::{GRANT, OWN, Server, post};
use super::status::{list, place, start, token};
use crate::domain::RevokedBy;

fn form(token: &str, client: &str) -> RequestBuilder {
    post(&format!("token={token}&{client}")).path("/v1/revoke")
}

/// Whether the server knows that the token is revoked.
fn is_revoked(server: &Server, token: &str) -> Option<RevokedBy> {
    let snapshot = server.service.latest();
    let now = super::stage::now();
    let validated = server.service.validator().read(&snapshot.keyring, token, now).unwrap();
    snapshot.revocations.is_revoked(&validated.token)
}

async fn assert_answered(server: &Server, request: RequestBuilder, name: &str) {
    let answer = server.send(request).await;
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, 0), "{name}");
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{name}");
}

/// RFC 7009 §2.1: the token is invalid at once. Here also for verifiers that fetch its list.
#[tokio::test]
async fn a_client_revokes_its_token() {
    let server = start().await;
    let (first, claims) = token(&server).await;
    let (second, _) = token(&server).await;
    assert_answered(&server, form(&first, &format!("{OWN}&token_type_hint=access_token")), "own").await;
    assert_eq!(is_revoked(&server, &first), Some(RevokedBy::Token));
    assert_eq!(is_revoked(&server, &second), None);
    let (path, index) = place(&claims);
    let (_, statuses) = list(&server, &path).await;
    assert_eq!(statuses[index / 8], 1 << (index % 8));

    // Again, which changes nothing.
    let revision = server.service.latest().revision;
    assert_answered(&server, form(&first, OWN), "again").await;
    assert_eq!(server.service.latest().revision, revision);
}

#[tokio::test]
async fn a_token_without_a_status_is_revoked_for_introspection() {
    let server = Server::start().await;
    server.follow();
    let (token, _) = token(&server).await;
    assert_answered(&server, form(&token, OWN), "no status").await;
    assert_eq!(is_revoked(&server, &token), Some(RevokedBy::Token));
}

/// Whom a token is for may refuse it for good; others have no say in it, and learn nothing.
#[tokio::test]
async fn the_audience_revokes_it_and_a_stranger_does_not() {
    let server = start().await;
    server.client_with_secret("stranger", "s3cret", None).await;
    server.client_with_secret("till", "s3cret", None).await;
    let (token, _) = token(&server).await;
    assert_answered(&server, form(&token, "client_id=stranger&client_secret=s3cret"), "stranger").await;
    assert_eq!(is_revoked(&server, &token), None);

    let hash = crate::testing::pepper().hash(&crate::testing::secret());
    server.credential("orders", crate::domain::CredentialKind::Secret(hash)).await;
    assert_answered(&server, form(&token, "client_id=orders&client_secret=correct+horse"), "audience").await;
    assert_eq!(is_revoked(&server, &token), Some(RevokedBy::Token));
}

/// RFC 7009 §2.2: a token that is invalid is answered like one that was revoked.
#[tokio::test]
async fn what_is_no_token_of_this_server_is_answered_alike() {
    let server = start().await;
    let (good, _) = token(&server).await;
    let tampered = format!("{}x", good.strip_suffix(|_: char| true).unwrap());
    let foreign = server.platform.sign(&json!({ "iss": "https://platform.example", "jti": "x" }));
    let revision = server.service.latest().revision;
    for (name, token) in [("garbage", "a.b.c"), ("tampered", &*tampered), ("foreign", &*foreign)] {
        assert_answered(&server, form(token, OWN), name).await;
    }
    assert_eq!(server.service.latest().revision, revision);
}

/// RFC 7009 §2.2.1: the errors are those of the token endpoint.
#[tokio::test]
async fn requests_that_are_wrong_are_refused() {
    let server = start().await;
    let (token, _) = token(&server).await;
    for (body, status, error, name) in [
        (OWN.to_owned(), 400, "invalid_request", "no token"),
        (format!("token={token}"), 401, "invalid_client", "nobody"),
        (format!("token={token}&client_id=shop&client_secret=wrong"), 401, "invalid_client", "wrong secret"),
        (format!("token={token}&token={token}&{OWN}"), 400, "invalid_request", "twice"),
    ] {
        server.assert_refused(post(&body).path("/v1/revoke"), status, error, name).await;
    }
    let in_query = post(OWN).path(&format!("/v1/revoke?token={token}"));
    server.assert_refused(in_query, 400, "invalid_request", "in the query").await;
    assert_eq!(is_revoked(&server, &token), None);
    let get = server.get("/v1/revoke").await;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// RFC 7009 §2.2.1: 503, so that the client knows that the token is still good.
#[tokio::test]
async fn a_revocation_that_is_not_recorded_is_not_confirmed() {
    let server = start().await;
    let (token, _) = token(&server).await;
    server.store.close().await;
    server.assert_refused(form(&token, OWN), 503, "temporarily_unavailable", "closed").await;
    server.assert_granted(post(&format!("{GRANT}&{OWN}")), "the block at hand").await;
}
