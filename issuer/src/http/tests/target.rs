//! Whom a token is for (RFC 8707 §2).

use serde_json::json;

use super::stage::{OWN, Server, post};
use crate::domain::{Change, ClientGrant};
use crate::testing::{id, offering, scopes};

const GRANT: &str = "grant_type=client_credentials";
const URI: &str = "https://orders.example/v1?x=1";

async fn server() -> Server {
    let server = Server::start().await;
    server.apply(&Change::AddClient { id: id(URI), settings: offering("read"), credential: None }).await;
    server.apply(&Change::AddGrant(ClientGrant::new(id("shop"), id(URI), scopes("read")))).await;
    server
}

/// RFC 8707 §2: an absolute URI, which may have a query. §2.2 has it for access tokens.
#[tokio::test]
async fn a_resource_is_an_audience() {
    let server = server().await;
    let encoded = "https%3A%2F%2Forders.example%2Fv1%3Fx%3D1";
    for target in [
        format!("resource={encoded}"),
        format!("audience={encoded}"),
        format!("resource={encoded}&audience={encoded}"),
        format!("resource=&audience={encoded}"),
    ] {
        let answer = server.assert_granted(post(&format!("{GRANT}&{OWN}&{target}")), &target).await;
        assert_eq!(answer["scope"], json!("read"), "{target}");
    }
}

#[tokio::test]
async fn what_is_no_target_is_an_invalid_one() {
    let server = server().await;
    for (name, target) in [
        // RFC 8707 §2: "The requested resource is invalid, missing, unknown, or malformed."
        ("missing", ""),
        ("empty", "&audience=&resource="),
        ("unknown", "&resource=https://nowhere.example"),
        // RFC 8707 §2: MUST be an absolute URI.
        ("a name", "&resource=orders"),
        ("a path", "&resource=/orders"),
        ("without a scheme", "&resource=//orders.example"),
        // RFC 8707 §2: MUST NOT include a fragment component.
        ("with a fragment", "&resource=https://orders.example/v1?x=1%23f"),
        ("with an empty fragment", "&resource=https://orders.example/v1%23"),
        // RFC 8707 §2 allows several, and §2.2 lets the server want one.
        ("two", "&resource=https://orders.example/v1?x=1&resource=https://b.example"),
        ("the same twice", "&resource=https://a.example&resource=https://a.example"),
        ("one of them empty", "&resource=&resource=https://a.example"),
        ("two by two names", "&resource=https://orders.example/v1&audience=orders"),
    ] {
        let request = post(&format!("{GRANT}&{OWN}{target}"));
        server.assert_refused(request, 400, "invalid_target", name).await;
    }
    // RFC 6749 §3.2: nothing else may be repeated.
    let twice = post(&format!("{GRANT}&{OWN}&audience=orders&audience=orders"));
    server.assert_refused(twice, 400, "invalid_request", "audience twice").await;
}
