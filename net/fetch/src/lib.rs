//! GETs a small document from another party: a key set, a metadata document.
//!
//! The other party is trusted for what it says only after its words were checked, and never for how much it says or
//! how long it takes. Redirects are not followed, proxies from the environment are not used: a document comes from
//! the address that was configured, or not at all.
//!
//! Where others choose the address, [`Addresses::Public`] keeps this process from being sent to its own neighbours:
//! what a name resolves to is checked as it is connected to. [`OriginAccess`] makes exceptions for a party inside the
//! network, such as a cluster's API server, and gives it the roots and the token that it wants.

mod address;
pub mod body;
mod chain;
mod custom_roots;
mod destination;
mod egress;
mod error;
mod guard;
mod origin;
mod settings_file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::string::FromUtf8Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION,
};
use http::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, redirect};

pub use self::address::{AddressClass, Forbidden, Network, NetworkError};
pub use self::chain::chain;
use self::custom_roots::CustomRoots;
use self::destination::NOT_A_URL;
pub use self::destination::{Destination, DestinationError, redacted};
pub use self::egress::{Egress, EgressProxy, EgressProxyError};
pub use self::error::FetchError;
use self::guard::{Guard, Lookup};
pub use self::origin::{Origin, OriginAccess, OriginError};
pub use self::settings_file::SettingsFileError;
pub use tessera_url::{PlainHttp, UrlFault};

/// Named to servers when the caller names nothing better.
const USER_AGENT: &str = concat!("tessera/", env!("CARGO_PKG_VERSION"));

/// How a [`Fetcher`] behaves.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Also fetch over `http:` from this machine: `127.0.0.0/8`, `[::1]` and `localhost`, whatever `addresses` says.
    /// For development and tests.
    pub allow_http_loopback: bool,
    /// The `User-Agent`; `tessera/VERSION` when absent.
    pub user_agent: Option<String>,
    /// How requests over `https:` leave this process.
    pub egress: Egress,
    /// Where documents may come from over `https:`.
    pub addresses: Addresses,
    /// Settings of single origins. Of several for one origin the last counts.
    pub origins: Vec<OriginAccess>,
}

/// Which addresses to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Addresses {
    /// Any: the operator of this process wrote every URL.
    #[default]
    Any,
    /// Those that any party on the internet may have: no [`AddressClass`] holds them. Others register the URLs.
    Public {
        /// Networks to connect to nevertheless.
        allowed: Vec<Network>,
    },
}

/// A client for documents. It keeps its connections; make one and clone it.
#[derive(Debug, Clone)]
pub struct Fetcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: PlainHttp,
    clients: ClientFactory,
    /// Over `https:`, without settings of the origin.
    common: Route,
    /// Over `http:`, which [`Destination`] keeps to this machine.
    loopback: Route,
    origins: HashMap<Origin, Route>,
}

/// How a request goes out.
#[derive(Debug)]
struct Route {
    /// `None`: to any address.
    guard: Option<Guard>,
    trust: Trust,
    bearer: Option<std::path::PathBuf>,
}

/// The client, by where its roots come from.
#[derive(Debug)]
enum Trust {
    System(Client),
    File(CustomRoots),
}

/// Makes clients that differ in guard and roots only.
#[derive(Debug)]
struct ClientFactory {
    user_agent: String,
    egress: Egress,
    /// The roots of origins without their own; `None` for the operating system's.
    roots: Option<std::path::PathBuf>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The body.
    pub text: String,
    /// The `Cache-Control` field, several joined by `, `; empty when there was none.
    pub cache_control: String,
}

