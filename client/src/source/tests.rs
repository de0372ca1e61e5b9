//! The token source against a real HTTP server, which records every request and answers what the test tells it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tessera_fetch::body;
use tessera_listener::{Limits, Listener};
use tokio::sync::Notify;

use super::*;
use crate::error::ErrorCode;
use crate::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(20);

struct Seen {
    path: String,
    headers: HeaderMap,
    form: String,
}

/// An answer: status, `Retry-After`, body.
type Scripted = (u16, Option<&'static str>, String);

#[derive(Default)]
struct Script {
    seen: Mutex<Vec<Seen>>,
    /// Answers in order; when they are used up, tokens numbered by request.
    answers: Mutex<VecDeque<Scripted>>,
    /// While set, an answer waits for `open`.
    gate: Option<Notify>,
    came: Notify,
}

#[derive(Clone)]
struct Server {
    addr: SocketAddr,
    script: Arc<Script>,
}

impl Server {
    fn start(script: Script) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let server = Self { addr: listener.local_addr(), script: Arc::new(script) };
        let this = server.clone();
        let service = service_fn(move |request| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        tokio::spawn(listener.serve(service, Limits::default(), std::future::pending::<()>()));
        server
    }

    fn answering(answers: impl IntoIterator<Item = Scripted>) -> Self {
        Self::start(Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() })
    }

    async fn answer(&self, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let form = body::collect(body, 10_000, PATIENCE).await.unwrap();
        let form = String::from_utf8(form.into()).unwrap();
        let path = head.uri.path().to_owned();
        let number = {
            let mut seen = self.script.seen.lock().unwrap();
            seen.push(Seen { path, headers: head.headers, form });
            seen.len()
        };
        self.script.came.notify_one();
        if let Some(gate) = &self.script.gate {
            gate.notified().await;
        }
        let scripted = self.script.answers.lock().unwrap().pop_front();
        let (status, retry_after, body) = scripted.unwrap_or_else(|| granted(&format!("token-{number}")));
        let mut answer = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            answer = answer.header("retry-after", seconds);
        }
        answer.body(Full::from(body)).unwrap()
    }

    fn requests(&self) -> usize {
        self.script.seen.lock().unwrap().len()
    }

    fn endpoint(&self) -> String {
        format!("http://{}/token", self.addr)
    }

    fn builder(&self) -> Builder {
        TokenSource::for_endpoint(self.endpoint()).allow_http_loopback().timeout(PATIENCE)
    }

    fn source(&self) -> TokenSource {
        self.builder().build(Credential::secret("shop", "hunter2".to_owned())).unwrap()
    }
}

