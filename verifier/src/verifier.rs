//! The verifier: a policy, and the keys that it names.

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec::Vec};

#[cfg(doc)]
use crate::{Permit, limits};
use crate::{
    Rejection,
    attempt::{Attempt, Step},
    authenticator::Authenticator,
    check::Check,
    credentials::Request,
    crypto::Backend,
    decision::{Decision, LocalResponse, VerifiedToken},
    document::DocumentError,
    error::Error,
    fetch::{DocumentId, FetchRequest},
    keys::SkippedKey,
    policy::{
        Access, Policy, PolicyError, Requirement, Rules, TokenSource, TrustError, TrustPolicy, check_audience,
    },
    target,
    time::Timestamp,
};

/// Decides who may pass, by one policy document.
///
/// Threads can share one: [`check`](Self::check) changes nothing, and what follows from it is a short step of its own.
/// [`authorize`](Self::authorize) is both, for hosts with one thread. Clones share what is large; what one of them is
/// supplied with the others are not.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Arc<Rules>,
    authenticator: Authenticator,
    required_headers: Vec<String>,
}

/// The audiences of which a token has to name one (RFC 7519 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub enum AcceptedAudience<'a> {
    /// Those of the policy.
    OfPolicy,
    /// These, for whoever answers to different names at different times.
    OneOf(&'a [&'a str]),
    /// Any: for the issuer of the tokens itself, which looks at the audience afterwards.
    Any,
}

impl Verifier {
    /// Reads a policy document (JSON, at most [`limits::POLICY_BYTES`]), for a verifier with this cryptography.
    pub fn load(policy: &str, backend: Backend) -> Result<Self, PolicyError> {
        Policy::parse(policy, backend).map(|policy| Self::new(policy, backend))
    }

    /// Makes a verifier of trust that is there as values, with this cryptography.
    pub fn trusting(trust: TrustPolicy, backend: Backend) -> Result<Self, TrustError> {
        trust.into_policy(backend).map(|policy| Self::new(policy, backend))
    }

    fn new(policy: Policy, backend: Backend) -> Self {
        let Policy { issuers, urls, cache, claims, rules } = policy;
        let required_headers = required_headers(&rules);
        let authenticator = Authenticator::new(issuers, urls, claims, cache, backend);
        Self { rules: Arc::new(rules), authenticator, required_headers }
    }

    /// Checks a policy document without making a verifier of it.
    pub fn check_policy(policy: &str) -> Result<(), PolicyError> {
        Policy::parse(policy, Backend::Portable).map(drop)
    }

    /// The header fields that decisions depend on, in lower case. A host need pass no others.
    #[must_use]
    pub fn required_headers(&self) -> &[String] {
        &self.required_headers
    }

    /// The header fields that the verifier answers for, in lower case and with `-` for `_`: [`Permit::removed_fields`]
    /// of every permit begins with them.
    #[must_use]
    pub fn owned_fields(&self) -> &[String] {
        &self.rules.upstream.owned_fields
    }

    /// The prefixes of the URLs of the policy's status lists, for a host that has to know beforehand which servers are
    /// asked.
    pub fn status_list_prefixes(&self) -> impl Iterator<Item = &str> {
        self.authenticator.status_list_prefixes()
    }

    /// The documents to fetch now. To be called after loading, then every few seconds, and after
    /// [`supply`](Self::supply), since a document can say where another is: this keeps key sets and status lists fresh.
    /// A document is named to one caller only, until that one supplies or fails it or its time is over.
    pub fn due_fetches(&mut self, now: Timestamp) -> Vec<FetchRequest> {
        self.authenticator.due(now)
    }

