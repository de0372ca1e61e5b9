//! What an allowed request takes along to the service.

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec, vec::Vec};

use crate::{
    Rejection,
    claim::{ClaimValue, Scalar},
    credentials::{Credentials, Request},
    decision::{Permit, VerifiedToken},
    http, limits,
    policy::{DRY_RUN_FIELD, TokenSource, Upstream},
};

impl Upstream {
    /// Permission without a token.
    pub(crate) fn anonymous(&self) -> Permit {
        Permit {
            token: None,
            owned_fields: Arc::clone(&self.owned_fields),
            token_field: None,
            set: Vec::new(),
            target: None,
            refusal: None,
        }
    }

    /// Permission for a request that should have been refused.
    pub(crate) fn dry_run(&self, refusal: Rejection) -> Permit {
        let set = vec![(DRY_RUN_FIELD.to_owned(), refusal.error().name().to_owned())];
        Permit { set, refusal: Some(refusal), ..self.anonymous() }
    }

    /// Permission with a verified token. `keep_token` is for those who only try a policy out.
    pub(crate) fn identified(
        &self,
        request: &Request<'_>,
        credentials: &Credentials<'_, '_>,
        token: Arc<VerifiedToken>,
        keep_token: bool,
    ) -> Permit {
        let mut permit = self.anonymous();
        for (claim, field) in &self.claims {
            if let Some(value) = token.values().get(*claim).and_then(field_value) {
                permit.set.push((field.clone(), value));
            }
        }
        if let Some(field) = &self.payload
            && let Some(payload) = credentials.token.split('.').nth(1)
        {
            permit.set.push((field.clone(), payload.to_owned()));
        }
        if !self.forward_token && !keep_token {
            take_token_away(&mut permit, request, credentials.source);
        }
        permit.token = Some(token);
        permit
    }
}

/// Removes the token from the request: its field, its cookie, or its query parameter.
fn take_token_away(permit: &mut Permit, request: &Request<'_>, source: &TokenSource) {
    permit.token_field = source.folded_field();
    match source {
        TokenSource::Header { .. } => {}
        TokenSource::Cookie(name) => {
            let others = request.cookies_without(name);
            if !others.is_empty() {
                permit.set.push(("cookie".to_owned(), others));
            }
        }
        TokenSource::Query(name) => permit.target = Some(request.target_without(name)),
    }
}

/// A claim as the value of a header field, if it can be one without a doubt.
fn field_value(value: &ClaimValue) -> Option<String> {
    let text = match value {
        ClaimValue::Absent | ClaimValue::Other => return None,
        ClaimValue::Scalar(scalar) => scalar.as_str().to_owned(),
        ClaimValue::List(elements) => {
            let texts: Option<Vec<&str>> = elements
                .iter()
                // A comma in an element would make two of it.
                .map(|element| element.as_ref().map(Scalar::as_str).filter(|text| !text.contains(',')))
                .collect();
            texts?.join(",")
        }
    };
    let clean = http::is_printable(&text) && text.trim() == text;
    (clean && !text.is_empty() && text.len() <= limits::UPSTREAM_VALUE_BYTES).then_some(text)
}

#[cfg(test)]
mod tests;
