//! A reverse proxy with the verifier in front of its upstream.
//!
//! It asks about each request before it reads a byte of the body, and streams bodies both ways. A refusal
//! is answered by status and challenge; why is in the log.

mod forward;
mod progress;
mod request;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, WWW_AUTHENTICATE},
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tessera_fetch::chain;
use tessera_host::{self as host, Decision, Identity, LocalResponse, Permit, Rejection, Verifier};
use tessera_listener::Peer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use progress::{Progress, Watched};

/// Where allowed requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    authority: Authority,
}

/// Why an upstream is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The text is no URL.
    #[error("`{0}` is no URL; expected something like http://127.0.0.1:8080")]
    NotAUrl(String),
    /// The scheme is not http.
    #[error("the upstream's scheme is not http: TLS to an upstream is not there yet")]
    NotHttp,
    /// There is a user or password, which nobody would be shown.
    #[error("the upstream has a user or password in it, which is not used: leave it out")]
    HasUser,
    /// There is a path, which would have to be joined to that of each request.
    #[error("the upstream has a path; requests go to it with the path they came with")]
    HasPath,
}

/// How long the upstream may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// To take the connection.
    pub(crate) connect: Duration,
    /// To begin its answer, from the moment at which it last took a part of the request. An upload may
    /// take as long as it goes on.
    pub(crate) answer: Duration,
}

/// A reverse proxy, as a hyper service. Clones share connections.
#[derive(Clone)]
pub(crate) struct Proxy {
    verifier: Verifier,
    upstream: Upstream,
    timeouts: Timeouts,
    client: Client<HttpConnector, Watched>,
    in_flight: Arc<Semaphore>,
}

/// How many requests may be under way at once. Each may have a connection to the upstream, and one
/// HTTP/2 connection brings many requests; with the listener's connections this stays within the 1,024
/// descriptors that a process commonly has.
const REQUESTS_IN_FLIGHT: usize = 400;

/// How much of a method or path is logged, in characters: enough to recognise it by.
const LOGGED_CHARACTERS: usize = 200;

/// What became of a request.
enum Passed {
    On(Box<Permit>),
    Not(Rejection),
    Answered,
}

/// The body of an answer: the upstream's, the verifier's, or none.
type Body = UnsyncBoxBody<Bytes, hyper::Error>;

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
            (Some(_), Some(authority)) if authority.as_str().contains('@') => Err(UpstreamError::HasUser),
            (Some(_), Some(_)) if uri.path() != "/" || uri.query().is_some() => Err(UpstreamError::HasPath),
            (Some(_), Some(authority)) => Ok(Self { authority: authority.clone() }),
            _ => Err(UpstreamError::NotAUrl(text.to_owned())),
        }
    }
}

impl Proxy {
    /// A proxy that passes on to `upstream` what `verifier` allows.
    #[must_use]
    pub(crate) fn new(verifier: Verifier, upstream: Upstream, timeouts: Timeouts) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeouts.connect));
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let in_flight = Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT));
        Self { verifier, upstream, timeouts, client, in_flight }
    }

    async fn handle(self, request: Request<Incoming>) -> Response<Body> {
        let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
        let method = cut(request.method().as_str());
        // Without the query: a query may hold what no log should.
        let path = cut(request.uri().path());
        let (response, decision) = if let Ok(turn) = Arc::clone(&self.in_flight).try_acquire_owned() {
            let (response, decision) = self.decide(request).await;
            (response.map(|body| held_by(body, turn)), decision)
        } else {
            let reason = format!("{REQUESTS_IN_FLIGHT} requests are under way already");
            let rejection = Rejection::undecided("overloaded", reason);
            (refuse(&rejection), Passed::Not(rejection))
        };
        let status = response.status().as_u16();
        match decision {
            Passed::On(permit) => {
                let subject = permit.identity().map(Identity::subject);
                if let Some(Rejection { error, reason, .. }) = permit.refusal() {
                    warn!(?peer, method, path, status, error, reason, "let through by a dry run");
                } else {
                    info!(?peer, method, path, status, subject, "allowed");
                }
            }
            Passed::Answered => info!(?peer, method, path, status, "answered with the resource's metadata"),
            Passed::Not(Rejection { error, reason, .. }) => {
                info!(?peer, method, path, status, error, reason, "denied");
            }
        }
        response
    }

    async fn decide(&self, request: Request<Incoming>) -> (Response<Body>, Passed) {
        let authority = match request::check(&request) {
            Ok(authority) => authority,
            Err(malformed) => {
                let rejection = Rejection {
                    status: malformed.status(),
                    challenge: None,
                    error: "request-malformed".to_owned(),
                    reason: malformed.to_string(),
                };
                return (refuse(&rejection), Passed::Not(rejection));
            }
        };
        let decision = self
            .verifier
            .authorize(&host::Request {
                method: request.method().as_str(),
                host: authority.as_str(),
                target: request.uri().path_and_query().map_or("", PathAndQuery::as_str),
                headers: request.headers(),
            })
            .await;
        match decision {
            Decision::Allow(permit) => {
                (self.pass_on(request, &authority, &permit).await, Passed::On(Box::new(permit)))
            }
            Decision::Deny(rejection) => (refuse(&rejection), Passed::Not(rejection)),
            Decision::Respond(response) => (respond(response), Passed::Answered),
        }
    }

    async fn pass_on(
        &self,
        request: Request<Incoming>,
        authority: &Authority,
        permit: &Permit,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (body, progress) = Progress::of(body);
        let request = Request::from_parts(parts, body);
        let upstream = &self.upstream.authority;
        let permitted = |headers: &mut _| permit.apply(headers);
        let request = match forward::request(request, authority, upstream, permit.target(), permitted) {
            Ok(request) => request,
            Err(error) => {
                warn!(error = chain(&error), "a request cannot be passed on");
                return empty(StatusCode::BAD_REQUEST);
            }
        };
        tokio::select! {
            answer = self.client.request(request) => match answer {
                Ok(response) => forward::response(response).map(BodyExt::boxed_unsync),
                Err(error) => {
                    warn!(error = chain(&error), "the upstream does not answer");
                    empty(StatusCode::BAD_GATEWAY)
                }
            },
            () = progress.stopped_for(self.timeouts.answer) => {
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

/// A body that ends a request's turn when it is done, or given up.
fn held_by(body: Body, turn: OwnedSemaphorePermit) -> Body {
    let held = body.map_frame(move |frame| {
        let _ = &turn;
        frame
    });
    held.boxed_unsync()
}

/// As much of a text of the caller's as goes into a log.
fn cut(text: &str) -> String {
    text.chars().take(LOGGED_CHARACTERS).collect()
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

fn respond(local: LocalResponse) -> Response<Body> {
    let body = Full::new(Bytes::from(local.body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = local.status;
    *response.headers_mut() = local.headers;
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
