//! A reverse proxy with the verifier in front of its upstream.
//!
//! It asks about each request before it reads a byte of the body, and streams bodies both ways. A refusal
//! is answered by status and challenge; why is in the log.

mod forward;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, HOST, WWW_AUTHENTICATE},
    uri::{Authority, Scheme},
};
use http_body_util::{Either, Empty};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tessera_net::listener::Peer;
use tracing::{info, warn};

use crate::{
    instance::{Grant, Rejection},
    verifier::{self, Decision, Verifier},
};

/// Where allowed requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    authority: Authority,
}

/// Why an upstream is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The text is no URL.
    #[error("`{0}` is no URL; expected something like http://127.0.0.1:8080")]
    NotAUrl(String),
    /// The scheme is not http.
    #[error("the upstream's scheme is not http: TLS to an upstream is not there yet")]
    NotHttp,
    /// There is a path, which would have to be joined to that of each request.
    #[error("the upstream has a path; requests go to it with the path they came with")]
    HasPath,
}

/// How long the upstream may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To take the connection.
    pub connect: Duration,
    /// From the request's last byte but its body to the answer's header.
    pub answer: Duration,
}

/// A reverse proxy, as a hyper service. Clones share connections.
#[derive(Clone)]
pub struct Proxy {
    verifier: Verifier,
    upstream: Upstream,
    timeouts: Timeouts,
    client: Client<HttpConnector, Incoming>,
}

/// The body of an answer: the upstream's, or none.
pub(crate) type Body = Either<Incoming, Empty<Bytes>>;

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_mins(1) }
    }
}

impl std::str::FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| UpstreamError::NotAUrl(text.to_owned()))?;
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(_)) if *scheme != Scheme::HTTP => Err(UpstreamError::NotHttp),
            (Some(_), Some(_)) if uri.path() != "/" || uri.query().is_some() => Err(UpstreamError::HasPath),
            (Some(_), Some(authority)) => Ok(Self { authority: authority.clone() }),
            _ => Err(UpstreamError::NotAUrl(text.to_owned())),
        }
    }
}

impl Proxy {
    /// A proxy that passes on to `upstream` what `verifier` allows.
    #[must_use]
    pub fn new(verifier: Verifier, upstream: Upstream, timeouts: Timeouts) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeouts.connect));
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { verifier, upstream, timeouts, client }
    }

    async fn handle(self, request: Request<Incoming>) -> Response<Body> {
        let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
        let method = request.method().clone();
        // Without the query: a query may hold what no log should.
        let path = request.uri().path().to_owned();
        let (response, decision) = self.decide(request).await;
        let status = response.status().as_u16();
        match decision {
            Ok(Grant { identity }) => {
                let subject = identity.as_ref().map(|identity| identity.subject.as_str());
                info!(?peer, %method, path, status, subject, "allowed");
            }
            Err(Rejection { error, reason, .. }) => {
                info!(?peer, %method, path, status, error, reason, "denied");
            }
        }
        response
    }

    async fn decide(&self, request: Request<Incoming>) -> (Response<Body>, Result<Grant, Rejection>) {
        let decision = self
            .verifier
            .authorize(&verifier::Request {
                method: request.method().as_str(),
                host: host(&request),
                target: target(&request),
                headers: request.headers(),
            })
            .await;
        match decision {
            Decision::Allow(grant) => (self.pass_on(request).await, Ok(grant)),
            Decision::Deny(rejection) => (refuse(&rejection), Err(rejection)),
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Response<Body> {
        // A tunnel has no path to decide about.
        if request.method() == Method::CONNECT {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let request = match forward::request(request, &self.upstream.authority) {
            Ok(request) => request,
            Err(error) => {
                warn!(error = error.to_string(), "a request cannot be passed on");
                return empty(StatusCode::BAD_REQUEST);
            }
        };
        match tokio::time::timeout(self.timeouts.answer, self.client.request(request)).await {
            Ok(Ok(response)) => forward::response(response).map(Either::Left),
            Ok(Err(error)) => {
                warn!(error = &error as &dyn std::error::Error, "the upstream does not answer");
                empty(StatusCode::BAD_GATEWAY)
            }
            Err(_elapsed) => {
                warn!(after = ?self.timeouts.answer, "the upstream takes too long to answer");
                empty(StatusCode::GATEWAY_TIMEOUT)
            }
        }
    }
}

impl Service<Request<Incoming>> for Proxy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let proxy = self.clone();
        Box::pin(async move { Ok(proxy.handle(request).await) })
    }
}

/// The authority that the request is for: in HTTP/2 a pseudo-header, in HTTP/1.1 a field.
fn host<B>(request: &Request<B>) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

fn target<B>(request: &Request<B>) -> &str {
    request.uri().path_and_query().map_or("", http::uri::PathAndQuery::as_str)
}

fn refuse(rejection: &Rejection) -> Response<Body> {
    let mut response = empty(rejection.status);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = &rejection.challenge {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}
