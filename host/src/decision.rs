//! The answers to a request.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, uri::PathAndQuery};

/// The answer to a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Pass it on, changed as the permit says.
    Allow(Permit),
    /// Refuse it.
    Deny(Rejection),
    /// Answer it with this: the request is for the verifier, not for the service.
    Respond(LocalResponse),
}

/// Permission to forward a request: header removals, then additions. Only an instance of the component can give it.
#[derive(Clone)]
pub struct Permit {
    pub(crate) identity: Option<Identity>,
    /// The fields that the verifier answers for, folded. They are the same for each permit of a policy.
    pub(crate) owned_fields: Arc<[String]>,
    /// The field that the token was in, folded, unless it goes upstream.
    pub(crate) token_field: Option<String>,
    pub(crate) set: Vec<(HeaderName, HeaderValue)>,
    pub(crate) target: Option<PathAndQuery>,
    pub(crate) refusal: Option<Rejection>,
}

/// A response that the verifier makes itself (RFC 9728).
#[derive(Clone, Debug)]
pub struct LocalResponse {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The content.
    pub body: String,
}

/// The caller, as a verified token names it.
#[derive(Clone)]
pub struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) client: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expiry: u64,
    pub(crate) claims: Option<String>,
}

/// A refusal: the answer to the caller, and the reason for the operator.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The status to answer with.
    pub status: StatusCode,
    /// The `WWW-Authenticate` field to answer with.
    pub challenge: Option<HeaderValue>,
    /// A stable name, for logs and metrics.
    pub error: String,
    /// The whole reason, for a log.
    pub reason: String,
}

impl Permit {
    /// The verified caller; `None` on a public route, and where a refusal was only reported.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The refusal that this request would have met, were it not for a dry run.
    #[must_use]
    pub fn refusal(&self) -> Option<&Rejection> {
        self.refusal.as_ref()
    }

    /// The fields to remove, by their names in lower case and with `-` for `_`.
    pub fn removed_fields(&self) -> impl Iterator<Item = &str> {
        self.owned_fields.iter().map(String::as_str).chain(self.token_field.as_deref())
    }

    /// The fields to set then.
    #[must_use]
    pub fn set(&self) -> &[(HeaderName, HeaderValue)] {
        &self.set
    }

    /// Changes a request's header fields as they have to be upstream.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let removed =
            |name: &&HeaderName| self.removed_fields().any(|removed| folds_to(name.as_str(), removed));
        let names: Vec<HeaderName> = headers.keys().filter(removed).cloned().collect();
        for name in names {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
    }

    /// The request target to send on instead of the one that came.
    #[must_use]
    pub fn target(&self) -> Option<&PathAndQuery> {
        self.target.as_ref()
    }
}

impl Identity {
    /// The `iss` claim.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The `client_id` claim.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The scopes, sorted, each once.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The `exp` claim, in seconds since the epoch.
    #[must_use]
    pub fn expiry(&self) -> u64 {
        self.expiry
    }

    /// All claims, as JSON text; `None` unless [`Options::claims`](crate::Options::claims) asked for them.
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }
}

impl Rejection {
    /// A refusal because no decision could be had.
    #[must_use]
    pub fn undecided(error: &'static str, reason: String) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, challenge: None, error: error.to_owned(), reason }
    }
}

/// Whether a field name (in lower case) is this folded name: `-` stands for `_`, too.
fn folds_to(name: &str, folded: &str) -> bool {
    name.len() == folded.len()
        && name.bytes().zip(folded.bytes()).all(|(own, other)| own == other || (own == b'_' && other == b'-'))
}

impl fmt::Debug for Permit {
    /// The fields to set hold claims, and perhaps other cookies of the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("identity", &self.identity)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    /// Names the caller, and keeps the other claims to itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v36_a_permit_removes_each_spelling_of_a_field_and_then_sets_its_own() {
        let fields = [
            ("x-subject", "forged"),
            ("x_subject", "forged"),
            ("x-subject-id", "kept"),
            ("authorization", "Bearer t"),
            ("x-roles", "forged"),
        ];
        let mut headers: HeaderMap = fields
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let set = [("x-subject", "shop"), ("x-roles", "admin")];
        let permit = Permit {
            identity: None,
            owned_fields: ["x-subject".to_owned()].into(),
            token_field: Some("authorization".to_owned()),
            set: set
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .into(),
            target: None,
            refusal: None,
        };
        permit.apply(&mut headers);
        let mut left: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        left.sort_unstable();
        assert_eq!(left, [("x-roles", "admin"), ("x-subject", "shop"), ("x-subject-id", "kept")]);
    }
}
