//! A resource service, as somebody might have written it before there was any authorization: it knows nothing of
//! tokens. The verifier in front of it decides what arrives here.
//!
//! `orders [ADDRESS]` listens on `127.0.0.1:0` unless told otherwise, prints `listening on http://…`, and logs one
//! line per request to stderr.

use std::{convert::Infallible, env, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// An order is a line of JSON; nothing honest comes near this many bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Requests under way may finish for so long after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let graceful = GracefulShutdown::new();
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => serve(accepted?, &graceful),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(tokio::time::timeout(DRAIN, graceful.shutdown()).await);
    Ok(())
}

fn serve((stream, peer): (tokio::net::TcpStream, SocketAddr), graceful: &GracefulShutdown) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("connection from {peer}: {error}");
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (status, body) = route(request).await;
    eprintln!("{method} {path} {}", status.as_u16());
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn route(request: Request<Incoming>) -> (StatusCode, Value) {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (StatusCode::OK, json!({ "status": "ok" })),
        (&Method::GET, "/orders") => (StatusCode::OK, json!([{ "id": 1, "item": "stylus", "quantity": 3 }])),
        (&Method::GET, "/orders/1") => (StatusCode::OK, json!({ "id": 1, "item": "stylus", "quantity": 3 })),
        // What arrived here, for whoever wants to know what the proxy before this service makes of a request.
        (&Method::GET, "/orders/echo") => (StatusCode::OK, echo(&request)),
        (&Method::POST, "/orders") => match Limited::new(request.into_body(), BODY_LIMIT).collect().await {
            Ok(body) => accept(&body.to_bytes()),
            Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, json!({ "error": "an order is smaller than that" })),
        },
        _ => (StatusCode::NOT_FOUND, json!({ "error": "no such thing" })),
    }
}

fn echo(request: &Request<Incoming>) -> Value {
    let fields = request.headers().iter();
    let fields: Vec<[String; 2]> = fields
        .map(|(name, value)| [name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
        .collect();
    json!({ "target": request.uri().to_string(), "fields": fields })
}

fn accept(body: &[u8]) -> (StatusCode, Value) {
    match serde_json::from_slice::<Value>(body) {
        Ok(order) => (StatusCode::CREATED, json!({ "id": 2, "order": order })),
        Err(_) => (StatusCode::BAD_REQUEST, json!({ "error": "not JSON" })),
    }
}
