//! A service inside the test process that answers with what reached it: what a proxy lets through, and as what.

use std::{convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};
use url::Url;

/// The service. Dropping it closes its port and its connections.
///
/// Its answer is an object with `method`, `target`, `fields` and `trailers` (lists of name and value) and `body`.
#[derive(Debug)]
pub struct Echo {
    url: Url,
    arrived: Arc<watch::Sender<u64>>,
    task: AbortHandle,
}

impl Echo {
    /// Starts it on a free port of the loopback address.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let url = Url::parse(&url).map_err(io::Error::other)?;
        let arrived = Arc::<watch::Sender<u64>>::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&arrived))).abort_handle();
        Ok(Self { url, arrived, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How many requests have reached it, be it their header alone.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        *self.arrived.borrow()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, arrived: Arc<watch::Sender<u64>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&arrived)));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, arrived: Arc<watch::Sender<u64>>) {
    let service = service_fn(|request| {
        arrived.send_modify(|arrived| *arrived += 1);
        answer(request)
    });
    // However it ends: callers that go away are among what is tested.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let (body, trailers) = match body.collect().await {
        Ok(body) => {
            let trailers = body.trailers().map(listed);
            (Some(String::from_utf8_lossy(&body.to_bytes()).into_owned()), trailers)
        }
        Err(_) => (None, None),
    };
    let echo = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "fields": listed(&head.headers),
        "body": body,
        "trailers": trailers.unwrap_or_else(|| json!([])),
    });
    Ok(Response::new(Full::from(echo.to_string())))
}

fn listed(fields: &HeaderMap) -> Value {
    let fields = fields.iter();
    fields.map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])).collect()
}
