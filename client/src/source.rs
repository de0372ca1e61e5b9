//! The token source: the cache, the exchange, and whoever asks.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use tessera_fetch::{Egress, EgressProxy, FetchOptions, Fetcher, PlainHttp, chain};
use tokio::sync::watch;

use crate::cache::{CAPACITY, Cache, FetchedToken, Lookup};
use crate::credential::Credential;
use crate::endpoint::Endpoint;
use crate::error::TokenError;
use crate::exchange::Exchange;
use crate::request::Request;
use crate::secret::AccessToken;

/// For all attempts of one exchange. Callers that wait for a first token wait no longer than this.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Named to the token server when the caller names nothing better.
const USER_AGENT: &str = concat!("tessera-client/", env!("CARGO_PKG_VERSION"));

/// Hands out access tokens for one credential. Cloning shares the cache and the connections.
///
/// Must be used within a tokio runtime: exchanges run as tasks of their own, so that one caller who gives up does
/// not take the token from the others.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    cache: Mutex<Cache<Flight>>,
    clock: Clock,
}

/// Sets up a [`TokenSource`].
#[derive(Clone)]
pub struct Builder {
    address: Address,
    plain_http: PlainHttp,
    timeout: Duration,
    user_agent: String,
    egress: Egress,
    clock: Clock,
}

#[derive(Clone)]
enum Address {
    Issuer(String),
    Endpoint(String),
}

type Outcome = Result<AccessToken, TokenError>;
/// An exchange under way; holds its outcome in the end.
type Flight = watch::Receiver<Option<Outcome>>;
type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What someone who asks is given.
enum Answer {
    Settled(Outcome),
    UnderWay(Flight),
}

impl TokenSource {
    /// For tokens of `issuer`, whose token endpoint is looked up in its metadata (RFC 8414) at the first request.
    ///
    /// `issuer` must be, character for character, what the metadata says.
    pub fn for_issuer(issuer: impl Into<String>) -> Builder {
        Builder::new(Address::Issuer(issuer.into()))
    }

    /// For tokens from `url`, the token endpoint itself.
    pub fn for_endpoint(url: impl Into<String>) -> Builder {
        Builder::new(Address::Endpoint(url.into()))
    }

    /// A token for `request`: from the cache, or from the server if there is none or it ends in a moment.
    ///
    /// However many ask, one exchange runs for each request. After a failed one, whoever asks within the next second
    /// (or within the server's `Retry-After`, up to a minute) is given the same failure.
    pub async fn token(&self, request: &Request) -> Result<AccessToken, TokenError> {
        let mut flight = match self.look(request) {
            Answer::Settled(outcome) => return outcome,
            Answer::UnderWay(flight) => flight,
        };
        let done = flight.wait_for(Option::is_some).await;
        match done.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            Ok(None) | Err(_) => Err(TokenError::Interrupted),
        }
    }

    /// Sets `Authorization: Bearer …` on `call`, marked sensitive so that no log of headers shows it. What stood
    /// there before is replaced.
    pub async fn authorize(
        &self,
        call: RequestBuilder,
        request: &Request,
    ) -> Result<RequestBuilder, TokenError> {
        let token = self.token(request).await?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token.bearer());
        Ok(call.headers(headers))
    }

    /// Call this when a callee answered 401 to `token`. Returns whether asking again gets another one; a token that
    /// is only seconds old is kept, because its successor would fare no better.
    #[expect(clippy::must_use_candidate, reason = "whoever does not ask again has no use for the answer")]
    pub fn invalidate(&self, token: &AccessToken) -> bool {
        let now = (self.0.clock)();
        self.0.cache().invalidate(token, now)
    }

    fn look(&self, request: &Request) -> Answer {
        let now = (self.0.clock)();
        // One lock from the look to the start: nobody else may come to the same conclusion in between.
        let mut cache = self.0.cache();
        match cache.lookup(request, now) {
            Lookup::Hit(token) => Answer::Settled(Ok(token)),
            Lookup::HitAndRefresh(token) => {
                self.start(&mut cache, request, now);
                Answer::Settled(Ok(token))
            }
            Lookup::Join(flight) => Answer::UnderWay(flight),
            Lookup::Fetch => Answer::UnderWay(self.start(&mut cache, request, now)),
            Lookup::Failed(error) => Answer::Settled(Err(error)),
        }
    }

    fn start(&self, cache: &mut Cache<Flight>, request: &Request, now: Instant) -> Flight {
        let (done, flight) = watch::channel(None);
        cache.started(request, flight.clone(), now);
        let pending = PendingExchange {
            inner: Arc::clone(&self.0),
            request: request.clone(),
            asked_at: now,
            done: Some(done),
        };
        tokio::spawn(async move {
            let outcome = pending.inner.exchange.run(&pending.request).await;
            pending.finish(outcome);
        });
        flight
    }
}

