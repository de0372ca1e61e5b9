//! Putting a case's request on the wire, from the address that says whose it is.

use std::{io, net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{case::Request, wire::Head};

/// A request that waits for keys is refused after some seconds; one that is not answered in this time never is.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// The version of HTTP that requests are asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, written by hand: whatever the case says goes out.
    Http1,
    /// HTTP/2 without TLS, by hyper: what it cannot write is not sent.
    Http2,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    /// A response: its status and its fields.
    Response { status: u16, fields: Vec<(String, String)> },
    /// The connection was closed, or the stream reset, without a response.
    Closed,
    /// No client can send such a request over this version of HTTP.
    Unsendable,
}

impl Protocol {
    /// Its name and version.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Asks a listener of this machine.
    pub(super) async fn ask(self, from: Ipv4Addr, port: u16, request: &Request) -> io::Result<Answer> {
        let answer = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((from, 0).into())?;
            let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
            match self {
                Self::Http1 => http1(stream, request).await,
                Self::Http2 => http2(stream, request).await,
            }
        };
        timeout(ANSWERED_WITHIN, answer).await?
    }
}

async fn http1(mut stream: TcpStream, request: &Request) -> io::Result<Answer> {
    let Request { method, host, target, headers } = request;
    // A value with a line break would be two lines, and another request.
    if headers.iter().any(|(_, value)| value.contains(['\r', '\n'])) {
        return Ok(Answer::Unsendable);
    }
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await?;
    let Some(head) = Head::read(&mut stream).await? else { return Ok(Answer::Closed) };
    let status = head.part(1).parse().map_err(io::Error::other)?;
    Ok(Answer::Response { status, fields: head.fields })
}

async fn http2(stream: TcpStream, request: &Request) -> io::Result<Answer> {
    let Some(request) = for_http2(request) else { return Ok(Answer::Unsendable) };
    let connection = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await;
    connection.abort();
    let Ok(response) = response else { return Ok(Answer::Closed) };
    let fields = response.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).trim_ascii().to_owned())
    });
    Ok(Answer::Response { status: response.status().as_u16(), fields: fields.collect() })
}

/// The same request for hyper; nothing, if it cannot be written, or not without a change.
fn for_http2(request: &Request) -> Option<http::Request<Empty<Bytes>>> {
    let Request { method, host, target, headers } = request;
    // Envoy takes the scheme of the connection only, and it is not what the policy is about.
    let uri: Uri = format!("http://{host}{target}").parse().ok()?;
    let path = uri.path_and_query().map(ToString::to_string);
    if uri.authority().map(ToString::to_string).as_ref() != Some(host) || path.as_ref() != Some(target) {
        return None;
    }
    let mut built = http::Request::builder().method(method.as_str()).uri(uri).body(Empty::new()).ok()?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).ok()?;
        built.headers_mut().append(name, HeaderValue::try_from(value).ok()?);
    }
    Some(built)
}
