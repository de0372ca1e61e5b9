//! The verifier: a policy, and the keys that it names.

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec::Vec};

#[cfg(doc)]
use crate::limits;
use crate::{
    Rejection,
    attempt::{Attempt, Step},
    authenticator::{Authenticated, Authenticator, Missing, Refusal},
    credentials::Request,
    crypto::Backend,
    decision::{Decision, LocalResponse, Permit, VerifiedToken},
    document::DocumentError,
    error::Error,
    fetch::{DocumentId, FetchRequest},
    keys::SkippedKey,
    policy::{Access, Policy, PolicyError, Requirement, Rules, TokenSource, check_audience},
    target,
    time::Timestamp,
};

/// Decides who may pass, by one policy document.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Rules,
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
}

/// How far a request got with what there is.
struct Judgement {
    verdict: Verdict,
    /// What could make another one of it.
    missing: Option<Missing>,
}

enum Verdict {
    Allow(Permit),
    Respond(LocalResponse),
    Refuse {
        error: Error,
        /// Whether that is to be reported only.
        dry_run: bool,
    },
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, missing: None }
    }
}

impl Verifier {
    /// Reads a policy document (JSON, at most [`limits::POLICY_BYTES`]), for a verifier with this cryptography.
    pub fn load(policy: &str, backend: Backend) -> Result<Self, PolicyError> {
        let Policy { issuers, urls, cache, claims, rules } = Policy::parse(policy, backend)?;
        let required_headers = required_headers(&rules);
        let authenticator = Authenticator::new(issuers, urls, claims, cache, backend);
        Ok(Self { rules, authenticator, required_headers })
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
        let Judgement { verdict, missing } = self.judge(request, now);
        self.step(missing, verdict, attempt, now).map(|verdict| match verdict {
            Verdict::Allow(permit) => Decision::Allow(permit),
            Verdict::Respond(response) => Decision::Respond(response),
            Verdict::Refuse { error, dry_run } => {
                let rejection = Rejection::new(error, &self.rules.challenge);
                if dry_run {
                    Decision::Allow(self.rules.upstream.dry_run(rejection))
                } else {
                    Decision::Deny(rejection)
                }
            }
        })
    }

    /// Decides about a token alone: signature, issuer, audience, time, status.
    pub fn authenticate(
        &mut self,
        token: &str,
        audience: AcceptedAudience<'_>,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<Result<Arc<VerifiedToken>, Error>> {
        let Self { rules, authenticator, .. } = self;
        let (verified, missing) = match authenticator.verify(token, now, || Ok(())) {
            Ok(Authenticated { token, missing }) => {
                let accepted = match audience {
                    AcceptedAudience::OfPolicy => check_audience(&token, &rules.audiences),
                    AcceptedAudience::OneOf(audiences) => check_audience(&token, audiences),
                };
                (accepted.and(Ok(token)), missing)
            }
            Err(Refusal { error, missing }) => (Err(error), missing),
        };
        self.step(missing, verified, attempt, now)
    }

    /// The step of a caller whose answer this is, unless what it lacks is to be had.
    fn step<T>(
        &mut self,
        missing: Option<Missing>,
        answer: T,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<T> {
        match missing {
            None => Step::Done(answer),
            Some(missing) => {
                let plan = self.authenticator.plan(&missing, attempt.may_fetch(), now);
                attempt.step(plan, answer, now)
            }
        }
    }

    fn judge(&mut self, request: &Request<'_>, now: Timestamp) -> Judgement {
        let Self { rules, authenticator, .. } = self;
        let refuse = |Refusal { error, missing }, dry_run| Judgement {
            verdict: Verdict::Refuse { error, dry_run: dry_run || rules.dry_run },
            missing,
        };
        let path = match (target::path(request.target), rules.routes.is_empty()) {
            (Ok(path), _) => Some(path),
            // Without routes nothing depends on the path.
            (Err(_), true) => None,
            (Err(fault), false) => return refuse(Error::TargetRefused(fault).into(), false),
        };
        if let Some(response) = own_document(rules, request, path.as_deref()) {
            return Verdict::Respond(response).into();
        }
        if rules.cors_preflight && is_preflight(request) {
            return Verdict::Allow(rules.upstream.anonymous()).into();
        }
        let route = path.as_deref().and_then(|path| rules.routes.find(request.method, request.host, path));
        let (requirement, optional) = match route.map(|route| &route.access) {
            Some(Access::Public) => return Verdict::Allow(rules.upstream.anonymous()).into(),
            Some(Access::Token { requirement, optional }) => (Some(requirement), *optional),
            None if rules.routes.is_empty() => (Some(Requirement::ANY_TOKEN), false),
            None => (None, false),
        };
        let dry_run = route.is_some_and(|route| route.dry_run);

        let credentials = match request.credentials(&rules.tokens) {
            Ok(credentials) => credentials,
            Err(Error::TokenMissing) if optional => {
                return Verdict::Allow(rules.upstream.anonymous()).into();
            }
            Err(error) => return refuse(error.into(), dry_run),
        };
        let Authenticated { token, missing } =
            match authenticator.verify(credentials.token, now, || credentials.check()) {
                Ok(authenticated) => authenticated,
                Err(refusal) => return refuse(refusal, dry_run),
            };
        let checked = match requirement {
            Some(requirement) => requirement.check(&token, &rules.audiences, authenticator.claim_paths()),
            // Said to callers with a good token only: nobody else learns which routes there are.
            None => check_audience(&token, &rules.audiences).and(Err(Error::RouteUnknown)),
        };
        match checked {
            Ok(()) => {
                let keep_token = rules.dry_run || dry_run;
                let permit = rules.upstream.identified(request, &credentials, token, keep_token);
                Judgement { verdict: Verdict::Allow(permit), missing }
            }
            Err(error) => refuse(Refusal { error, missing }, dry_run),
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
