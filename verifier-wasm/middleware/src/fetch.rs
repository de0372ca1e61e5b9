//! The GET of a key set.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use tessera_verifier::FetchRequest;
use wit_bindgen::{FutureReader, StreamResult};

use crate::{
    generated::{
        wasi::http::{
            client,
            types::{ErrorCode, Fields, Request, Response, Scheme},
        },
        wit_future,
    },
    host,
};

/// How much of a body is read at once, in bytes: key sets have one to four kilobytes.
const CHUNK: usize = 16 * 1024;

/// The only status that brings a key set.
const OK: u16 = 200;

/// A fetched document.
pub(crate) struct Document {
    pub(crate) text: String,
    /// The Cache-Control fields, joined (RFC 9110 §5.3).
    pub(crate) caching: String,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The host does not make a request of the URL.
    #[error("the host does not accept its URL")]
    Url,
    /// The host did not get an answer, or not all of it. Its errors are but names, so they are shown.
    #[error("there is no complete answer: {0:?}")]
    Host(ErrorCode),
    /// The answer is no document; a redirect is not followed.
    #[error("the answer has status {0} instead of 200")]
    Status(u16),
    /// The body is longer than its bound, in bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The body is no text.
    #[error("the answer is not UTF-8")]
    NotUtf8,
    /// It was not all there after as long as it may take.
    #[error("it took longer than {} ms", .0.as_millis())]
    Late(Duration),
}

/// Fetches a document, within the bounds that come with it.
pub(crate) async fn fetch(wanted: &FetchRequest) -> Result<Document, FetchError> {
    // Whatever is under way when the other one is done is cancelled as it is dropped.
    match select(pin!(get(wanted)), pin!(host::sleep(wanted.timeout))).await {
        Either::Left((fetched, _)) => fetched,
        Either::Right(((), _)) => Err(FetchError::Late(wanted.timeout)),
    }
}

async fn get(wanted: &FetchRequest) -> Result<Document, FetchError> {
    // A host may take the end of this future for the end of the exchange (wasmtime 49 does), so it lives until the body
    // is read.
    let (request, _sent) = request(&wanted.url)?;
    let response = client::send(request).await.map_err(FetchError::Host)?;
    let status = response.get_status_code();
    if status != OK {
        return Err(FetchError::Status(status));
    }
    let caching = response.get_headers().get("cache-control").join(&b", "[..]);
    let body = body(response, wanted.limit).await?;
    Ok(Document {
        text: String::from_utf8(body).map_err(|_| FetchError::NotUtf8)?,
        caching: String::from_utf8_lossy(&caching).into_owned(),
    })
}

/// A GET of the URL, and the future that says when it was sent.
fn request(url: &str) -> Result<(Request, FutureReader<Result<(), ErrorCode>>), FetchError> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        _ => return Err(FetchError::Url),
    };
    let (authority, path) = match rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at)) {
        Some((authority, path)) if path.starts_with('/') => (authority, path.to_owned()),
        Some((authority, query)) => (authority, format!("/{query}")),
        None => (rest, "/".to_owned()),
    };
    let fields = Fields::from_list(&[("accept".to_owned(), FetchRequest::ACCEPT.as_bytes().to_vec())]);
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    // The method of a new request is GET.
    let (request, sent) = Request::new(fields.map_err(|_| FetchError::Url)?, None, no_trailers, None);
    request.set_scheme(Some(&scheme)).map_err(|()| FetchError::Url)?;
    request.set_authority(Some(authority)).map_err(|()| FetchError::Url)?;
    request.set_path_with_query(Some(&path)).map_err(|()| FetchError::Url)?;
    Ok((request, sent))
}

/// Reads a body of at most `limit` bytes.
async fn body(response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let (handled, well) = wit_future::new(|| Ok(()));
    drop(handled);
    let (mut stream, trailers) = Response::consume_body(response, well);
    let mut body = Vec::new();
    loop {
        let (result, chunk) = stream.read(Vec::with_capacity(CHUNK)).await;
        body.extend(chunk);
        if body.len() > limit {
            return Err(FetchError::TooLong(limit));
        }
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    // The end of the stream may be the end of the connection; whether all of the body came is said here.
    trailers.await.map_err(FetchError::Host)?;
    Ok(body)
}
