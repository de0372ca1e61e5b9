//! HTTP as the story tells it: every request and its response, kept together to be shown and to be judged.

mod show;

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

pub use self::show::{Line, Part, shorten};

/// Everything here is on this machine; a server that takes longer is stuck.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Far above any answer of these servers; it keeps a broken one from filling the memory.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A request that is being put together.
#[must_use]
pub struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: String,
}

/// A request and the response to it.
///
/// `Debug` and [`Exchange::show`] print tokens shortened and secrets masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request's method.
    pub method: Method,
    /// The request's target.
    pub url: Url,
    /// The request's header fields, without those of the connection.
    pub request_headers: HeaderMap,
    /// The request's body.
    pub request_body: String,
    /// The response's status.
    pub status: StatusCode,
    /// The response's header fields.
    pub headers: HeaderMap,
    /// The response's body, as text.
    pub body: String,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The request cannot be written as one.
    #[error("{request} is not a request")]
    Request {
        /// Its method and target.
        request: String,
        /// What is wrong with it.
        #[source]
        source: http::Error,
    },
    /// The connection or the exchange on it failed.
    #[error("{request} got no response")]
    Exchange {
        /// The request's method and target.
        request: String,
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came in time.
    #[error("{request} was not answered within {} s", ANSWERED_WITHIN.as_secs())]
    Late {
        /// The request's method and target.
        request: String,
    },
}

/// `GET url`.
pub fn get(url: Url) -> Call {
    Call { method: Method::GET, url, headers: HeaderMap::new(), body: String::new() }
}

/// `POST url` with a JSON body.
pub fn post_json(url: Url, body: &Value) -> Call {
    let json = HeaderValue::from_static("application/json");
    Call { method: Method::POST, body: body.to_string(), ..get(url) }.header(header::CONTENT_TYPE, json)
}

/// `POST url` with a form, its fields in the given order.
pub fn post_form(url: Url, fields: &[(&str, &str)]) -> Call {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    Call { method: Method::POST, body, ..get(url) }.header(header::CONTENT_TYPE, form)
}

impl Call {
    /// Adds a header field.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds a Bearer token (RFC 6750 §2.1). One with other than visible ASCII characters is left out.
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// Adds a client's credentials (RFC 6749 §2.3.1: both parts form-encoded first).
    pub fn basic(self, client: &str, secret: &str) -> Self {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", encode(client), encode(secret)));
        self.authorization(&format!("Basic {credentials}"))
    }

    fn authorization(self, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.header(header::AUTHORIZATION, value),
            Err(_) => self,
        }
    }

    /// Sends it on a connection of its own and reads the whole response.
    pub async fn send(self) -> Result<Exchange, HttpError> {
        let request = format!("{} {}", self.method, self.url);
        match timeout(ANSWERED_WITHIN, self.exchange(&request)).await {
            Ok(exchange) => exchange,
            Err(_) => Err(HttpError::Late { request }),
        }
    }

    async fn exchange(self, shown: &str) -> Result<Exchange, HttpError> {
        let Self { method, url, headers, body } = self;
        let request =
            Request::builder().method(method.clone()).uri(url.as_str()).body(Full::from(body.clone()));
        let mut request =
            request.map_err(|source| HttpError::Request { request: shown.to_owned(), source })?;
        request.headers_mut().extend(headers.clone());
        let failed = |source| HttpError::Exchange { request: shown.to_owned(), source };
        let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(HttpConnector::new());
        let response = client.request(request).await.map_err(|error| failed(error.into()))?;
        let (parts, response_body) = response.into_parts();
        let response_body =
            Limited::new(response_body, BODY_LIMIT).collect().await.map_err(failed)?.to_bytes();
        Ok(Exchange {
            request_headers: headers,
            request_body: body,
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&response_body).into_owned(),
            method,
            url,
        })
    }
}

impl Exchange {
    /// The response's body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A member of the JSON object in the response that is a string.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<String> {
        self.json().get(name)?.as_str().map(str::to_owned)
    }

    /// The challenge in the response (RFC 9110 §11.6.1).
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.headers.get(header::WWW_AUTHENTICATE)?.to_str().ok()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n")?;
        self.show().iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
