//! The decision log: everything for the operator, and nothing that could be used.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::stage::{self, BEARER, GRANT, JWT_TYPE, OWN, Server, basic, body, certificate, claims, post};
use super::*;
use crate::domain::CredentialKind;
use crate::testing::Platform;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(log.clone());
        (log, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The records of decisions so far, without what every line has; forgets them.
    fn decisions(&self) -> Vec<Value> {
        let text = self.text();
        self.0.lock().unwrap().clear();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["target"] == "decision")
            .map(|mut line| {
                let members = line.as_object_mut().unwrap();
                for name in ["timestamp", "level", "target", "span", "spans"] {
                    members.remove(name);
                }
                line
            })
            .collect()
    }
}

#[tokio::test]
async fn each_request_for_a_token_leaves_one_record() {
    let server = Server::start().await;
    let (log, _guard) = Log::start();
    let credential = |client: &str, kind: fn(&CredentialKind) -> bool| {
        let snapshot = server.service.latest();
        let client = snapshot.directory.client(client).unwrap();
        client.credentials.iter().find(|it| kind(&it.kind)).unwrap().id.to_string()
    };
    let secret = credential("shop", |kind| matches!(kind, CredentialKind::Secret(_)));
    let workload = credential("shop", |kind| matches!(kind, CredentialKind::Workload(_)));

    let answer = server.send(post(&format!("{GRANT}&{OWN}&scope=read"))).await;
    let [record] = &*log.decisions() else { panic!("one record") };
    let expires_at = record["expires_at"].as_u64().unwrap();
    assert!(expires_at > stage::now().as_seconds());
    let jti = record["jti"].as_str().unwrap();
    assert!(!body(&answer)["access_token"].as_str().unwrap().contains(jti), "a name is no token");
    let expected = json!({
        "outcome": "issued", "client": "shop", "credential": secret, "method": "client_secret_post",
        "grant_type": "client_credentials", "audience": "orders", "scope": "read",
        "jti": jti, "expires_at": expires_at,
    });
    assert_eq!(*record, expected);

    server.send(post(&format!("{BEARER}&assertion={}", server.assertion("pod")))).await;
    let [record] = &*log.decisions() else { panic!("one record") };
    assert_eq!((&record["credential"], &record["client"]), (&json!(workload), &json!("shop")));
    assert_eq!(record["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");

    // What the caller learns of these is one and the same.
    for (client, reason) in [
        (
            "shop",
            "the client is not authenticated: wrong secret; it was damaged or is not one of this server's",
        ),
        ("nobody", "the client is not authenticated: unknown client"),
        ("orders", "the client is not authenticated: the client has no secret"),
    ] {
        server.send(post(GRANT).header("authorization", basic(&format!("{client}:guess")))).await;
        let expected = json!({
            "outcome": "refused", "client": client, "method": "client_secret_basic",
            "grant_type": "client_credentials", "audience": "orders", "error": "invalid_client", "reason": reason,
        });
        assert_eq!(log.decisions(), [expected]);
    }

    server.send(post(&format!("{GRANT}&{OWN}&scope=delete"))).await;
    let expected = json!({
        "outcome": "refused", "client": "shop", "credential": secret, "method": "client_secret_post",
        "grant_type": "client_credentials", "audience": "orders", "scope": "delete", "error": "invalid_scope",
        "reason": "refused: the grant does not include the scope `delete`",
    });
    assert_eq!(log.decisions(), [expected]);

    for (request, error, reason) in [
        (post("grant_type=password"), "unsupported_grant_type", "the grant_type is not supported"),
        (post("a=1&a=1"), "invalid_request", "the body is not a form: the parameter `a` is repeated"),
        (
            post(GRANT).path("/v1/token?client_secret=x"),
            "invalid_request",
            "there is a parameter of the form in the query",
        ),
    ] {
        server.send(request).await;
        let expected = json!({ "outcome": "refused", "error": error, "reason": reason });
        assert_eq!(log.decisions(), [expected]);
    }
    server.get("/v1/token").await;
    assert_eq!(log.decisions(), Vec::<Value>::new(), "not even a request for a token");
}

/// RFC 6749 §10.3 and §10.4 on credentials, RFC 6819 §5.1.4.1.3: none of them in a log, whatever is asked for.
#[tokio::test]
async fn nothing_that_could_be_used_is_logged() {
    let server = Server::start().await;
    let (log, _guard) = Log::start();
    let (good, forged) = (server.assertion("pod"), Platform::new("p").sign(&claims("pod")));
    let marked = "tessera_marked-secret";
    let mut tokens = Vec::new();
    for request in [
        post(&format!("{GRANT}&{OWN}")),
        post(&format!("{GRANT}&client_id=shop&client_secret={marked}")),
        post(&format!("{GRANT}&client_secret={marked}")),
        post(&format!("{GRANT}&client_secret={marked}&client_secret=2")),
        post(&format!("{GRANT}&client_secret=2&client_secret={marked}")),
        post(GRANT).header("authorization", basic(&format!("shop:{marked}"))),
        post(GRANT).header("authorization", format!("Basic {marked}")),
        post(GRANT).path(&format!("/v1/token?client_secret={marked}")),
        post(&format!("{BEARER}&assertion={good}")),
        post(&format!("{BEARER}&assertion={forged}")),
        post(&format!("{GRANT}&{JWT_TYPE}&client_assertion={good}")),
        post(&format!("{GRANT}&{JWT_TYPE}&client_assertion={forged}")),
        post(&format!("{GRANT}&client_assertion={good}")),
        post(&format!("{GRANT}&client_id=shop")).extension(Arc::new(certificate())),
    ] {
        let answer = server.send(request).await;
        tokens.extend(body(&answer)["access_token"].as_str().map(str::to_owned));
    }
    assert_eq!(tokens.len(), 3);
    let text = log.text();
    // A signature is what makes a token one.
    let signatures = tokens.iter().chain([&good, &forged]).map(|token| token.rsplit('.').next().unwrap());
    for secret in
        signatures.chain([marked, "correct horse", "correct+horse", &*basic(&format!("shop:{marked}"))])
    {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.lines().count() >= 14, "{text}");
}

/// A name from a request cannot begin a line of its own, nor fill the disk.
#[tokio::test]
async fn names_of_strangers_are_cut_and_quoted() {
    let server = Server::start().await;
    let (log, _guard) = Log::start();
    let name = format!("a%0a{}", "x".repeat(1000));
    server.send(post(&format!("{GRANT}&client_id={name}&client_secret=s"))).await;
    let [record] = &*log.decisions() else { panic!("one record") };
    assert_eq!(record["client"].as_str().unwrap().len(), crate::domain::MAX_CLIENT_ID);
}
