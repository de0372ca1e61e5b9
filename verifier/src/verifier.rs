//! The verifier: a policy and the key sets that it names.

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};
use core::time::Duration;

use crate::{
    Rejection,
    credentials::{self, Request},
    crypto::{Backend, Tables},
    decision::{Authentication, Decision, Grant, VerifiedToken},
    error::Error,
    excerpt::Excerpt,
    keys::{DocumentError, KeySet, SkippedKey},
    limits,
    policy::{Access, Issuer, KeySource, Policy, PolicyError, Profile},
    refresh::{Ask, RemoteKeys},
    target,
    time::Timestamp,
    token::{self, Claims, Compact, Header},
};

/// Decides who may pass, by one policy document.
#[derive(Clone, Debug)]
pub struct Verifier {
    policy: Policy,
    tables: Tables,
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

/// Why a token is refused, and whether newer keys of its issuer could change that.
struct Refusal {
    error: Error,
    curable_by: Option<DocumentId>,
}

impl From<Error> for Refusal {
    /// Most refusals stand whatever is fetched.
    fn from(error: Error) -> Self {
        Self { error, curable_by: None }
    }
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

    fn of_issuer(index: usize) -> Self {
        // A policy's length bounds the number of its issuers far below 2³².
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl Verifier {
    /// Reads a policy document (JSON, at most [`limits::POLICY_BYTES`]).
    pub fn load(policy: &str) -> Result<Self, PolicyError> {
        Policy::parse(policy).map(|policy| Self { policy, tables: Tables::default() })
    }

    /// The header fields that decisions depend on, in lower case. A host need pass no others.
    #[must_use]
    pub fn reads(&self) -> &'static [&'static str] {
        credentials::FIELDS
    }

    /// The documents to fetch now. To be called after loading and then every few seconds: it is what
    /// keeps key sets fresh. A document is named to one caller only, until that one supplies or fails it
    /// or its time is over.
    pub fn wants(&mut self, now: Timestamp) -> Vec<Want> {
        let mut wants = Vec::new();
        for (id, keys) in self.remote_keys() {
            if keys.is_due(now) && keys.ask(now) == Ask::Fetch {
                wants.push(want(id, keys));
            }
        }
        wants
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
        let keys = self.document(id).ok_or(DocumentError::Unwanted)?;
        match KeySet::parse(text, Backend::default()) {
            Ok((set, skipped)) => {
                keys.supply(set, cache_control, now);
                Ok(skipped)
            }
            Err(error) => {
                keys.fail(now);
                Err(error)
            }
        }
    }

    /// Says that a fetch failed. The last good copy stays in use, up to [`limits::STALE_SECONDS`].
    pub fn fail(&mut self, id: DocumentId, now: Timestamp) {
        if let Some(keys) = self.document(id) {
            keys.fail(now);
        }
    }

    /// Decides about a request: its token, its route, its scopes.
    pub fn authorize(&mut self, request: &Request<'_>, now: Timestamp) -> Decision {
        match self.judge(request, now) {
            Ok(grant) => Decision::Allow(grant),
            Err(refusal) => match self.cure(&refusal, now) {
                Some(wants) => Decision::Need(wants),
                None => Decision::Deny(Rejection::new(refusal.error, &self.policy.challenge)),
            },
        }
    }

    /// Decides about a token alone: signature, issuer, audience, time.
    pub fn authenticate(&mut self, token: &str, now: Timestamp) -> Authentication {
        match self.verify(token, now) {
            Ok(token) => Authentication::Verified(token),
            Err(refusal) => match self.cure(&refusal, now) {
                Some(wants) => Authentication::Need(wants),
                None => Authentication::Refused(refusal.error),
            },
        }
    }

    fn judge(&mut self, request: &Request<'_>, now: Timestamp) -> Result<Grant, Refusal> {
        let access = self.access(request)?.cloned();
        if access == Some(Access::Public) {
            return Ok(Grant::new(None));
        }
        let token = self.verify(request.bearer_token()?, now)?;
        // Said to callers with a good token only: nobody else learns which routes there are.
        let Some(access) = access else { return Err(Error::RouteUnknown.into()) };
        permits(&access, &token)?;
        Ok(Grant::new(Some(token)))
    }

    fn verify(&mut self, token: &str, now: Timestamp) -> Result<VerifiedToken, Refusal> {
        let compact = Compact::split(token)?;
        let header = compact.header()?;
        let payload = compact.payload()?;
        let claims = token::parse_payload(&payload)?;

        // The issuer is believed only in so far as it chooses whose keys the signature is held against.
        let name = Claims::issuer(&claims)?;
        let (index, issuer) = self
            .policy
            .issuers
            .iter_mut()
            .enumerate()
            .find(|(_, issuer)| issuer.name == name)
            .ok_or_else(|| Error::IssuerUnknown { issuer: Excerpt::new(name) })?;
        check_header(issuer, &header)?;

        let curable = |error| Refusal { error, curable_by: Some(DocumentId::of_issuer(index)) };
        let keys = match &mut issuer.keys {
            KeySource::Inline(keys) => keys,
            KeySource::Remote(remote) => remote
                .keys_mut(now)
                .ok_or_else(|| curable(Error::KeysUnavailable { issuer: issuer.name.clone() }))?,
        };
        let key = keys.find(header.key_id.as_deref(), header.algorithm).map_err(curable)?;
        keys.verify(key, header.algorithm, compact.signed(), &compact.signature()?, &mut self.tables)
            .map_err(|_| Error::SignatureWrong)?;

        let claims = Claims::read(&claims)?;
        check_claims(issuer, &self.policy.audiences, &claims, now)?;
        Ok(VerifiedToken::new(issuer.name.clone(), claims, payload))
    }

    /// The documents that could turn a refusal into leave, if there are any and the time has come.
    fn cure(&mut self, refusal: &Refusal, now: Timestamp) -> Option<Vec<Want>> {
        let id = refusal.curable_by?;
        let keys = self.document(id)?;
        match keys.ask(now) {
            Ask::Fetch => Some(vec![want(id, keys)]),
            Ask::Wait => Some(Vec::new()),
            Ask::TooSoon => None,
        }
    }

    /// What the first matching route asks for; none if no route is for this request.
    fn access(&self, request: &Request<'_>) -> Result<Option<&Access>, Error> {
        if self.policy.routes.is_empty() {
            return Ok(Some(&ANY_TOKEN));
        }
        let path = target::path(request.target).map_err(Error::TargetRefused)?;
        let route = self.policy.routes.iter().find(|route| route.matches(request.method, &path));
        Ok(route.map(|route| &route.access))
    }

    fn remote_keys(&mut self) -> impl Iterator<Item = (DocumentId, &mut RemoteKeys)> {
        self.policy.issuers.iter_mut().enumerate().filter_map(|(index, issuer)| match &mut issuer.keys {
            KeySource::Inline(_) => None,
            KeySource::Remote(keys) => Some((DocumentId::of_issuer(index), keys)),
        })
    }

    fn document(&mut self, id: DocumentId) -> Option<&mut RemoteKeys> {
        self.remote_keys().find(|(own, _)| *own == id).map(|(_, keys)| keys)
    }
}

/// What a policy without routes asks for.
static ANY_TOKEN: Access = Access::Scopes(Vec::new());

fn want(id: DocumentId, keys: &RemoteKeys) -> Want {
    Want { id, url: keys.url().to_owned(), timeout: limits::FETCH_TIMEOUT, limit: limits::KEY_SET_BYTES }
}

fn check_header(issuer: &Issuer, header: &Header) -> Result<(), Error> {
    let algorithm = header.algorithm;
    if !issuer.algorithms.contains(&algorithm) {
        return Err(Error::AlgorithmForbidden { algorithm });
    }
    let accepted = match (issuer.profile, header.typ.as_deref()) {
        (Profile::AccessToken, Some(typ)) => is_media_type(typ, "at+jwt"),
        (Profile::AccessToken, None) => false,
        (Profile::Jwt, Some(typ)) => is_media_type(typ, "jwt"),
        (Profile::Jwt, None) => true,
    };
    if accepted { Ok(()) } else { Err(Error::TypeForbidden { typ: header.typ.as_deref().map(Excerpt::new) }) }
}

/// Whether a `typ` names a media type, whose `application/` may be left out (RFC 7515 §4.1.9).
fn is_media_type(typ: &str, subtype: &str) -> bool {
    let own = match typ.split_once('/') {
        Some((kind, own)) if kind.eq_ignore_ascii_case("application") => own,
        Some(_) => return false,
        None => typ,
    };
    own.eq_ignore_ascii_case(subtype)
}

fn check_claims(issuer: &Issuer, audiences: &[String], claims: &Claims, now: Timestamp) -> Result<(), Error> {
    if issuer.profile == Profile::AccessToken {
        // RFC 9068 §2.2; `iss`, `exp`, `aud` and `sub` are required of every token anyway.
        for (claim, present) in [
            ("client_id", claims.client.is_some()),
            ("iat", claims.issued.is_some()),
            ("jti", claims.token_id.is_some()),
        ] {
            if !present {
                return Err(Error::ClaimMissing { claim });
            }
        }
    }
    let skewed = now.plus(issuer.clock_skew);
    let expiry = claims.expiry;
    if now >= expiry.plus(issuer.clock_skew) {
        return Err(Error::Expired { expiry, now });
    }
    if let Some(not_before) = claims.not_before.filter(|not_before| skewed < *not_before) {
        return Err(Error::NotYetValid { not_before, now });
    }
    if let Some(issued) = claims.issued.filter(|issued| skewed < *issued) {
        return Err(Error::IssuedInFuture { issued, now });
    }
    let start = claims.issued.unwrap_or(now);
    let seconds = expiry.as_seconds().saturating_sub(start.as_seconds());
    if seconds > issuer.max_lifetime {
        return Err(Error::LifetimeTooLong { seconds, limit: issuer.max_lifetime });
    }
    if !claims.audiences.iter().any(|audience| audiences.contains(audience)) {
        let audiences = claims.audiences.iter().map(|audience| Excerpt::new(audience)).collect();
        return Err(Error::AudienceWrong { audiences });
    }
    if claims.confirmation {
        return Err(Error::SenderConstrained);
    }
    Ok(())
}

fn permits(access: &Access, token: &VerifiedToken) -> Result<(), Error> {
    let Access::Scopes(required) = access else { return Ok(()) };
    let missing: Vec<String> = required.iter().filter(|scope| !token.has_scope(scope)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::ScopeInsufficient { required: required.clone(), missing })
}

#[cfg(test)]
mod tests;