/// An exchange under way, seen from the task that runs it. Dropped before it is done, it ends as interrupted:
/// otherwise a request would be marked as under way for ever.
struct PendingExchange {
    inner: Arc<Inner>,
    request: Request,
    asked_at: Instant,
    done: Option<watch::Sender<Option<Outcome>>>,
}

impl PendingExchange {
    fn finish(mut self, outcome: Result<FetchedToken, TokenError>) {
        self.report(outcome);
    }

    fn report(&mut self, outcome: Result<FetchedToken, TokenError>) {
        let Some(done) = self.done.take() else { return };
        if let Err(error) = &outcome {
            tracing::warn!(audience = self.request.audience(), error = chain(error), "no token");
        }
        let token = outcome.as_ref().map(|fetched| fetched.token.clone()).map_err(Clone::clone);
        let now = (self.inner.clock)();
        self.inner.cache().finished(&self.request, outcome, self.asked_at, now);
        done.send_replace(Some(token));
    }
}

impl Drop for PendingExchange {
    fn drop(&mut self) {
        self.report(Err(TokenError::Interrupted));
    }
}

impl Inner {
    fn cache(&self) -> MutexGuard<'_, Cache<Flight>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Builder {
    fn new(address: Address) -> Self {
        Self {
            address,
            plain_http: PlainHttp::Never,
            timeout: TIMEOUT_DEFAULT,
            user_agent: USER_AGENT.to_owned(),
            egress: Egress::default(),
            clock: Arc::new(Instant::now),
        }
    }

    /// Also accepts `http:` addresses on this machine (`127.0.0.0/8`, `[::1]`, `localhost`). For development.
    #[must_use]
    pub fn allow_http_loopback(mut self) -> Self {
        self.plain_http = PlainHttp::Loopback;
        self
    }

    /// How long an exchange may take with all its attempts; 10 s unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The `User-Agent`; `tessera-client/VERSION` unless set.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// A PEM file: the only root certificates that count. Unless set those of the operating system, or of the file that
    /// the environment variable `SSL_CERT_FILE` names.
    #[must_use]
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.egress.ca = Some(path.into());
        self
    }

    /// The HTTP proxy that leads out. Unless set there is none, whatever `HTTPS_PROXY` and its kin say.
    #[must_use]
    pub fn proxy(mut self, proxy: EgressProxy) -> Self {
        self.egress.proxy = Some(proxy);
        self
    }

    /// The token source. Nothing is sent yet; what [`ca`](Self::ca) names is read.
    pub fn build(self, credential: Credential) -> Result<TokenSource, TokenError> {
        let endpoint = match &self.address {
            Address::Issuer(issuer) => Endpoint::of_issuer(issuer, self.plain_http)?,
            Address::Endpoint(url) => Endpoint::known(url, self.plain_http)?,
        };
        let options = FetchOptions {
            allow_http_loopback: self.plain_http == PlainHttp::Loopback,
            user_agent: Some(self.user_agent),
            egress: self.egress,
            ..FetchOptions::default()
        };
        let client = options.client()?;
        let fetcher = Fetcher::new(options)?;
        let exchange = Exchange { client, fetcher, endpoint, credential, timeout: self.timeout };
        let cache = Mutex::new(Cache::new(CAPACITY));
        Ok(TokenSource(Arc::new(Inner { exchange, cache, clock: self.clock })))
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("endpoint", &self.0.exchange.endpoint)
            .field("credential", &self.0.exchange.credential)
            .finish_non_exhaustive()
    }
}