impl Fetcher {
    /// A fetcher with its own connections. Reads the roots of each origin that has its own.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        Self::with_lookup(options, &guard::system())
    }

    fn with_lookup(options: FetchOptions, lookup: &Lookup) -> Result<Self, FetchError> {
        let FetchOptions { allow_http_loopback, user_agent, egress, addresses, origins } = options;
        let clients = ClientFactory::new(user_agent, egress, std::env::var_os(egress::ROOTS_VARIABLE));
        let guard = |more: &[Network]| match &addresses {
            Addresses::Any => None,
            Addresses::Public { allowed } => Some(Guard::new([allowed, more].concat(), Arc::clone(lookup))),
        };
        let common = clients.route(guard(&[]), None)?;
        let loopback = clients.loopback()?;
        let origins = origins
            .into_iter()
            .map(|access| {
                let guard = access.origin.is_https().then(|| guard(&access.allowed)).flatten();
                let origin = access.origin.clone();
                Ok((origin, clients.route(guard, Some(access))?))
            })
            .collect::<Result<_, FetchError>>()?;
        let http = if allow_http_loopback { PlainHttp::Loopback } else { PlainHttp::Never };
        Ok(Self(Arc::new(Inner { http, clients, common, loopback, origins })))
    }

    /// GETs `url`: the answer must be 200, UTF-8, at most `limit` bytes, and complete within `timeout`.
    pub async fn get(&self, url: &str, timeout: Duration, limit: usize) -> Result<Document, FetchError> {
        let destination =
            Destination::parse(url, self.0.http).map_err(|source| FetchError::Destination { source })?;
        match tokio::time::timeout(timeout, self.0.exchange(&destination, timeout, limit)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(FetchError::Deadline { destination, after: timeout }),
        }
    }
}

impl Inner {
    async fn exchange(
        &self,
        destination: &Destination,
        timeout: Duration,
        limit: usize,
    ) -> Result<Document, FetchError> {
        let answer = self.ask(destination).await?;
        let status = answer.status();
        if let (true, Some(location)) = (status.is_redirection(), answer.headers().get(LOCATION)) {
            let location = location.to_str().map_or_else(|_| NOT_A_URL.to_owned(), redacted);
            return Err(FetchError::Redirected { destination: destination.clone(), status, location });
        }
        if status != http::StatusCode::OK {
            return Err(FetchError::Status { destination: destination.clone(), status });
        }
        if let Some(coding) = answer.headers().get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            let coding = coding.clone();
            return Err(FetchError::Coding { destination: destination.clone(), coding });
        }
        let cache_control = cache_control(answer.headers());
        let is_html = answer.headers().get(CONTENT_TYPE).is_some_and(is_html);
        let bytes = body::collect(reqwest::Body::from(answer), limit, timeout)
            .await
            .map_err(|error| FetchError::body(destination, error))?;
        let text = String::from_utf8(bytes.into()).map_err(|error: FromUtf8Error| FetchError::NotUtf8 {
            destination: destination.clone(),
            source: error.utf8_error(),
        })?;
        // Some servers give documents a wrong type, and no document that is asked for begins like a page.
        if is_html && text.trim_start().starts_with('<') {
            return Err(FetchError::Page { destination: destination.clone() });
        }
        Ok(Document { text, cache_control })
    }

    async fn ask(&self, destination: &Destination) -> Result<reqwest::Response, FetchError> {
        let url = destination.as_url();
        let origin = Origin::of(url);
        let general = if origin.is_https() { &self.common } else { &self.loopback };
        let route = self.origins.get(&origin).unwrap_or(general);
        let forbidden = |source| FetchError::Forbidden { destination: destination.clone(), source };
        if let Some(guard) = &route.guard {
            guard.literal(url).map_err(forbidden)?;
        }
        let client = match &route.trust {
            Trust::System(client) => client.clone(),
            Trust::File(rooted) => {
                rooted.client(|roots| self.clients.client(route.guard.as_ref(), Some(roots))).await?
            }
        };
        let mut request =
            client.get(url.clone()).header(ACCEPT, DOCUMENTS).header(ACCEPT_ENCODING, "identity");
        if let Some(path) = &route.bearer {
            let value = settings_file::authorization(path)
                .await
                .map_err(|source| FetchError::Origin { origin: origin.clone(), source })?;
            request = request.header(AUTHORIZATION, value);
        }
        request.send().await.map_err(|error| match guard::refusal(&error) {
            Some(source) => forbidden(source),
            None => FetchError::Unreachable { destination: destination.clone(), source: error.without_url() },
        })
    }
}

