//! A server of key sets inside the test process, which answers what it is told to, well or badly.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use url::Url;

/// Far above any pause between two fetches: 30 s.
const ASKED_WITHIN: Duration = Duration::from_mins(1);

/// What is answered at a path.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A response.
    Response {
        /// Its status.
        status: StatusCode,
        /// Its header fields.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// Its body.
        body: Bytes,
    },
    /// Nothing yet: who asks waits until another answer is given for the path, and gets that.
    Held,
    /// Nothing at all: the connection is closed.
    Closed,
}

/// The server. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct KeyServer {
    url: Url,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Shared {
    /// By path. There is nothing elsewhere.
    answers: watch::Sender<BTreeMap<String, Answer>>,
    /// How often each path was asked for.
    requests: watch::Sender<BTreeMap<String, u64>>,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed, as told")]
struct ClosedAsTold;

impl Answer {
    /// A JSON document, with status 200.
    #[must_use]
    pub fn json(document: &Value) -> Self {
        Self::bytes(document.to_string())
    }

    /// Any bytes, with status 200.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self::Response { status: StatusCode::OK, headers: Vec::new(), body: body.into() }
    }

    /// The same with this status instead of 200.
    #[must_use]
    pub fn with_status(mut self, code: StatusCode) -> Self {
        if let Self::Response { status, .. } = &mut self {
            *status = code;
        }
        self
    }

    /// The same with a further header field.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Self::Response { headers, .. } = &mut self {
            headers.push((name, value));
        }
        self
    }
}

impl KeyServer {
    /// Starts it on a free port of the loopback address. It has no document yet.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let url = Url::parse(&url).map_err(io::Error::other)?;
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { url, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// From now on answers requests for `path` like this, also those that wait for an answer.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared.answers.send_modify(|answers| {
            answers.insert(path.to_owned(), answer);
        });
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn requests(&self, path: &str) -> u64 {
        self.shared.requests.borrow().get(path).copied().unwrap_or(0)
    }

    /// Waits until `path` was asked for so many times. Says whether that happened within a minute.
    #[must_use]
    pub async fn asked(&self, path: &str, times: u64) -> bool {
        let mut requests = self.shared.requests.subscribe();
        let enough =
            requests.wait_for(|requests| requests.get(path).is_some_and(|requests| *requests >= times));
        timeout(ASKED_WITHIN, enough).await.is_ok_and(|seen| seen.is_ok())
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    // However it ends: clients that go away are among what is tested.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, ClosedAsTold> {
    let path = request.uri().path();
    shared.requests.send_modify(|requests| *requests.entry(path.to_owned()).or_default() += 1);
    let mut answers = shared.answers.subscribe();
    let answers = answers.wait_for(|answers| !matches!(answers.get(path), Some(Answer::Held))).await;
    let answer = answers.map_err(|_| ClosedAsTold)?.get(path).cloned();
    match answer {
        Some(Answer::Response { status, headers, body }) => {
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = status;
            response.headers_mut().extend(headers);
            Ok(response)
        }
        Some(Answer::Held | Answer::Closed) => Err(ClosedAsTold),
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::get;

    #[tokio::test]
    async fn it_answers_what_it_is_told_to_and_counts() {
        let server = KeyServer::start().await.unwrap();
        let at = |path| get(server.url().join(path).unwrap()).send();
        assert_eq!(at("/keys").await.unwrap().status, 404);
        server.answer("/keys", Answer::json(&json!({ "keys": [] })));
        assert_eq!(at("/keys").await.unwrap().json(), json!({ "keys": [] }));
        server.answer("/keys", Answer::bytes("no").with_status(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(at("/keys").await.unwrap().status, 503);
        server.answer("/keys", Answer::Closed);
        assert!(at("/keys").await.is_err());
        assert_eq!(server.requests("/keys"), 4);
    }

    #[tokio::test]
    async fn who_is_held_gets_the_next_answer() {
        let server = KeyServer::start().await.unwrap();
        server.answer("/keys", Answer::Held);
        let asked = tokio::spawn(get(server.url().join("/keys").unwrap()).send());
        assert!(server.asked("/keys", 1).await);
        server.answer("/elsewhere", Answer::bytes("not this"));
        assert!(!asked.is_finished());
        server.answer("/keys", Answer::bytes("this"));
        assert_eq!(asked.await.unwrap().unwrap().body, "this");
    }
}
