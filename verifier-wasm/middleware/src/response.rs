//! Answers that are made here.

use crate::generated::{
    wasi::http::types::{ErrorCode, Fields, Response},
    wit_future,
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
