//! The verifier: a policy, and the keys that it names.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::time::Duration;

use crate::{
    Rejection,
    authenticator::{Authenticator, Refusal},
    credentials::Request,
    crypto::Backend,
    decision::{self, Authentication, Decision, Grant},
    document::DocumentError,
    error::Error,
    keys::SkippedKey,
    limits,
    policy::{Access, Policy, PolicyError, Requirement, Rules, TokenSource, check_audience},
    published::Document,
    target,
    time::Timestamp,
};

/// Decides who may pass, by one policy document.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Rules,
    authenticator: Authenticator,
    reads: Vec<String>,
}

/// Names a document that a policy wants fetched. Every verifier of the same policy gives the same
/// document the same identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(u32);

/// A document to fetch: GET it, without following redirects, and take a 200 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Names it in [`Verifier::supply`] and [`Verifier::fail`].
    pub id: DocumentId,
    /// Where it is.
    pub url: String,
    /// How long the whole fetch may take.
    pub timeout: Duration,
    /// The longest body worth reading, in bytes.
    pub limit: usize,
}

impl DocumentId {
    /// An identifier as it crossed a boundary that has only numbers.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The identifier for a boundary that has only numbers.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// From high to low: 16 bits of tag, 15 of the issuer's place ([`limits::DOCUMENT_ELEMENTS`] bounds their
    /// number far below 2¹⁵), one for the kind of document.
    fn new(issuer: usize, document: Document, tag: u16) -> Self {
        let issuer = u32::try_from(issuer).unwrap_or(u32::MAX) & 0x7fff;
        Self(u32::from(tag) << 16 | issuer << 1 | u32::from(document == Document::Metadata))
    }

    /// The place of the issuer, which of its documents it is, and the tag of that.
    pub(crate) fn parts(self) -> (usize, Document, u16) {
        let document = if self.0 & 1 == 0 { Document::KeySet } else { Document::Metadata };
        let [high, low, ..] = self.0.to_be_bytes();
        (
            usize::try_from(self.0 >> 1 & 0x7fff).unwrap_or(usize::MAX),
            document,
            u16::from_be_bytes([high, low]),
        )
    }
}

impl Want {
    pub(crate) fn new(issuer: usize, document: Document, tag: u16, url: String) -> Self {
        let limit = match document {
            Document::KeySet => limits::KEY_SET_BYTES,
            Document::Metadata => limits::METADATA_BYTES,
        };
        Self { id: DocumentId::new(issuer, document, tag), url, timeout: limits::FETCH_TIMEOUT, limit }
    }
}

/// How far a request got by itself.
enum Judgement {
    Allow(Grant),
    Answer(decision::Document),
    Refuse {
        refusal: Refusal,
        /// Whether that is to be reported only.
        dry_run: bool,
    },
}

impl Verifier {
    /// Reads a policy document (JSON, at most [`limits::POLICY_BYTES`]).
    pub fn load(policy: &str) -> Result<Self, PolicyError> {
        Self::load_with(policy, Backend::default())
    }

    /// Reads a policy document for a verifier with these cryptographic implementations.
    pub fn load_with(policy: &str, backend: Backend) -> Result<Self, PolicyError> {
        let Policy { issuers, urls, cache, claims, rules } = Policy::parse(policy, backend)?;
        let reads = fields_read(&rules);
        Ok(Self { rules, authenticator: Authenticator::new(issuers, urls, claims, cache, backend), reads })
    }

    /// The header fields that decisions depend on, in lower case. A host need pass no others.
    #[must_use]
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    /// The documents to fetch now. To be called after loading, then every few seconds, and after
    /// [`supply`](Self::supply), since a document can say where another is: it is what keeps key sets
    /// fresh. A document is named to one caller only, until that one supplies or fails it or its time is
    /// over.
    pub fn wants(&mut self, now: Timestamp) -> Vec<Want> {
        self.authenticator.wants(now)
    }

