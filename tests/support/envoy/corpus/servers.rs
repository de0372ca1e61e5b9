//! What is behind the Envoy: the issuers, and the service that the requests are for.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{case::Case, wire::Head};

/// The field of the service's answers that says what has arrived there, in base64: unlike a body, HEAD has it, too.
pub(super) const ARRIVED: &str = "conformance-arrived";

/// A server that ends when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    task: JoinHandle<()>,
}

/// The documents of a case's issuers, by URL without its scheme, which does not arrive.
#[derive(Debug, Default)]
struct Documents(HashMap<String, String>);

/// As much of a policy as it takes to know its documents. What is wrong in it is for the filter to say.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Policy {
    issuers: Vec<Issuer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Issuer {
    #[serde(rename = "issuer")]
    name: String,
    jwks_uri: Option<String>,
    discovery: Option<Value>,
    status: Option<Value>,
}

/// A loopback address for each case: one for its client, one for its issuers.
pub(super) fn loopback(network: u8, case: usize) -> Ipv4Addr {
    let (high, low) = (case / 250 % 250, case % 250 + 1);
    let octet = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, network, octet(high), octet(low))
}

impl Server {
    /// The port that it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Answers for the issuers of all cases: a case's are at a loopback address of its own, so that one URL has another
    /// key set in each.
    pub(super) async fn issuers(network: u8, cases: &[Case]) -> io::Result<Self> {
        let documents = cases.iter().enumerate();
        let documents =
            documents.map(|(index, case)| (IpAddr::from(loopback(network, index)), Documents::of(case)));
        let documents: Arc<HashMap<IpAddr, Documents>> = Arc::new(documents.collect());
        // Every address of 127.0.0.0/8 at once; whoever asks from another machine is not answered.
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        Self::run(listener, move |stream, peer| {
            let documents = Arc::clone(&documents);
            async move {
                if !peer.ip().is_loopback() {
                    return Ok(());
                }
                let at = stream.local_addr()?.ip();
                answer(stream, |head| documents.get(&at)?.answer(head)).await
            }
        })
    }

    /// A service that answers everything with 200 and what has arrived.
    pub(super) async fn service() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::run(listener, |stream, _| {
            answer(stream, |head| {
                let arrived = json!({ "target": head.part(1), "fields": head.fields });
                Some(format!(
                    "{ARRIVED}: {}\r\ncontent-length: 0\r\n\r\n",
                    STANDARD.encode(arrived.to_string())
                ))
            })
        })
    }

    fn run<F>(
        listener: TcpListener,
        serve: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                // A client that goes away is no failure of the server.
                tokio::spawn(serve(stream, peer));
            }
        });
        Ok(Self { port, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the one request of a connection with 200; with nothing, the connection is closed, as by who is not there.
async fn answer(mut stream: TcpStream, rest: impl FnOnce(&Head) -> Option<String>) -> io::Result<()> {
    let Some(head) = Head::read(&mut stream).await? else { return Ok(()) };
    let Some(rest) = rest(&head) else { return Ok(()) };
    stream.write_all(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{rest}").as_bytes()).await?;
    stream.shutdown().await
}

impl Documents {
    /// An issuer that publishes its key set by discovery has it at its own URL and `/jwks`.
    fn of(case: &Case) -> Self {
        let mut documents = Self::default();
        let policy: Policy = serde_json::from_str(&case.policy).unwrap_or_default();
        for Issuer { name, jwks_uri, discovery, .. } in policy.issuers {
            let Some(set) = case.jwks.get(&name) else { continue };
            if let Some(url) = jwks_uri {
                documents.add(&url, set.clone());
            } else if let Some(discovery) = discovery {
                let url = discovery.as_str().map_or_else(
                    || format!("{}/.well-known/openid-configuration", name.trim_end_matches('/')),
                    str::to_owned,
                );
                let jwks_uri = format!("{name}/jwks");
                documents.add(&url, json!({ "issuer": name, "jwks_uri": jwks_uri }).to_string());
                documents.add(&jwks_uri, set.clone());
            }
        }
        for (url, document) in &case.documents {
            documents.add(url, document.clone());
        }
        documents
    }

    fn add(&mut self, url: &str, document: String) {
        self.0.insert(without_scheme(url).to_owned(), document);
    }

    fn answer(&self, head: &Head) -> Option<String> {
        let url = format!("{}{}", head.field("host")?, head.part(1));
        let document = self.0.get(&url)?;
        Some(format!("content-length: {}\r\n\r\n{document}", document.len()))
    }
}

/// The origins of the URLs that a policy can have documents fetched from.
pub(super) fn origins(policy: &str) -> Vec<String> {
    let policy: Policy = serde_json::from_str(policy).unwrap_or_default();
    let urls = policy.issuers.into_iter().flat_map(|issuer| {
        let discovery = issuer.discovery.and_then(|discovery| discovery.as_str().map(str::to_owned));
        let lists =
            issuer.status.as_ref().and_then(|status| status.get("lists")?.as_str().map(str::to_owned));
        [Some(issuer.name), issuer.jwks_uri, discovery, lists].into_iter().flatten()
    });
    let origins: BTreeSet<String> = urls.filter_map(|url| origin(&url)).collect();
    origins.into_iter().collect()
}

fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{authority}"))
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}