/// The media types of what is fetched: key sets and metadata, and status lists.
const DOCUMENTS: &str = "application/jwk-set+json, application/json, application/statuslist+jwt";

impl FetchOptions {
    /// An HTTP client for other requests than GET, which sends them as a fetcher of these options would: no redirects, no
    /// proxy from the environment, the same roots and proxy. The roots are read once, and any address is asked.
    pub fn client(&self) -> Result<Client, FetchError> {
        let variable = std::env::var_os(egress::ROOTS_VARIABLE);
        let clients = ClientFactory::new(self.user_agent.clone(), self.egress.clone(), variable);
        let read = |path| settings_file::roots(path, &settings_file::first_read(path)?);
        let roots = clients.roots.as_deref().map(read).transpose();
        let roots = roots.map_err(|source| FetchError::Roots { source })?;
        clients.client(None, roots)
    }
}

impl ClientFactory {
    fn new(user_agent: Option<String>, egress: Egress, variable: Option<std::ffi::OsString>) -> Self {
        let roots = egress.roots(variable);
        Self { user_agent: user_agent.unwrap_or_else(|| USER_AGENT.to_owned()), egress, roots }
    }

    fn route(&self, guard: Option<Guard>, access: Option<OriginAccess>) -> Result<Route, FetchError> {
        let (own, bearer) = access.map_or((None, None), |it| (it.ca.map(|ca| (it.origin, ca)), it.bearer));
        let make = |roots| self.client(guard.as_ref(), Some(roots));
        let trust = match (own, &self.roots) {
            (None, None) => Trust::System(self.client(guard.as_ref(), None)?),
            (None, Some(path)) => Trust::File(CustomRoots::load(None, path, make)?),
            (Some((origin, path)), _) => Trust::File(CustomRoots::load(Some(origin), &path, make)?),
        };
        Ok(Route { guard, trust, bearer })
    }

    /// Over plain http to this machine: there are no certificates and no way out.
    fn loopback(&self) -> Result<Route, FetchError> {
        let client = with_localhost(direct_builder()).user_agent(&*self.user_agent).build();
        let client = client.map_err(|source| FetchError::Setup { source })?;
        Ok(Route { guard: None, trust: Trust::System(client), bearer: None })
    }

    fn client(&self, guard: Option<&Guard>, roots: Option<Vec<Certificate>>) -> Result<Client, FetchError> {
        let setup = |source| FetchError::Setup { source };
        let mut builder = match (&self.egress.proxy, guard) {
            // The proxy resolves the names of servers, and its own name is the operator's.
            (Some(proxy), _) => {
                let proxy = reqwest::Proxy::https(proxy.as_url().clone()).map_err(setup)?;
                with_localhost(direct_builder()).proxy(proxy)
            }
            (None, Some(guard)) => direct_builder().dns_resolver(guard.clone()),
            (None, None) => with_localhost(direct_builder()),
        };
        if let Some(roots) = roots {
            builder = builder.tls_certs_only(roots);
        }
        builder.user_agent(&*self.user_agent).build().map_err(setup)
    }
}

/// `localhost` is never asked from a name server (RFC 6761 §6.3).
fn with_localhost(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let localhost = destination::LOOPBACK.map(|ip| (ip, 0).into());
    builder.resolve_to_addrs("localhost", &localhost)
}

/// What is resolved here goes around a resolver, so this resolves nothing.
fn direct_builder() -> reqwest::ClientBuilder {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().referer(false)
}

fn is_html(content_type: &HeaderValue) -> bool {
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/html")
}

fn cache_control(headers: &HeaderMap) -> String {
    let fields: Vec<&str> =
        headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
    fields.join(", ")
}
