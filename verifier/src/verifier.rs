//! The verifier: a policy, and the keys that it names.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::time::Duration;

use crate::{
    Rejection,
    authenticator::{Authenticated, Authenticator, Lacking, Refusal},
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

    /// Whether it names a status list: one of many documents that come and go, while the others stay as long as the
    /// policy does.
    #[must_use]
    pub const fn is_status_list(self) -> bool {
        self.0 & STATUS_LIST_BIT != 0
    }

    /// From high to low: 16 bits of tag, one for status lists, 14 of the issuer's place
    /// ([`limits::DOCUMENT_ELEMENTS`] bounds their number below 2¹³), one for metadata.
    fn new(issuer: usize, document: Document, tag: u16) -> Self {
        let issuer = u32::try_from(issuer).unwrap_or(u32::MAX) & ISSUER_BITS;
        let kind = match document {
            Document::KeySet => 0,
            Document::Metadata => METADATA_BIT,
            Document::StatusList => STATUS_LIST_BIT,
        };
        Self(u32::from(tag) << 16 | issuer << 1 | kind)
    }

    /// The place of the issuer, which of its documents it is, and the tag of that.
    pub(crate) fn parts(self) -> (usize, Document, u16) {
        let document = match (self.0 & STATUS_LIST_BIT, self.0 & METADATA_BIT) {
            (0, 0) => Document::KeySet,
            (0, _) => Document::Metadata,
            _ => Document::StatusList,
        };
        let [high, low, ..] = self.0.to_be_bytes();
        (
            usize::try_from(self.0 >> 1 & ISSUER_BITS).unwrap_or(usize::MAX),
            document,
            u16::from_be_bytes([high, low]),
        )
    }
}

const METADATA_BIT: u32 = 1;
const STATUS_LIST_BIT: u32 = 1 << 15;
const ISSUER_BITS: u32 = 0x3fff;

impl Want {
    pub(crate) fn new(issuer: usize, document: Document, tag: u16, url: String) -> Self {
        let limit = match document {
            Document::KeySet => limits::KEY_SET_BYTES,
            Document::Metadata => limits::METADATA_BYTES,
            Document::StatusList => limits::STATUS_LIST_BYTES,
        };
        Self { id: DocumentId::new(issuer, document, tag), url, timeout: limits::FETCH_TIMEOUT, limit }
    }
}

/// How far a request got with what there is.
struct Judgement {
    verdict: Verdict,
    /// What could make another one of it.
    lacking: Option<Lacking>,
}

enum Verdict {
    Allow(Grant),
    Answer(decision::Document),
    Refuse {
        error: Error,
        /// Whether that is to be reported only.
        dry_run: bool,
    },
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, lacking: None }
    }
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

    /// What the URLs of the status lists that the policy asks for begin with: for a host that has to know beforehand
    /// which servers are asked.
    pub fn status_lists(&self) -> impl Iterator<Item = &str> {
        self.authenticator.status_lists()
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
        let Judgement { verdict, lacking } = self.judge(request, now);
        if patient && let Some(wants) = lacking.and_then(|lacking| self.authenticator.cure(&lacking, now)) {
            return Decision::Need(wants);
        }
        match verdict {
            Verdict::Allow(grant) => Decision::Allow(grant),
            Verdict::Answer(document) => Decision::Answer(document),
            Verdict::Refuse { error, dry_run } => {
                let rejection = Rejection::new(error, &self.rules.challenge);
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
        let refuse = |Refusal { error, lacking }, dry_run| Judgement {
            verdict: Verdict::Refuse { error, dry_run: dry_run || rules.dry_run },
            lacking,
        };
        let path = match (target::path(request.target), rules.routes.is_empty()) {
            (Ok(path), _) => Some(path),
            // Without routes nothing depends on the path.
            (Err(_), true) => None,
            (Err(fault), false) => return refuse(Error::TargetRefused(fault).into(), false),
        };
        if let Some(document) = own_document(rules, request, path.as_deref()) {
            return Verdict::Answer(document).into();
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
        let Authenticated { token, lacking } =
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
                let grant = rules.upstream.identified(request, &credentials, token, keep_token);
                Judgement { verdict: Verdict::Allow(grant), lacking }
            }
            Err(error) => refuse(Refusal { error, lacking }, dry_run),
        }
    }
}

fn authenticate(
    authenticator: &mut Authenticator,
    token: &str,
    audiences: &[impl AsRef<str>],
    now: Timestamp,
) -> Authentication {
    let (verified, lacking) = match authenticator.verify(token, now, || Ok(())) {
        Ok(Authenticated { token, lacking }) => (check_audience(&token, audiences).and(Ok(token)), lacking),
        Err(Refusal { error, lacking }) => (Err(error), lacking),
    };
    if let Some(wants) = lacking.and_then(|lacking| authenticator.cure(&lacking, now)) {
        return Authentication::Need(wants);
    }
    match verified {
        Ok(token) => Authentication::Verified(token),
        Err(error) => Authentication::Refused(error),
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