    /// Hands over a fetched document and the value of its Cache-Control field (empty if it had none).
    /// Says which keys of it are of no use here. On an error the last good copy stays in use.
    pub fn supply(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<Vec<SkippedKey>, DocumentError> {
        self.authenticator.supply(id, text, cache_control, now)
    }

    /// Says that a fetch failed. The last good copy stays in use, up to the policy's `max_stale`.
    pub fn fail(&mut self, id: DocumentId, now: Timestamp) {
        self.authenticator.fail(id, now);
    }

    /// How many tokens were remembered from an earlier request, since the policy was loaded.
    #[must_use]
    pub fn cache_hits(&self) -> u64 {
        self.authenticator.cache_hits()
    }

    /// Decides about a request: its token, its route, what the route requires.
    pub fn authorize(&mut self, request: &Request<'_>, now: Timestamp) -> Decision {
        self.decide(request, now, true)
    }

    /// Decides about a request with what there is, and never says [`Decision::Need`]: for a host that
    /// has fetched [`limits::FETCH_ROUNDS`] times for it, or cannot fetch.
    pub fn conclude(&mut self, request: &Request<'_>, now: Timestamp) -> Decision {
        self.decide(request, now, false)
    }

    fn decide(&mut self, request: &Request<'_>, now: Timestamp, patient: bool) -> Decision {
        match self.judge(request, now) {
            Judgement::Allow(grant) => Decision::Allow(grant),
            Judgement::Answer(document) => Decision::Answer(document),
            Judgement::Refuse { refusal, dry_run } => {
                if patient && let Some(wants) = self.authenticator.cure(&refusal, now) {
                    return Decision::Need(wants);
                }
                let rejection = Rejection::new(refusal.error, &self.rules.challenge);
                if dry_run {
                    Decision::Allow(self.rules.upstream.dry_run(rejection))
                } else {
                    Decision::Deny(rejection)
                }
            }
        }
    }

    /// Decides about a token alone: signature, issuer, audience, time.
    pub fn authenticate(&mut self, token: &str, now: Timestamp) -> Authentication {
        let Self { rules, authenticator, .. } = self;
        authenticate(authenticator, token, &rules.audiences, now)
    }

    /// The same, with these audiences instead of the policy's: for who answers to different names at different
    /// times.
    pub fn authenticate_for(&mut self, token: &str, audiences: &[&str], now: Timestamp) -> Authentication {
        authenticate(&mut self.authenticator, token, audiences, now)
    }

    fn judge(&mut self, request: &Request<'_>, now: Timestamp) -> Judgement {
        let Self { rules, authenticator, .. } = self;
        let refuse =
            |refusal: Refusal, dry_run| Judgement::Refuse { refusal, dry_run: dry_run || rules.dry_run };
        let path = match (target::path(request.target), rules.routes.is_empty()) {
            (Ok(path), _) => Some(path),
            // Without routes nothing depends on the path.
            (Err(_), true) => None,
            (Err(fault), false) => return refuse(Error::TargetRefused(fault).into(), false),
        };
        if let Some(document) = own_document(rules, request, path.as_deref()) {
            return Judgement::Answer(document);
        }
        if rules.cors_preflight && is_preflight(request) {
            return Judgement::Allow(rules.upstream.anonymous());
        }
        let route = path.as_deref().and_then(|path| rules.routes.find(request.method, request.host, path));
        let (requirement, optional) = match route.map(|route| &route.access) {
            Some(Access::Public) => return Judgement::Allow(rules.upstream.anonymous()),
            Some(Access::Token { requirement, optional }) => (Some(requirement), *optional),
            None if rules.routes.is_empty() => (Some(Requirement::ANY_TOKEN), false),
            None => (None, false),
        };
        let dry_run = route.is_some_and(|route| route.dry_run);

        let credentials = match request.credentials(&rules.tokens) {
            Ok(credentials) => credentials,
            Err(Error::TokenMissing) if optional => {
                return Judgement::Allow(rules.upstream.anonymous());
            }
            Err(error) => return refuse(error.into(), dry_run),
        };
        let verified =
            authenticator.verify(credentials.token, now, || credentials.check()).and_then(|token| {
                let Some(requirement) = requirement else {
                    check_audience(&token, &rules.audiences)?;
                    // Said to callers with a good token only: nobody else learns which routes there are.
                    return Err(Error::RouteUnknown.into());
                };
                requirement.check(&token, &rules.audiences, authenticator.claim_paths())?;
                Ok(token)
            });
        match verified {
            Ok(token) => {
                let keep_token = rules.dry_run || dry_run;
                Judgement::Allow(rules.upstream.identified(request, &credentials, token, keep_token))
            }
            Err(refusal) => refuse(refusal, dry_run),
        }
    }
}

fn authenticate(
    authenticator: &mut Authenticator,
    token: &str,
    audiences: &[impl AsRef<str>],
    now: Timestamp,
) -> Authentication {
    let verified = authenticator.verify(token, now, || Ok(())).and_then(|token| {
        check_audience(&token, audiences)?;
        Ok(token)
    });
    match verified {
        Ok(token) => Authentication::Verified(token),
        Err(refusal) => match authenticator.cure(&refusal, now) {
            Some(wants) => Authentication::Need(wants),
            None => Authentication::Refused(refusal.error),
        },
    }
}

/// The document by which the service describes itself, if that is what is asked for.
fn own_document(rules: &Rules, request: &Request<'_>, path: Option<&str>) -> Option<decision::Document> {
    let metadata = rules.resource.as_ref().filter(|metadata| path == Some(metadata.path.as_str()))?;
    matches!(request.method, "GET" | "HEAD").then(|| decision::Document {
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
fn fields_read(rules: &Rules) -> Vec<String> {
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