fn granted(token: &str) -> Scripted {
    (200, None, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#))
}

fn orders() -> Request {
    Request::new("orders", ["orders:write", "orders:read"]).unwrap()
}

#[tokio::test]
async fn a_secret_travels_in_the_header_form_encoded() {
    let server = Server::start(Script::default());
    let credential = Credential::secret("sh:op", "p ss%wö".to_owned());
    let token = server.builder().build(credential).unwrap().token(&orders()).await.unwrap();
    assert_eq!(token.expose(), "token-1");

    let seen = server.script.seen.lock().unwrap();
    let expected = format!("Basic {}", STANDARD.encode("sh%3Aop:p+ss%25w%C3%B6"));
    assert_eq!(seen[0].headers["authorization"], expected);
    assert_eq!(seen[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(
        seen[0].form,
        "grant_type=client_credentials&audience=orders&scope=orders%3Aread+orders%3Awrite"
    );
}

#[tokio::test]
async fn a_secret_travels_in_the_form_where_that_is_wanted() {
    let server = Server::start(Script::default());
    let credential = Credential::secret_in_form("shop", "hunter2".to_owned());
    let nothing = Request::new("orders", [""; 0]).unwrap();
    server.builder().build(credential).unwrap().token(&nothing).await.unwrap();

    let seen = server.script.seen.lock().unwrap();
    assert!(!seen[0].headers.contains_key("authorization"));
    assert_eq!(
        seen[0].form,
        "grant_type=client_credentials&client_id=shop&client_secret=hunter2&audience=orders"
    );
}

#[tokio::test]
async fn an_assertion_is_read_anew_for_each_exchange() {
    let server = Server::start(Script::default());
    let file = tempfile::NamedTempFile::new().unwrap();
    let source = server.builder().build(Credential::assertion_file(file.path())).unwrap();
    for (audience, assertion) in [("orders", "a.b.c"), ("stock", "d.e.f")] {
        std::fs::write(file.path(), format!("{assertion}\n")).unwrap();
        source.token(&Request::new(audience, ["read"]).unwrap()).await.unwrap();
    }
    let seen = server.script.seen.lock().unwrap();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    assert_eq!(seen[0].form, format!("{grant}&assertion=a.b.c&audience=orders&scope=read"));
    assert_eq!(seen[1].form, format!("{grant}&assertion=d.e.f&audience=stock&scope=read"));
}

#[tokio::test]
async fn an_assertion_may_come_from_a_closure_or_fail() {
    let server = Server::start(Script::default());
    let credential = Credential::assertion(async || Ok(Secret::from("x.y.z".to_owned())));
    let credential = credential.with_client_id("shop");
    server.builder().build(credential).unwrap().token(&orders()).await.unwrap();
    assert!(server.script.seen.lock().unwrap()[0].form.contains("assertion=x.y.z&client_id=shop&"));

    let credential = Credential::assertion(async || Err("the platform is silent".into()));
    let refused = server.builder().build(credential).unwrap().token(&orders()).await;
    assert!(matches!(refused, Err(TokenError::Assertion { .. })), "{refused:?}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_provider_that_panics_does_not_block_the_request_for_ever() {
    let server = Server::start(Script::default());
    let (start, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let (seconds, calls) = (Arc::clone(&passed), Arc::clone(&passed));
    let mut builder = server.builder();
    builder.clock = Arc::new(move || start + Duration::from_secs(seconds.load(Ordering::SeqCst)));
    let provider = move || {
        let first = calls.load(Ordering::SeqCst) == 0;
        async move {
            assert!(!first, "a provider's bug");
            Ok(Secret::from("x.y.z".to_owned()))
        }
    };
    let source = builder.build(Credential::assertion(provider)).unwrap();
    let interrupted = source.token(&orders()).await;
    assert!(matches!(interrupted, Err(TokenError::Interrupted)), "{interrupted:?}");
    passed.store(60, Ordering::SeqCst);
    assert_eq!(source.token(&orders()).await.unwrap().expose(), "token-1");
}

#[tokio::test]
async fn a_hundred_callers_cost_one_exchange() {
    let server = Server::start(Script { gate: Some(Notify::new()), ..Script::default() });
    let source = server.source();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token(&orders()).await })
        })
        .collect();
    server.script.came.notified().await;
    server.script.gate.as_ref().unwrap().notify_one();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().expose(), "token-1");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_take_the_token_from_the_others() {
    let server = Server::start(Script { gate: Some(Notify::new()), ..Script::default() });
    let source = server.source();
    let first = tokio::spawn({
        let source = source.clone();
        async move { source.token(&orders()).await }
    });
    server.script.came.notified().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    server.script.gate.as_ref().unwrap().notify_one();
    assert_eq!(source.token(&orders()).await.unwrap().expose(), "token-1");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_token_is_refreshed_ahead_while_the_old_one_is_handed_out() {
    let server = Server::start(Script { gate: Some(Notify::new()), ..Script::default() });
    let gate = server.script.gate.as_ref().unwrap();
    let (start, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut builder = server.builder();
    let seconds = Arc::clone(&passed);
    builder.clock = Arc::new(move || start + Duration::from_secs(seconds.load(Ordering::SeqCst)));
    let source = builder.build(Credential::secret("shop", "hunter2".to_owned())).unwrap();

    gate.notify_one();
    assert_eq!(source.token(&orders()).await.unwrap().expose(), "token-1");
    server.script.came.notified().await;

    passed.store(2700, Ordering::SeqCst);
    // The refresh hangs at the gate; nobody waits for it.
    for _ in 0..10 {
        assert_eq!(source.token(&orders()).await.unwrap().expose(), "token-1");
    }
    server.script.came.notified().await;
    assert_eq!(server.requests(), 2);

    // The old token has ended, so this caller waits for the refresh under way instead of starting another.
    passed.store(3600, Ordering::SeqCst);
    gate.notify_one();
    assert_eq!(source.token(&orders()).await.unwrap().expose(), "token-2");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn refusals_carry_the_servers_code_and_are_not_repeated() {
    let body = r#"{"error":"invalid_target","error_description":"not\nauthorised"}"#.to_owned();
    let server = Server::answering([(400, None, body)]);
    let source = server.source();
    // The second caller is within the hold-off and is given the same refusal.
    for _ in 0..2 {
        let error = source.token(&orders()).await.unwrap_err();
        let expected = format!("{} refused: invalid_target (not?authorised)", server.endpoint());
        assert!(matches!(&error, TokenError::Refused { code: ErrorCode::InvalidTarget, .. }), "{error:?}");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    let slow_down = r#"{"error":"slow_down"}"#.to_owned();
    let server = Server::answering([(503, None, String::new()), (429, Some("1"), slow_down)]);
    assert_eq!(server.source().token(&orders()).await.unwrap().expose(), "token-3");
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_left_alone() {
    let server = Server::answering([(503, Some("30"), String::new())]);
    let source = server.source();
    for _ in 0..2 {
        let error = source.token(&orders()).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_token_response_is_refused() {
    for (body, expected) in [
        ("{}", "expected JSON with access_token, token_type and expires_in [s]"),
        (r#"{"access_token":"a","token_type":"mac"}"#, "the token_type is not Bearer"),
        (r#"{"access_token":"a b","token_type":"bearer"}"#, "the access_token is no b64token"),
    ] {
        let server = Server::answering([(200, None, body.to_owned())]);
        let refused = server.source().token(&orders()).await;
        assert!(
            matches!(refused, Err(TokenError::Malformed { reason, .. }) if reason == expected),
            "{body}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let server = Server::answering([(200, None, " ".repeat(64 * 1024 + 1))]);
    let refused = server.source().token(&orders()).await;
    assert!(matches!(refused, Err(TokenError::Body { limit: 65_536, .. })), "{refused:?}");
}

#[tokio::test]
async fn fewer_scopes_than_asked_for_are_told() {
    let body = r#"{"access_token":"a","token_type":"Bearer","scope":"other orders:read"}"#;
    let server = Server::answering([(200, None, body.to_owned())]);
    let refused = server.source().token(&orders()).await;
    assert!(matches!(refused, Err(TokenError::ScopeReduced { missing }) if missing == "orders:write"));
}

#[tokio::test]
async fn the_endpoint_is_found_in_the_metadata_of_exactly_this_issuer() {
    let server = Server::start(Script::default());
    let issuer = format!("http://{}/tenant", server.addr);
    let metadata = |issuer: &str| {
        (200, None, format!(r#"{{"issuer":"{issuer}","token_endpoint":"{}"}}"#, server.endpoint()))
    };
    let source = || {
        let builder = TokenSource::for_issuer(&issuer).allow_http_loopback();
        builder.build(Credential::secret("shop", "hunter2".to_owned())).unwrap()
    };
    server.script.answers.lock().unwrap().push_back(metadata(&issuer));
    source().token(&orders()).await.unwrap();
    let paths: Vec<String> =
        server.script.seen.lock().unwrap().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(paths, ["/.well-known/oauth-authorization-server/tenant", "/token"]);

    // A trailing slash is another issuer, and the credential does not go there.
    server.script.answers.lock().unwrap().push_back(metadata(&format!("{issuer}/")));
    let refused = source().token(&orders()).await;
    assert!(matches!(refused, Err(TokenError::IssuerMismatch { .. })), "{refused:?}");
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_call_is_authorised_with_a_header_that_does_not_show() {
    let server = Server::start(Script::default());
    let source = server.source();
    let call = reqwest::Client::new().get("https://orders.example/").bearer_auth("stale");
    let call = source.authorize(call, &orders()).await.unwrap().build().unwrap();
    let values: Vec<_> = call.headers().get_all("authorization").iter().collect();
    assert_eq!(values, ["Bearer token-1"]);
    assert!(values[0].is_sensitive());
    let shown = format!("{call:?} {source:?} {:?}", source.token(&orders()).await);
    assert!(!shown.contains("token-1") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn credentials_go_to_safe_addresses_only() {
    let secret = || Credential::secret("shop", "hunter2".to_owned());
    for builder in [
        TokenSource::for_endpoint("http://127.0.0.1:1/token"),
        TokenSource::for_endpoint("http://issuer.example/token").allow_http_loopback(),
        TokenSource::for_issuer("http://issuer.example").allow_http_loopback(),
    ] {
        assert!(matches!(builder.build(secret()), Err(TokenError::Address { .. })));
    }
}

#[tokio::test]
async fn an_endpoint_in_the_metadata_must_be_safe_too() {
    let server = Server::start(Script::default());
    let issuer = format!("http://{}", server.addr);
    let metadata = format!(r#"{{"issuer":"{issuer}","token_endpoint":"http://issuer.example/token"}}"#);
    server.script.answers.lock().unwrap().push_back((200, None, metadata));
    let builder = TokenSource::for_issuer(issuer).allow_http_loopback();
    let refused =
        builder.build(Credential::secret("shop", "hunter2".to_owned())).unwrap().token(&orders()).await;
    assert!(matches!(refused, Err(TokenError::Address { what: "token endpoint", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_credential() {
    let server = Server::answering([(307, None, String::new())]);
    let refused = server.source().token(&orders()).await;
    assert!(
        matches!(refused, Err(TokenError::Status { status: StatusCode::TEMPORARY_REDIRECT, .. })),
        "{refused:?}"
    );
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_told_before_anything_is_sent() {
    let credential = Credential::secret("shop", "hunter2".to_owned());
    let error = TokenSource::for_issuer("https://issuer.example").ca("/no/such/file").build(credential);
    assert!(matches!(error, Err(TokenError::Setup { .. })), "{error:?}");
}
