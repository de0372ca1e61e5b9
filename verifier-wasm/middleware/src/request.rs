//! A request: its header, in the form that the core takes, and its way on.

use tessera_verifier::Permit;

use crate::generated::{
    wasi::http::types::{ErrorCode, Fields, Method, Request},
    wit_future,
};

/// What of a request decides about it.
pub(crate) struct Head {
    method: String,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// A GET of a path with this token.
    #[cfg(test)]
    pub(crate) fn with_token(target: &str, token: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            host: String::new(),
            target: target.to_owned(),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        }
    }

    /// Reads the given fields, one pair for each field line. What is not UTF-8 gets replacement characters, with
    /// which it matches nothing.
    pub(crate) fn read(request: &Request, fields: &[String]) -> Self {
        let headers = request.get_headers();
        Self {
            method: method(request.get_method()),
            // Hosts that do not tell are known: `wasmtime serve` is one.
            host: request.get_authority().unwrap_or_default(),
            // An absent path is an empty one, which is the root (RFC 9110 §4.2.3).
            target: request.get_path_with_query().unwrap_or_else(|| "/".to_owned()),
            headers: fields
                .iter()
                .flat_map(|name| headers.get(name).into_iter().map(move |value| (name, value)))
                .map(|(name, value)| (name.clone(), String::from_utf8_lossy(&value).into_owned()))
                .collect(),
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

/// A request as the next handler gets it: the one that came, changed as the permit says. The header of a
/// request that came is immutable, so it is made anew around the same body.
pub(crate) fn permitted(request: Request, permit: &Permit) -> Result<Request, ErrorCode> {
    let unusable =
        |what: &str| ErrorCode::InternalError(Some(format!("the host refuses {what} of a request")));
    let original = request.get_headers().copy_all();
    let kept = original.into_iter().filter(|(name, _)| {
        !permit.removes(name) && !permit.set().iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    });
    let set = permit.set().iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
    let fields: Vec<(String, Vec<u8>)> = kept.chain(set).collect();
    let fields = Fields::from_list(&fields).map_err(|_| unusable("the header"))?;
    let (method, scheme) = (request.get_method(), request.get_scheme());
    let (authority, options) = (request.get_authority(), request.get_options());
    let target = permit.target().map(ToOwned::to_owned).or_else(|| request.get_path_with_query());
    let (_sent, processed) = wit_future::new(|| Ok(()));
    let (body, _trailers) = Request::consume_body(request, processed);
    // Some services merge trailers into the header (RFC 9110 §6.5.1), where nothing was decided about them.
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (changed, _) = Request::new(fields, Some(body), no_trailers, options);
    changed.set_method(&method).map_err(|()| unusable("the method"))?;
    changed.set_scheme(scheme.as_ref()).map_err(|()| unusable("the scheme"))?;
    changed.set_authority(authority.as_deref()).map_err(|()| unusable("the authority"))?;
    changed.set_path_with_query(target.as_deref()).map_err(|()| unusable("the target"))?;
    Ok(changed)
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