    /// Stores a fetched document, with the value of the answer's Cache-Control field (empty if it had none). Returns the
    /// keys in it that are of no use here. On an error the last good copy stays in use.
    pub fn supply(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<Vec<SkippedKey>, DocumentError> {
        self.authenticator.supply(id, text, cache_control, now)
    }

    /// Notes that a fetch failed. The last good copy stays in use, up to the policy's `max_stale`.
    pub fn fail(&mut self, id: DocumentId, now: Timestamp) {
        self.authenticator.fail(id, now);
    }

    /// How many tokens were remembered from an earlier request, since the policy was loaded.
    #[must_use]
    pub fn cache_hits(&self) -> u64 {
        self.authenticator.cache_hits()
    }

    /// Decides about a request: its token, its route, what the route requires.
    pub fn authorize(
        &mut self,
        request: &Request<'_>,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<Decision> {
        let check = self.check(request, now);
        self.settle(check, attempt, now)
    }

    /// Verifies a token alone: signature, issuer, audience, time, status.
    pub fn authenticate(
        &mut self,
        token: &str,
        audience: AcceptedAudience<'_>,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<Result<Arc<VerifiedToken>, Error>> {
        let check = self.check_token(token, audience, now);
        self.settle(check, attempt, now)
    }

    /// Decides about a request by what there is, for callers on many threads: the answer stands if it is
    /// [`Check::settled`], else [`settle`](Self::settle) it.
    ///
    /// ```
    /// # use std::sync::{PoisonError, RwLock};
    /// # use tessera_verifier::{Attempt, Decision, Request, Step, Timestamp, Verifier};
    /// fn authorize(
    ///     verifier: &RwLock<Verifier>,
    ///     request: &Request<'_>,
    ///     attempt: &mut Attempt,
    ///     now: Timestamp,
    /// ) -> Step<Decision> {
    ///     let check = verifier.read().unwrap_or_else(PoisonError::into_inner).check(request, now);
    ///     match check.settled() {
    ///         Ok(decision) => Step::Done(decision),
    ///         Err(check) => {
    ///             verifier.write().unwrap_or_else(PoisonError::into_inner).settle(check, attempt, now)
    ///         }
    ///     }
    /// }
    /// ```
    pub fn check(&self, request: &Request<'_>, now: Timestamp) -> Check<Decision> {
        let rules = &self.rules;
        let path = match (target::path(request.target), rules.routes.is_empty()) {
            (Ok(path), _) => Some(path),
            // Without routes nothing depends on the path.
            (Err(_), true) => None,
            (Err(fault), false) => return self.refuse(Error::TargetRefused(fault), false).into(),
        };
        if let Some(response) = own_document(rules, request, path.as_deref()) {
            return Decision::Respond(response).into();
        }
        let anonymous = || Decision::Allow(rules.upstream.anonymous());
        if rules.cors_preflight && is_preflight(request) {
            return anonymous().into();
        }
        let route = path.as_deref().and_then(|path| rules.routes.find(request.method, request.host, path));
        let (requirement, optional) = match route.map(|route| &route.access) {
            Some(Access::Public) => return anonymous().into(),
            Some(Access::Token { requirement, optional }) => (Some(requirement), *optional),
            None if rules.routes.is_empty() => (Some(Requirement::ANY_TOKEN), false),
            None => (None, false),
        };
        let dry_run = route.is_some_and(|route| route.dry_run);

        let credentials = match request.credentials(&rules.tokens) {
            Ok(credentials) => credentials,
            Err(Error::TokenMissing) if optional => return anonymous().into(),
            Err(error) => return self.refuse(error, dry_run).into(),
        };
        let (verified, follow_up) = self.authenticator.verify(credentials.token, now, || credentials.check());
        let checked = verified.and_then(|token| {
            let Some(requirement) = requirement else {
                check_audience(&token, &rules.audiences)?;
                // Said to callers with a good token only: nobody else learns which routes there are.
                return Err(Error::RouteUnknown);
            };
            requirement.check(&token, &rules.audiences, self.authenticator.claim_paths())?;
            let keep_token = rules.dry_run || dry_run;
            Ok(rules.upstream.identified(request, &credentials, token, keep_token))
        });
        let decision = match checked {
            Ok(permit) => Decision::Allow(permit),
            Err(error) => self.refuse(error, dry_run),
        };
        Check::new(decision, follow_up)
    }

    /// Verifies a token alone by what there is, as [`check`](Self::check) does with requests.
    pub fn check_token(
        &self,
        token: &str,
        audience: AcceptedAudience<'_>,
        now: Timestamp,
    ) -> Check<Result<Arc<VerifiedToken>, Error>> {
        let (verified, follow_up) = self.authenticator.verify(token, now, || Ok(()));
        let verified = verified.and_then(|token| {
            match audience {
                AcceptedAudience::OfPolicy => check_audience(&token, &self.rules.audiences)?,
                AcceptedAudience::OneOf(audiences) => check_audience(&token, audiences)?,
                AcceptedAudience::Any => {}
            }
            Ok(token)
        });
        Check::new(verified, follow_up)
    }

    /// Does what is to be done after a check of this verifier: remembers its token, plans a fetch of what it lacks. The
    /// caller does the step that comes of it.
    pub fn settle<T>(&mut self, check: Check<T>, attempt: &mut Attempt, now: Timestamp) -> Step<T> {
        check.settle(&mut self.authenticator, attempt, now)
    }

    fn refuse(&self, error: Error, dry_run: bool) -> Decision {
        let rejection = Rejection::new(error, &self.rules.challenge);
        if dry_run || self.rules.dry_run {
            Decision::Allow(self.rules.upstream.dry_run(rejection))
        } else {
            Decision::Deny(rejection)
        }
    }
}

/// The document by which the service describes itself, if that is what is asked for.
fn own_document(rules: &Rules, request: &Request<'_>, path: Option<&str>) -> Option<LocalResponse> {
    let metadata = rules.resource.as_ref().filter(|metadata| path == Some(metadata.path.as_str()))?;
    matches!(request.method, "GET" | "HEAD").then(|| LocalResponse {
        status: 200,
        headers: [("content-type", "application/json")].into(),
        body: metadata.document.clone(),
    })
}

/// Whether a browser asks on behalf of another origin's page what it may send (Fetch §3.2.2).
fn is_preflight(request: &Request<'_>) -> bool {
    request.method == "OPTIONS"
        && PREFLIGHT_FIELDS.iter().all(|name| request.field_lines(name).next().is_some())
}

const PREFLIGHT_FIELDS: [&str; 2] = ["origin", "access-control-request-method"];

/// The header fields that decisions by these rules depend on.
fn required_headers(rules: &Rules) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for source in &rules.tokens {
        match source {
            TokenSource::Header { name, .. } => fields.push(name.clone()),
            TokenSource::Cookie(_) => fields.push("cookie".to_owned()),
            TokenSource::Query(_) => {}
        }
    }
    if rules.cors_preflight {
        fields.extend(PREFLIGHT_FIELDS.map(ToOwned::to_owned));
    }
    fields.sort();
    fields.dedup();
    fields
}

#[cfg(test)]
mod tests;
