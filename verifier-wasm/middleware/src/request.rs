//! A request's header, in the form that the core takes.

use crate::generated::wasi::http::types::{Method, Request};

/// What of a request decides about it.
pub(crate) struct Head {
    method: String,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads the given fields, one pair for each field line. What is not UTF-8 gets replacement characters, with
    /// which it matches nothing.
    pub(crate) fn read(request: &Request, fields: &[&'static str]) -> Self {
        let headers = request.get_headers();
        let lines = |&name: &&'static str| {
            let values = headers.get(name).into_iter();
            values.map(move |value| (name.to_owned(), String::from_utf8_lossy(&value).into_owned()))
        };
        Self {
            method: method(request.get_method()),
            // Hosts that do not tell are known: `wasmtime serve` is one.
            host: request.get_authority().unwrap_or_default(),
            // An absent path is an empty one, which is the root (RFC 9110 §4.2.3).
            target: request.get_path_with_query().unwrap_or_else(|| "/".to_owned()),
            headers: fields.iter().flat_map(lines).collect(),
        }
    }

    /// Asks something about it in the core's terms.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&tessera_verifier::Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ask(&tessera_verifier::Request {
            method: &self.method,
            host: &self.host,
            target: &self.target,
            headers: &headers,
        })
    }
}

fn method(method: Method) -> String {
    let known = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    known.to_owned()
}
