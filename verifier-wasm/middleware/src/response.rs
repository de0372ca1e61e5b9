//! Answers that are made here.

use tessera_verifier::LocalResponse;

use crate::generated::{
    wasi::http::types::{ErrorCode, Fields, Response},
    wit_future, wit_stream,
};

/// The answer where the policy has problems.
pub(crate) const INTERNAL_SERVER_ERROR: u16 = 500;

/// An answer without a body. It says no more than the status and the challenge, and no cache may keep it.
///
/// Should the host refuse to make it, the host is told that the request failed; nothing passes.
pub(crate) fn refusal(status: u16, challenge: Option<&str>) -> Result<Response, ErrorCode> {
    let unusable =
        |what: &str| ErrorCode::InternalError(Some(format!("the host refuses {what} of a refusal")));
    let mut fields = vec![("cache-control".to_owned(), b"no-store".to_vec())];
    fields.extend(challenge.map(|challenge| ("www-authenticate".to_owned(), challenge.into())));
    let fields = Fields::from_list(&fields).map_err(|_| unusable("the header"))?;
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(fields, None, no_trailers);
    response.set_status_code(status).map_err(|()| unusable("the status"))?;
    Ok(response)
}

/// A response that the verifier makes itself.
pub(crate) fn local(local: LocalResponse) -> Result<Response, ErrorCode> {
    let unusable =
        |what: &str| ErrorCode::InternalError(Some(format!("the host refuses {what} of a response")));
    let fields: Vec<(String, Vec<u8>)> =
        local.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let fields = Fields::from_list(&fields).map_err(|_| unusable("the header"))?;
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (mut body, content) = wit_stream::new();
    let (response, _sent) = Response::new(fields, Some(content), no_trailers);
    response.set_status_code(local.status).map_err(|()| unusable("the status"))?;
    wit_bindgen::spawn_local(async move {
        // If nobody reads it to its end, nobody misses it.
        drop(body.write_all(local.body.into_bytes()).await);
    });
    Ok(response)
}
