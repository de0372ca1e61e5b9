//! The decision log: everything for the operator, and nothing that could be used.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::stage::{self, BEARER, GRANT, JWT_TYPE, OWN, Server, basic, body, certificate, claims, post};
use super::*;
use crate::domain::{Change, ClientGrant, CredentialId, CredentialKind, Exchanges};
use crate::testing::{Platform, id, offering, scopes};

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

const EXCHANGE: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange\
    &subject_token_type=urn:ietf:params:oauth:token-type:access_token&audience=stock";

/// A call can be followed from service to service: by the name of the token that each was called with.
#[tokio::test]
async fn an_exchange_leaves_a_record_of_what_was_traded() {
    let server = Server::start().await;
    let secret = server.secret("orders", "s").await.id;
    server.set("stock", offering("reserve")).await;
    let mut grant = ClientGrant::new(id("orders"), id("stock"), scopes("reserve"));
    grant.exchanges = Exchanges::new(["write=reserve".parse().unwrap()]).unwrap();
    server.apply(&Change::AddGrant(grant)).await;
    let (log, _guard) = Log::start();
    let answer = body(&server.send(post(&format!("{GRANT}&{OWN}"))).await);
    let subject = answer["access_token"].as_str().unwrap();
    let [called] = &*log.decisions() else { panic!("one record") };
    let of_orders = basic("orders:s");
    let trade = |rest: &str| {
        post(&format!("{EXCHANGE}&subject_token={subject}{rest}")).header("authorization", &*of_orders)
    };
    let traded = body(&server.send(trade("")).await);
    let [record] = &*log.decisions() else { panic!("one record") };
    let expected = json!({
        "outcome": "issued", "client": "orders", "credential": secret, "method": "client_secret_basic",
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": "stock", "scope": "reserve",
        "subject": "shop", "act": r#"{"sub":"orders"}"#, "subject_token": called["jti"],
        "jti": record["jti"], "expires_at": record["expires_at"],
    });
    assert_eq!(*record, expected);

    for (request, error, reason) in [
        (trade("x"), "invalid_request", "the subject token is not accepted: the token does not verify: "),
        (trade("&scope=read"), "invalid_scope", "refused: the grant does not include the scope `read`"),
    ] {
        server.send(request).await;
        let [record] = &*log.decisions() else { panic!("one record") };
        let refused = (&record["client"], &record["credential"], &record["error"]);
        assert_eq!(refused, (&json!("orders"), &json!(secret), &json!(error)), "{record}");
        assert!(record["reason"].as_str().unwrap().starts_with(reason), "{record}");
        assert!(record.get("jti").is_none(), "{record}");
    }
    for token in [subject, traded["access_token"].as_str().unwrap()] {
        assert!(!log.text().contains(token.rsplit('.').next().unwrap()));
    }
}

/// Who asks what about a token, and what it was told; the answer itself says less.
#[tokio::test]
async fn a_question_about_a_token_leaves_one_record() {
    let server = Server::start().await;
    let [orders, stock] = ["orders", "stock"];
    let credentials = [server.secret(orders, "s").await.id, server.secret(stock, "s").await.id];
    let (log, _guard) = Log::start();
    let answer = body(&server.send(post(&format!("{GRANT}&{OWN}"))).await);
    let token = answer["access_token"].as_str().unwrap();
    let [issued] = &*log.decisions() else { panic!("one record") };
    let ask = |client: &str, form: &str| {
        let request = post(form).path("/v1/introspect");
        request.header("authorization", basic(&format!("{client}:s")))
    };
    let form = format!("token={token}");
    let common = |client: &str, credential: &CredentialId, rest: Value| {
        let mut record = json!({
            "outcome": "introspected", "client": client, "credential": credential, "method": "client_secret_basic",
        });
        record.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        record
    };
    server.send(ask(orders, &form)).await;
    let told = json!({ "active": true, "jti": issued["jti"], "subject": "shop", "scope": "read write" });
    assert_eq!(log.decisions(), [common(orders, &credentials[0], told)]);
    server.send(ask(stock, &form)).await;
    let told = json!({ "active": false, "jti": issued["jti"], "reason": "the token is for `orders`" });
    assert_eq!(log.decisions(), [common(stock, &credentials[1], told)]);
    server.disable("shop").await;
    log.decisions();
    server.send(ask(orders, &form)).await;
    let reason = "`shop`, which the token names, is disabled";
    let told = json!({ "active": false, "jti": issued["jti"], "reason": reason });
    assert_eq!(log.decisions(), [common(orders, &credentials[0], told)]);

    let malformed = json!({
        "outcome": "refused", "error": "invalid_request", "reason": "there is no token",
    });
    server.send(ask(orders, "x=y")).await;
    assert_eq!(log.decisions(), [malformed]);
    let unproved = json!({
        "outcome": "refused", "client": "nobody", "method": "client_secret_basic", "error": "invalid_client",
        "reason": "the client is not authenticated: unknown client",
    });
    server.send(ask("nobody", &form)).await;
    assert_eq!(log.decisions(), [unproved]);
    assert!(!log.text().contains(token.rsplit('.').next().unwrap()));
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
